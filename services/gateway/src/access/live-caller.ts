import { BkgError, isAllowed } from '@bkg/sdk';
import type { Need, Principal, Scope } from '@bkg/sdk';
import type { Refusal } from '@bkg/sdk/access';
import type { Caller } from './caller.ts';
import { readableBy, scopesOf } from './caller.ts';

/** By what it has shown who it is. */
export type Proof = { by: 'key'; prefix: string; hash: string } | { by: 'session'; hash: string };

/** Older than that, what is known of a caller counts no more: as what is remembered of keys does. */
const currentMs = 60_000;

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

  /** Something is open that has to be told. */
  get isWatched(): boolean {
    return this.#listeners.size > 0;
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
    if (principal === this.#remembered) return;
    this.#remembered = principal;
    this.checked(principal);
  }

  /** It was found out again. */
  checked(principal: Principal): void {
    this.#checkedAt = this.#now();
    const isSame = principal.scopes.join() === this.#principal.scopes.join();
    this.#principal = principal;
    if (isSame) return;
    this.#scopes = scopesOf(principal);
    this.#readable = readableBy(this.#scopes);
    this.#revision += 1;
    for (const listener of [...this.#listeners]) listener();
  }

  end({ refused }: Refusal): void {
    if (!this.#ending.signal.aborted) this.#ending.abort(refusedError(this.proof.by, refused));
  }

  /** Its time is over, whatever else is known of it. */
  get isOver(): boolean {
    const { expires_at } = this.#principal;
    return expires_at !== undefined && Date.parse(expires_at) <= Date.now();
  }
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
