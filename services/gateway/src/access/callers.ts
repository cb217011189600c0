import { setMaxListeners } from 'node:events';
import { BkgError } from '@bkg/sdk';
import type { Logger, Principal } from '@bkg/sdk';
import { hashSecret } from '@bkg/sdk/access';
import type { Keeper, KeyParts, KeyVerifier, Refusal } from '@bkg/sdk/access';
import { LiveCaller } from './live-caller.ts';
import type { Proof } from './live-caller.ts';

export interface CallersParts {
  keeper: Pick<Keeper, 'verifyKey' | 'verifySession'>;
  verifier: Pick<KeyVerifier, 'verify' | 'verifySession' | 'forget' | 'forgetSession'>;
  log: Logger;
  /** @default 10000 */
  most?: number;
  /** How often those are looked after who have something open. @default 1000 */
  sweepEveryMs?: number;
  now?: () => number;
}

/** Of one that has something open; what is not heard, such as a session that ended at another gateway, is found so. */
const recheckMs = 1_000;
/** Of many, each: so that all together ask 200 times a second at most. */
const recheckMsEach = 5;
/** After the broker was away those are asked for whose memory still counts. */
const remembersMs = 60_000;
const atOnceMost = 16;

/**
 * Everybody who has shown lately who they are, one entry for each key and each session. Each is found out again when
 * its key changes, and from time to time as long as something is open for it.
 */
export class Callers {
  readonly #parts: CallersParts;
  readonly #now: () => number;
  readonly #most: number;
  /** The one that was used longest ago first. */
  readonly #known = new Map<string, LiveCaller>();
  /** To be asked for. */
  readonly #due = new Set<LiveCaller>();
  readonly #asking = new Set<LiveCaller>();
  /** Of whom nobody could say anything: to be asked for again by the next look. */
  readonly #unanswered = new Set<LiveCaller>();
  readonly #sweep: NodeJS.Timeout;

  constructor(parts: CallersParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => performance.now());
    this.#most = parts.most ?? 10_000;
    this.#sweep = setInterval(() => this.#look(), parts.sweepEveryMs ?? 1_000).unref();
  }

  /**
   * Of whom it was found out a moment ago. What is looked for is a SHA-256: how long that takes tells of it, and
   * nothing leads from there to the secret.
   */
  recent({ prefix, secret }: KeyParts): LiveCaller | undefined {
    const known = this.#known.get(prefix + hashSecret(secret));
    return known?.isFresh ? known : undefined;
  }

  /** @throws BkgError PLUGIN_UNAVAILABLE when nobody can say */
  async ofKey(parts: KeyParts): Promise<LiveCaller | Refusal> {
    const { prefix, secret } = parts;
    const hash = hashSecret(secret);
    const found = await this.#parts.verifier.verify(parts);
    // While a key is rotated it has two secrets, of which one may end before the other.
    return this.#found({ by: 'key', prefix, hash }, found);
  }

  /** @param hash of the text in the cookie */
  async ofSession(hash: string): Promise<LiveCaller | Refusal> {
    const found = await this.#parts.verifier.verifySession(hash);
    return this.#found({ by: 'session', hash }, found);
  }

  /** A key is another now, or of no use any more: what is open with it, or with a session of it, is looked after. */
  changed(prefix: string): void {
    this.#parts.verifier.forget(prefix);
    for (const caller of this.#known.values()) {
      if (caller.principal.prefix !== prefix) continue;
      const { proof } = caller;
      if (proof.by === 'session') this.#parts.verifier.forgetSession(proof.hash);
      caller.doubt();
      this.#due.add(caller);
    }
    this.#askDue();
  }

  /** A session has been signed out. */
  signedOut(hash: string): void {
    this.#parts.verifier.forgetSession(hash);
    this.#known.get(hash)?.end({ refused: 'unknown' });
    this.#known.delete(hash);
  }

  /** Nobody knows what was said while the broker was away. */
  recheckAll(): void {
    for (const caller of this.#known.values()) {
      caller.doubt();
      if (this.#counts(caller)) this.#due.add(caller);
    }
    this.#askDue();
  }

  close(): void {
    clearInterval(this.#sweep);
    this.#due.clear();
  }

  #found(proof: Proof, found: Principal | Refusal): LiveCaller | Refusal {
    const name = nameOf(proof);
    const known = this.#known.get(name);
    if ('refused' in found) {
      if (known) this.#end(known, found);
      return found;
    }
    if (known && !known.ended.aborted) {
      known.remembered(found);
      this.#known.delete(name);
      this.#known.set(name, known);
      return known;
    }
    const caller = new LiveCaller(proof, found, this.#now);
    // Everything that is open listens.
    setMaxListeners(0, caller.ended);
    this.#known.set(name, caller);
    this.#forgetOldest();
    return caller;
  }

  #end(caller: LiveCaller, refusal: Refusal): void {
    const name = nameOf(caller.proof);
    if (this.#known.get(name) === caller) this.#known.delete(name);
    caller.end(refusal);
  }

  #forgetOldest(): void {
    if (this.#known.size <= this.#most) return;
    for (const [key, caller] of this.#known) {
      if (caller.isWatched) continue;
      this.#known.delete(key);
      // Nothing that is heard of it reaches it any more.
      caller.doubt();
      return;
    }
  }

  #look(): void {
    const watched = [...this.#known.values()].filter((caller) => caller.isWatched);
    for (const caller of this.#unanswered) if (this.#counts(caller)) this.#due.add(caller);
    this.#unanswered.clear();
    const everyMs = Math.max(recheckMs, watched.length * recheckMsEach);
    for (const caller of watched) {
      if (caller.isOver) this.#end(caller, { refused: 'expired' });
      else if (caller.ageMs >= everyMs) this.#due.add(caller);
    }
    this.#askDue();
  }

  /** Whether it may still be let in, or is. */
  #counts(caller: LiveCaller): boolean {
    return caller.isWatched || caller.ageMs < remembersMs;
  }

  #askDue(): void {
    for (const caller of this.#due) {
      if (this.#asking.size >= atOnceMost) return;
      // What is answered now may be older than what has changed since.
      if (this.#asking.has(caller)) continue;
      this.#due.delete(caller);
      if (caller.ended.aborted) continue;
      this.#asking.add(caller);
      void this.#ask(caller).finally(() => {
        this.#asking.delete(caller);
        this.#askDue();
      });
    }
  }

  async #ask(caller: LiveCaller): Promise<void> {
    const { keeper, verifier, log } = this.#parts;
    const { proof } = caller;
    try {
      const found = await (proof.by === 'key'
        ? keeper.verifyKey({ prefix: proof.prefix, hash: proof.hash })
        : keeper.verifySession(proof.hash));
      const { revision } = caller;
      if ('refused' in found) this.#end(caller, found);
      else caller.checked(found.principal);
      if (!caller.ended.aborted && caller.revision === revision) return;
      // What is remembered is older than this.
      if (proof.by === 'key') verifier.forget(proof.prefix);
      else verifier.forgetSession(proof.hash);
    } catch (error) {
      // What was known counts for a while.
      this.#unanswered.add(caller);
      const { prefix } = caller.principal;
      if (error instanceof BkgError)
        log.debug({ key: prefix, code: error.code }, 'a key could not be checked');
      else log.error({ key: prefix, error }, 'checking a key failed');
    }
  }
}

function nameOf(proof: Proof): string {
  return proof.by === 'key' ? proof.prefix + proof.hash : proof.hash;
}
