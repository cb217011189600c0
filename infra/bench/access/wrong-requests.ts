import { createKey, createSecret } from '@bkg/sdk/access';
import { requestOf } from '../load.ts';
import { invokeBody, invokePath } from './http-stage.ts';

/** In what way somebody guesses. */
export const guesses = ['keys', 'secrets', 'sessions'] as const;
export type Guess = (typeof guesses)[number];

/**
 * One more guess: a key that there is not, a wrong secret of one that there is, or a session that there is not.
 * @param prefix of the key that there is
 */
export function wrongRequest(guess: Guess, port: number, prefix: string): Buffer {
  if (guess === 'sessions') {
    const cookie = `Cookie: bkg_session=${createSecret()}`;
    return Buffer.from(`GET /api/plugins HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${cookie}\r\n\r\n`);
  }
  const key = guess === 'keys' ? createKey().text : `bkg_${prefix}_${createSecret()}`;
  return requestOf({ port, path: invokePath, body: invokeBody, key });
}
