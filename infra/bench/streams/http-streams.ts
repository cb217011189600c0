import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { streamer } from './plugin.ts';

/** One connection for each: none waits for another's. */
const agent = new Agent({ keepAlive: false, maxSockets: Infinity });

export interface Ask {
  port: number;
  capability: string;
  payload: object;
  accept: string;
}

/** The answer to a POST, when its head has come. @throws Error for one that is no success, with what it says */
export async function post({ port, capability, payload, accept }: Ask): Promise<IncomingMessage> {
  const body = JSON.stringify(payload);
  const headers = { accept, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return await answerTo({ port, capability, headers }, (sender) => void sender.end(body));
}

/** Sends a body as it comes, and waits for the answer. @returns its text. @throws Error for one that is no success */
export async function upload(
  { port, capability, sizeBytes }: { port: number; capability: string; sizeBytes: number },
  body: Readable,
): Promise<string> {
  const headers = { 'content-type': 'application/octet-stream', 'content-length': sizeBytes };
  const answer = await answerTo({ port, capability, headers }, (sender) => void body.pipe(sender));
  return await textOf(answer);
}

async function answerTo(
  {
    port,
    capability,
    headers,
  }: { port: number; capability: string; headers: Record<string, string | number> },
  send: (sender: ReturnType<typeof request>) => void,
): Promise<IncomingMessage> {
  const answered = Promise.withResolvers<IncomingMessage>();
  const path = `/api/plugins/${streamer}/invoke/${capability}`;
  const sender = request({ agent, host: '127.0.0.1', port, method: 'POST', path, headers }, answered.resolve);
  sender.once('error', answered.reject);
  send(sender);
  const answer = await answered.promise;
  if (answer.statusCode === 200) return answer;
  throw new Error(`${capability} was answered ${answer.statusCode}: ${await textOf(answer)}`);
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of answer.setEncoding('utf8')) text += piece;
  return text;
}
