import { BkgError, BriefSet, isAllowed } from '@bkg/sdk';
import type { Need, Principal, Scope } from '@bkg/sdk';
import type { Refusal } from '@bkg/sdk/access';
import type { Caller, Held } from './caller.ts';
import { readableBy, scopesOf } from './caller.ts';

/** By what it has shown who it is. */
export type Proof = { by: 'key'; prefix: string; hash: string } | { by: 'session'; hash: string };

/** Older than that, what is known of a caller counts no more: as what is remembered of keys does. */
const currentMs = 60_000;
const freshMs = 1_000;

/** One key or one session, for all who come with it. */
export class LiveCaller implements Caller {
  readonly proof: Proof;
  readonly #ending = new AbortController();
  readonly #listeners = new Set<() => void>();
  readonly #now: () => number;
  #principal: Principal;
  #scopes: Scope[];
  #readable: ReadonlySet<string> | undefined;
  #revision = 0;
  /** When this was known to be so. */
  #checkedAt: number;
  /** When it was looked up last. */
  #lookedUpAt: number;
  /** When its time is over, in ms since the epoch. */
  #endsAt: number;
  readonly #running = new BriefSet<Held>();
  /** What was remembered of it, which is the same object as long as nobody was asked. */
  #remembered: Principal;

  constructor(proof: Proof, principal: Principal, now: () => number) {
    this.proof = proof;
    this.#now = now;
    this.#principal = principal;
    this.#remembered = principal;
    this.#scopes = scopesOf(principal);
    this.#readable = readableBy(this.#scopes);
    this.#checkedAt = now();
    this.#lookedUpAt = this.#checkedAt;
    this.#endsAt = endOf(principal);
  }

  get principal(): Principal {
    return this.#principal;
  }

  get revision(): number {
    return this.#revision;
  }

  get ended(): AbortSignal {
    return this.#ending.signal;
  }

  /** Something is open or runs that has to be told. */
  get isWatched(): boolean {
    return this.#listeners.size + this.#running.size > 0;
  }

  get ageMs(): number {
    return this.#now() - this.#checkedAt;
  }

  allows(need: Need): boolean {
    return !this.#ending.signal.aborted && isAllowed(this.#scopes, need);
  }

  readable(): ReadonlySet<string> | undefined {
    return this.#readable;
  }

  assertCurrent(): void {
    if (this.ageMs <= currentMs) return;
    throw new BkgError(
      'PLUGIN_UNAVAILABLE',
      `The plugin apikeys does not answer, and the key ${this.#principal.prefix} was last checked more than ${currentMs / 1_000} s ago; try again in a moment.`,
    );
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** It has come again, and this is what is remembered of it. */
  remembered(principal: Principal): void {
    this.#lookedUpAt = this.#now();
    if (principal === this.#remembered) return;
    this.#remembered = principal;
    this.checked(principal);
  }

  /** It was found out again. */
  checked(principal: Principal): void {
    this.#checkedAt = this.#now();
    const isSame = principal.scopes.join() === this.#principal.scopes.join();
    this.#principal = principal;
    this.#endsAt = endOf(principal);
    if (isSame) return;
    this.#scopes = scopesOf(principal);
    this.#readable = readableBy(this.#scopes);
    this.#revision += 1;
    for (const listener of [...this.#listeners]) listener();
    for (const running of this.#running) running.changed();
  }

  hold(running: Held): void {
    if (this.#ending.signal.aborted) running.ended(this.#ending.signal.reason);
    this.#running.add(running);
  }

  release(running: Held): void {
    this.#running.delete(running);
  }

  end({ refused }: Refusal): void {
    if (this.#ending.signal.aborted) return;
    const why = refusedError(this.proof.by, refused);
    this.#ending.abort(why);
    for (const running of this.#running) running.ended(why);
  }

  /** Its time is over, whatever else is known of it. */
  get isOver(): boolean {
    return this.#endsAt <= Date.now();
  }

  /** It was looked up a moment ago, and nothing was heard since: it need not be again. */
  get isFresh(): boolean {
    return this.#now() - this.#lookedUpAt < freshMs && !this.isOver && !this.#ending.signal.aborted;
  }

  /** Something may have changed. */
  doubt(): void {
    this.#lookedUpAt = -Infinity;
  }
}

function endOf({ expires_at }: Principal): number {
  return expires_at === undefined ? Infinity : Date.parse(expires_at);
}

const words: Record<Refusal['refused'], string> = {
  unknown: 'is not known',
  expired: 'has expired',
  revoked: 'was revoked',
};

export function refusedError(by: Proof['by'], refused: Refusal['refused']): BkgError {
  const [what, remedy] =
    by === 'key' ? ['This API key', 'Use another one.'] : ['This session', 'Sign in again.'];
  const detail = by === 'session' && refused === 'unknown' ? 'has ended' : words[refused];
  return new BkgError('UNAUTHENTICATED', `${what} ${detail}. ${remedy}`);
}
