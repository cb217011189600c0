import type { Principal, SignIn } from '@bkg/sdk/protocol';
import type { CallOptions } from '../plugins.ts';
import { requestDone, requestJson } from '../request.ts';

const path = '/api/session';
const timeoutMs = 10_000;

/** @throws ProblemError UNAUTHENTICATED when nobody is signed in */
export function getSession(options: CallOptions = {}): Promise<Principal> {
  return requestJson(path, { ...options, timeoutMs });
}

export function signIn(what: SignIn, options: CallOptions = {}): Promise<Principal> {
  return requestJson(path, { ...options, method: 'POST', body: JSON.stringify(what), timeoutMs });
}

export function signOut(options: CallOptions = {}): Promise<void> {
  return requestDone(path, { ...options, method: 'DELETE', timeoutMs });
}
