import type { ClientState } from '@bkg/sdk/client/ws';
import { isAllowed, type Need, type Principal, type Problem, type SignIn } from '@bkg/sdk/protocol';
import { createContext } from 'svelte';
import { DraftStore } from '../draft-store.ts';
import { RunHistory } from '../runs/run-history.ts';
import { ProblemError, problemOfError } from '../request.ts';
import { wait } from '../wait.ts';
import { scopesOf, whyNotAllowed } from './allowed.ts';
import { refusals } from './refusals.ts';
import { getSession, signIn, signOut } from './session-api.ts';

/** `asking` until the gateway has said it for the first time. */
export type SessionState = 'asking' | 'in' | 'out';

/** What other tabs are told: only that it is worth looking. */
const channelName = 'bkg-session';
const askAgainMs = 2_000;
/** No timer of a browser is longer. */
const timerMostMs = 2 ** 31 - 1;

/** Who is signed in here. The cookie is the browser's; a page cannot read it, and asks. */
export class Session {
  state = $state<SessionState>('asking');
  principal = $state.raw<Principal>();
  /** Why nobody has said yet who is signed in. */
  problem = $state.raw<Problem>();
  #scopes = $derived(this.principal ? scopesOf(this.principal) : []);
  #asking: Promise<void> | undefined;
  #channel: BroadcastChannel | undefined;
  #expiry: ReturnType<typeof setTimeout> | undefined;
  /** An answer to a question from before somebody signed in or out counts no more. */
  #round = 0;

  mayDo(need: Need): boolean {
    return isAllowed(this.#scopes, need);
  }

  /** Why it is not offered, as a sentence; undefined when this key may do it. */
  whyNot(need: Need): string | undefined {
    return whyNotAllowed(this.#scopes, need);
  }

  get isAdmin(): boolean {
    return this.mayDo({ verb: 'admin' });
  }

  /** Asks who is signed in until that is known, and again whenever there is a reason to. @returns ends it */
  run(): () => void {
    const end = new AbortController();
    const look = () => void this.refresh();
    this.#channel = new BroadcastChannel(channelName);
    this.#channel.addEventListener('message', look);
    const unwatch = refusals.on(look);
    // A key that may do more than before says so by nothing that is refused.
    const lookWhenSeen = () => document.visibilityState === 'visible' && look();
    document.addEventListener('visibilitychange', lookWhenSeen);
    void this.#askUntilKnown(end.signal);
    return () => {
      end.abort();
      unwatch();
      document.removeEventListener('visibilitychange', lookWhenSeen);
      clearTimeout(this.#expiry);
      this.#channel?.close();
    };
  }

  /** A socket that was closed, or is not let in, may say that the session is over; a browser does not tell which. */
  watch(source: { onState: (listener: (state: ClientState) => void) => () => void }): () => void {
    let wasAway = false;
    return source.onState(({ status }) => {
      // Back again, the key may do something else than before.
      if (status === 'offline' || wasAway) void this.refresh();
      wasAway = status === 'offline';
    });
  }

  /** Asks once; several at a time are one question. */
  refresh(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  /** @throws ProblemError UNAUTHENTICATED when it is no key or no ticket, or none any more */
  async signIn(what: SignIn): Promise<void> {
    const principal = await signIn(what);
    this.#round += 1;
    this.#take(principal);
    this.#channel?.postMessage('in');
  }

  /** @throws ProblemError, UnreachableError: then nobody knows whether the session is over */
  async signOut(): Promise<void> {
    try {
      await signOut();
    } catch (error) {
      if (!isUnauthenticated(error)) throw error;
    }
    this.#round += 1;
    new DraftStore().clear();
    new RunHistory().clear();
    this.#leave();
    this.#channel?.postMessage('out');
  }

  async #askUntilKnown(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.state === 'asking') {
      await this.refresh();
      if (this.state === 'asking') await wait(askAgainMs, signal);
    }
  }

  async #ask(): Promise<void> {
    const round = this.#round;
    try {
      const principal = await getSession();
      if (round === this.#round) this.#take(principal);
    } catch (error) {
      if (round !== this.#round) return;
      if (isUnauthenticated(error)) this.#leave();
      // Who was signed in still is, as far as anybody knows; what does not answer shows by the socket.
      else if (this.state === 'asking') this.problem = problemOfError(error);
    }
  }

  #take(principal: Principal): void {
    // Another one who uses this tab now sees nothing of what the last one typed.
    new DraftStore().keepFor(principal.prefix);
    new RunHistory().keepFor(principal.prefix);
    this.problem = undefined;
    this.principal = principal;
    this.state = 'in';
    clearTimeout(this.#expiry);
    if (principal.expires_at === undefined) return;
    const endsInMs = Date.parse(principal.expires_at) - Date.now();
    this.#expiry = setTimeout(
      () => void this.refresh(),
      Math.min(timerMostMs, Math.max(1_000, endsInMs + 500)),
    );
  }

  #leave(): void {
    clearTimeout(this.#expiry);
    this.problem = undefined;
    this.principal = undefined;
    this.state = 'out';
  }
}

function isUnauthenticated(error: unknown): boolean {
  return error instanceof ProblemError && error.problem.status === 401;
}

export const [getAccess, setAccess] = createContext<Session>();
