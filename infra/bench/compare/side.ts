import { isDeepStrictEqual } from 'node:util';
import type { Load } from '../load.ts';

/** Who uses the processor: `rest` is what runs beside an invocation and takes no part in it. */
export const roles = ['gateway', 'plugin', 'broker', 'rest'] as const;
export type Role = (typeof roles)[number];

/** One that runs, and takes load. */
export interface Side extends AsyncDisposable {
  target: Pick<Load, 'port' | 'path' | 'key'>;
  pids: Record<Role, number[]>;
}

const answerMostMs = 10_000;

/** What everybody is sent, and has to answer. */
export const message = { text: 'x'.repeat(100) };
export const body = JSON.stringify(message);

/** @returns what is answered to one request */
export function post({ port, path, key }: Side['target'], sent: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    },
    body: sent,
    signal: AbortSignal.timeout(answerMostMs),
  });
}

/** A side that answers something else is fast for nothing. @throws Error when it does not echo */
export async function expectEcho(target: Side['target']): Promise<void> {
  const response = await post(target, body);
  const text = await response.text();
  const isJson = /^application\/json\b/.test(response.headers.get('content-type') ?? '');
  if (response.status !== 200 || !isJson || !isDeepStrictEqual(JSON.parse(text), message))
    throw new Error(`${target.path} has to echo what it is sent, and answered ${response.status}: ${text}`);
}
