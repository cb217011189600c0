import http from 'node:http';
import { Readable } from 'node:stream';
import { headerNames } from '@bkg/sdk/protocol';
import { chunkEvents, StreamFailure } from '../../bench/server-events.ts';
import { cutOff, unforeseen } from '../ledger.ts';
import { timeoutMs } from '../operation.ts';
import type { Operation } from '../operation.ts';
import { Failure, payloadOf, uploadOf } from './running.ts';
import type { Begin, Running } from './running.ts';

export interface HttpOptions {
  url: string;
  headers: { authorization: string };
}

const bytesType = 'application/octet-stream';

/** Invocations by `POST`, on connections that are kept. */
export class HttpWay implements Disposable {
  readonly #options: HttpOptions;
  readonly #agent = new http.Agent({ keepAlive: true });

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  readonly begin: Begin = (operation, invocationId) => {
    const { url, headers } = this.#options;
    const { plugin, kind, number } = operation;
    const address = `${url}/api/plugins/${plugin}`;
    const body = JSON.stringify(payloadOf(operation));
    const request = http.request(`${address}/invoke/${kind}`, {
      method: 'POST',
      agent: this.#agent,
      headers: {
        ...headers,
        ...typesOf(operation),
        // Of an upload every second one does not say how much it will be.
        ...(kind === 'take' && number % 2 === 0 && { 'content-length': sizeOf(operation) }),
        ...(kind !== 'take' && { 'content-length': Buffer.byteLength(body) }),
        [headerNames.invocationId]: invocationId,
        [headerNames.timeoutMs]: String(timeoutMs),
      },
    });
    const answered = answerOf(request);
    if (kind === 'take') sendAll(request, Readable.from(uploadOf(operation)));
    else request.end(body);
    const cancel = (): void => {
      // What becomes of it the invocation itself tells.
      fetch(`${address}/invocations/${invocationId}`, { method: 'DELETE', headers }).catch(() => undefined);
    };
    return { ...readingOf(operation, answered), cancel, drop: () => void request.destroy() };
  };

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

function typesOf({ kind }: Operation): Record<string, string> {
  const accept = kind === 'words' ? 'text/event-stream' : kind === 'bytes' ? bytesType : 'application/json';
  return { accept, 'content-type': kind === 'take' ? bytesType : 'application/json' };
}

function sizeOf({ content }: Operation): number {
  return content.pieces * content.bytes;
}

/** An answer may come before all is sent: then nobody reads the rest. */
function sendAll(request: http.ClientRequest, body: Readable): void {
  request.once('close', () => body.destroy());
  body.once('error', (error) => request.destroy(error));
  body.pipe(request);
}

function answerOf(request: http.ClientRequest): Promise<http.IncomingMessage> {
  const answered = Promise.withResolvers<http.IncomingMessage>();
  request.once('response', answered.resolve);
  request.on('error', (error) => answered.reject(new Failure(cutOff, error.message)));
  // Destroyed without an error it says nothing else.
  request.once('close', () => answered.reject(new Failure(cutOff, 'the request was closed')));
  answered.promise.catch(() => undefined);
  return answered.promise;
}

function readingOf(
  { kind }: Operation,
  answered: Promise<http.IncomingMessage>,
): Pick<Running, 'pieces' | 'output'> {
  let result: unknown;
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    const answer = await answered;
    if (answer.statusCode !== 200) throw problemOf(await textOf(answer));
    try {
      if (kind === 'words') result = yield* texts(chunkEvents(answer));
      else if (kind === 'bytes') yield* answer as AsyncIterable<Buffer>;
      else result = JSON.parse(await textOf(answer));
    } catch (error) {
      throw failureOf(error as Error);
    }
  };
  return { pieces: pieces(), output: async () => result };
}

async function* texts(chunks: AsyncGenerator<Buffer, Buffer>): AsyncGenerator<Buffer, unknown> {
  for (;;) {
    const { done, value } = await chunks.next();
    const data: unknown = JSON.parse(value.toString());
    if (done) return data;
    yield Buffer.from(String(data), 'latin1');
  }
}

async function textOf(answer: http.IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of answer.setEncoding('utf8')) text += piece;
  return text;
}

function failureOf(error: Error): Error {
  if (error instanceof StreamFailure) {
    if (error.problem !== '') return problemOf(error.problem);
    const isCut = error.message.includes('cut off');
    return new Failure(isCut ? cutOff : unforeseen, error.message);
  }
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ECONNRESET' ? new Failure(cutOff, error.message) : error;
}

function problemOf(text: string): Failure {
  try {
    const { code, detail } = JSON.parse(text) as { code?: unknown; detail?: unknown };
    if (typeof code === 'string') return new Failure(code, String(detail));
  } catch {
    // Told below.
  }
  return new Failure(unforeseen, text.slice(0, 200));
}
