import { sessionMostSecs, ticketMostSecs } from '@bkg/sdk';
import type { Ticket } from '@bkg/sdk';
import { createSecret, hashSecret } from '@bkg/sdk/access';
import type { KeyProof, NewSession, Refusal, SessionProof, Verdict } from '@bkg/sdk/access';
import { conflict, notFound } from './errors.ts';
import type { Keys } from './keys.ts';
import { isOver } from './record.ts';
import type { Kind } from './record.ts';
import { matchSecret } from './secret.ts';
import type { SignIns } from './sign-ins.ts';
import type { Store } from './store.ts';
import type { Uses } from './uses.ts';
import { endOf, judgeSession } from './verdict.ts';

export interface SessionsOptions {
  store: Store;
  keys: Keys;
  uses: Uses;
  signIns: SignIns;
  now: () => number;
  /** Of all keys together. */
  most: number;
}

/** Of one key. One more ends the one that ends first anyway. */
const sessionsOfKeyMost = 100;
const ticketsOfKeyMost = 10;

/**
 * Sessions of people who have signed in with a key, and tickets that sign in once. Of both only hashes are kept, and
 * they are found by these: what a hash table tells by its time is of a hash, from which nobody comes to the secret.
 */
export class Sessions {
  readonly #store: Store;
  readonly #keys: Keys;
  readonly #uses: Uses;
  readonly #signIns: SignIns;
  readonly #now: () => number;
  readonly #most: number;

  constructor({ store, keys, uses, signIns, now, most }: SessionsOptions) {
    this.#store = store;
    this.#keys = keys;
    this.#uses = uses;
    this.#signIns = signIns;
    this.#now = now;
    this.#most = most;
  }

  async verify(hash: string): Promise<Verdict> {
    await this.#store.whole();
    let verdict = this.#judge(hash);
    if ('refused' in verdict) {
      // Another instance may just have made it.
      await this.#store.current();
      verdict = this.#judge(hash);
    }
    if ('principal' in verdict) this.#uses.note(verdict.principal.prefix);
    return verdict;
  }

  /** @throws PluginError APIKEYS_CONFLICT when there are too many; BkgError RATE_LIMITED when the key signs in too often */
  async create(proof: SessionProof): Promise<NewSession | Refusal> {
    const shown = 'ticket_hash' in proof ? await this.#redeem(proof.ticket_hash) : await this.#proven(proof);
    if ('refused' in shown) return shown;
    if (this.#store.all('session').size >= this.#most)
      throw conflict(`There are ${this.#most} sessions, which is all that are kept: sign out somewhere.`);
    await this.#makeRoom('session', shown.prefix, sessionsOfKeyMost);
    const session = createSecret();
    const hash = hashSecret(session);
    const record = {
      prefix: shown.prefix,
      key_hash: shown.hash,
      created_at: this.#time(0),
      expires_at: this.#time(sessionMostSecs),
    };
    const verdict = judgeSession(this.#store, record, this.#now());
    if ('refused' in verdict) return verdict;
    await this.#store.write('session', hash, record, 0);
    const { principal } = verdict;
    return { principal, session, expires_at: principal.expires_at ?? record.expires_at };
  }

  /** @returns the prefix of its key; undefined when there was none */
  async delete(hash: string): Promise<string | undefined> {
    await this.#store.current();
    const entry = this.#store.get('session', hash);
    if (!entry) return undefined;
    await this.#store.remove('session', hash, entry.revision);
    return entry.value.prefix;
  }

  /**
   * @throws PluginError APIKEYS_NOT_FOUND; APIKEYS_CONFLICT for a key, or a secret of it, that is of no use any more;
   *   BkgError RATE_LIMITED when the key signs in too often
   */
  async createTicket({ prefix, hash }: KeyProof): Promise<Ticket> {
    await this.#store.current();
    const record = this.#store.get('key', prefix)?.value;
    if (!record) throw notFound(`There is no key ${prefix}, so that nobody could sign in with it.`);
    const ended = endOf(record, this.#now());
    if (ended)
      throw conflict(`${prefix} is ${ended.refused}, so that nobody can sign in with it: take another key.`);
    if (!matchSecret(record, hash, this.#now()))
      throw conflict(`The secret that was shown of ${prefix} is none of its: show the one of now.`);
    this.#signIns.take(prefix);
    await this.#makeRoom('ticket', prefix, ticketsOfKeyMost);
    const ticket = createSecret();
    const expires_at = this.#time(ticketMostSecs);
    await this.#store.write('ticket', hashSecret(ticket), { prefix, key_hash: hash, expires_at }, 0);
    return { ticket, expires_at };
  }

  #judge(hash: string): Verdict {
    return judgeSession(this.#store, this.#store.get('session', hash)?.value, this.#now());
  }

  async #proven(proof: KeyProof): Promise<KeyProof | Refusal> {
    const verdict = await this.#keys.verify(proof);
    if ('refused' in verdict) return verdict;
    this.#signIns.take(proof.prefix);
    return proof;
  }

  /** A ticket does once, and was counted when it was made: of all who show it at the same time, on whatever instance, one removes it. */
  async #redeem(ticketHash: string): Promise<KeyProof | Refusal> {
    await this.#store.current();
    const entry = this.#store.get('ticket', ticketHash);
    if (!entry) return { refused: 'unknown' };
    if (!(await this.#store.remove('ticket', ticketHash, entry.revision))) return { refused: 'unknown' };
    const { prefix, key_hash, expires_at } = entry.value;
    if (isOver(expires_at, this.#now())) return { refused: 'expired' };
    const record = this.#store.get('key', prefix)?.value;
    if (!record) return { refused: 'unknown' };
    const ended = endOf(record, this.#now());
    if (ended) return ended;
    this.#uses.note(prefix);
    return { prefix, hash: key_hash };
  }

  async #makeRoom(kind: Kind & ('session' | 'ticket'), prefix: string, most: number): Promise<void> {
    const own = [...this.#store.all(kind)]
      .filter(([, { value }]) => value.prefix === prefix)
      .sort(([, a], [, b]) => Date.parse(a.value.expires_at) - Date.parse(b.value.expires_at));
    for (const [id, { revision }] of own.slice(0, Math.max(0, own.length - most + 1)))
      await this.#store.remove(kind, id, revision);
  }

  #time(inSecs: number): string {
    return new Date(this.#now() + inSecs * 1_000).toISOString();
  }
}
