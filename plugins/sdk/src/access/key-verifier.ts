import { BkgError } from '../protocol/errors.ts';
import type { Principal } from '../protocol/access.ts';
import { accessPlugin } from '../protocol/scopes.ts';
import { hashSecret } from './key.ts';
import type { KeyParts } from './key.ts';
import type { Keeper, Refusal, Verdict } from './keeper.ts';
import { VerdictMemory } from './verdict-memory.ts';
import type { Remembered } from './verdict-memory.ts';

export interface KeyVerifierOptions {
  keeper: Pick<Keeper, 'verifyKey' | 'verifySession'>;
  /** For so long an answer counts without asking again. @default 5000 */
  freshMs?: number;
  /** For so long it counts while the keeper does not answer. @default 60000 */
  staleMs?: number;
  /** How many principals are remembered, of keys and of sessions. @default 10000 each */
  most?: number;
  /** In ms since the epoch, for tests. @default Date.now */
  now?: () => number;
}

/** Whom a question is about: `id` is no secret, and finds what is remembered. */
interface Subject {
  kind: 'key' | 'session';
  id: string;
  hash: string;
}

interface Question {
  verdict: Promise<Verdict>;
  state: QuestionState;
}

interface QuestionState {
  /** What it is answered may be older than a change that was heard of since. */
  isOutdated: boolean;
}

/** One that was just not answered is not asked again in the background for so long. */
const quietMs = 500;
/** More at a time are told that we are busy: each is a request that waits for its answer. */
const questionsMost = 1_000;
const repeatsMost = 3;

/**
 * Finds out who somebody is, without a question for each request:
 *
 *   age of the answer   0 ────── freshMs ─────────────── staleMs ──────►
 *                       counts   counts, and is asked    is asked first
 *                                again meanwhile
 *   keeper away         counts   counts                  PLUGIN_UNAVAILABLE
 *
 * What is not remembered is asked first, and refused while the keeper is away. `forget` is for events of keys that have
 * changed.
 */
export class KeyVerifier {
  readonly #keeper: Pick<Keeper, 'verifyKey' | 'verifySession'>;
  readonly #freshMs: number;
  readonly #staleMs: number;
  readonly #now: () => number;
  readonly #memories: { key: VerdictMemory; session: VerdictMemory };
  readonly #questions = new Map<string, Question>();
  /** When a question failed last. */
  #failedAt = -Infinity;
  readonly #ending = new AbortController();

  constructor(options: KeyVerifierOptions) {
    const { keeper, freshMs = 5_000, staleMs = 60_000, most = 10_000, now = Date.now } = options;
    this.#keeper = keeper;
    this.#freshMs = freshMs;
    this.#staleMs = staleMs;
    this.#now = now;
    this.#memories = { key: new VerdictMemory(most), session: new VerdictMemory(most) };
  }

  /** @throws BkgError PLUGIN_UNAVAILABLE when the keeper is away and it is not known; BUSY */
  verify({ prefix, secret }: KeyParts): Promise<Principal | Refusal> {
    return this.#verify({ kind: 'key', id: prefix, hash: hashSecret(secret) });
  }

  /** @param hash `hashSecret` of the session. @throws what `verify` throws */
  verifySession(hash: string): Promise<Principal | Refusal> {
    return this.#verify(sessionOf(hash));
  }

  /** The key has changed: it and its sessions are asked for anew, also by those who are waiting just now. */
  forget(prefix: string): void {
    this.#memories.key.forget(prefix);
    this.#memories.session.forgetWhere((principal) => principal.prefix === prefix);
    for (const [name, { state }] of this.#questions) {
      // Whose a session is, is not known yet.
      if (name.startsWith('session ') || name.startsWith(`key ${prefix} `)) state.isOutdated = true;
    }
  }

  /** Forgets one session, such as one that was just signed out. */
  forgetSession(hash: string): void {
    const session = sessionOf(hash);
    this.#memories.session.remove(session.id, hash);
    const question = this.#questions.get(nameOf(session));
    if (question) question.state.isOutdated = true;
  }

  close(): void {
    this.#ending.abort(new Error('closed'));
  }

  async #verify(subject: Subject): Promise<Principal | Refusal> {
    const remembered = this.#memories[subject.kind].find(subject.id, subject.hash);
    if (remembered && this.#counts(remembered)) {
      const ageMs = this.#now() - remembered.askedAt;
      const isQuiet = this.#now() - this.#failedAt < quietMs;
      // What comes of it is remembered; a failure is told to nobody, because what is known counts.
      if (ageMs >= this.#freshMs && !isQuiet) this.#ask(subject).catch(() => undefined);
      return remembered.principal;
    }
    const verdict = await this.#ask(subject);
    return 'refused' in verdict ? verdict : verdict.principal;
  }

  #counts({ askedAt, principal }: Remembered): boolean {
    const ageMs = this.#now() - askedAt;
    return ageMs >= 0 && ageMs < this.#staleMs && !this.#isOver(principal);
  }

  #isOver({ expires_at }: Principal): boolean {
    return expires_at !== undefined && Date.parse(expires_at) <= this.#now();
  }

  /** Those who want to know the same at the same time share one question. */
  #ask(subject: Subject): Promise<Verdict> {
    const name = nameOf(subject);
    const running = this.#questions.get(name);
    if (running) return running.verdict;
    if (this.#questions.size >= questionsMost) {
      const text = `${questionsMost} questions about keys wait for ${accessPlugin}: try again.`;
      return Promise.reject(new BkgError('BUSY', text));
    }
    const state = { isOutdated: false };
    const verdict = this.#answer(subject, state).finally(() => this.#questions.delete(name));
    this.#questions.set(name, { verdict, state });
    return verdict;
  }

  async #answer(subject: Subject, state: QuestionState): Promise<Verdict> {
    const memory = this.#memories[subject.kind];
    for (let repeats = 0; ; repeats += 1) {
      state.isOutdated = false;
      const askedAt = this.#now();
      const verdict = await this.#askKeeper(subject);
      if (state.isOutdated && repeats < repeatsMost) continue;
      if ('refused' in verdict) memory.remove(subject.id, subject.hash);
      else if (!state.isOutdated)
        memory.add(subject.id, { hash: subject.hash, principal: verdict.principal, askedAt });
      return verdict;
    }
  }

  async #askKeeper({ kind, id, hash }: Subject): Promise<Verdict> {
    const options = { signal: this.#ending.signal };
    try {
      return kind === 'key'
        ? await this.#keeper.verifyKey({ prefix: id, hash }, options)
        : await this.#keeper.verifySession(hash, options);
    } catch (cause) {
      this.#failedAt = this.#now();
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new BkgError(
        'PLUGIN_UNAVAILABLE',
        `Whether this ${kind} is valid cannot be found out now, because ${accessPlugin} is away: ${why}`,
        { cause },
      );
    }
  }
}

/** A part of it finds the place; the whole is compared there, in a time that tells nothing. */
function sessionOf(hash: string): Subject {
  return { kind: 'session', id: hash.slice(0, 16), hash };
}

function nameOf({ kind, id, hash }: Subject): string {
  return `${kind} ${id} ${hash}`;
}
