import type { Principal, SignIn } from '@bkg/sdk/protocol';
import { requestDone, requestJson } from '../request.ts';

const path = '/api/session';
const timeoutMs = 10_000;

/** @throws ProblemError UNAUTHENTICATED when nobody is signed in */
export function getSession(): Promise<Principal> {
  return requestJson(path, { timeoutMs });
}

export function signIn(what: SignIn): Promise<Principal> {
  return requestJson(path, { method: 'POST', body: JSON.stringify(what), timeoutMs });
}

export function signOut(): Promise<void> {
  return requestDone(path, { method: 'DELETE', timeoutMs });
}
