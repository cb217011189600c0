import http from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { delay } from '@bkg/sdk/host';
import type { Problem } from '@bkg/sdk/protocol';
import { apiKeyFor } from './api-key.ts';
import type { KeyInUse } from './api-key.ts';
import type { Arguments } from './command.ts';
import { Failure } from './failure.ts';
import { gatewayUrl } from './mesh-address.ts';
import { readProblem, refusal } from './refusal.ts';
import type { Concern, Refusal } from './refusal.ts';
import { sendBody } from './send-body.ts';

export interface GatewayRequest {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  headers?: Record<string, string>;
  body?: Buffer | string | PipedBody;
  /** For everything, the answer included. @default 15000 */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Told when there is a connection: what is asked for may be done from then on. */
  onConnect?: () => void;
  /** For what is said of a failure. */
  concern?: Concern;
}

/** There was no answer, or not all of it. */
export class NoAnswer extends Failure {
  override name = 'NoAnswer';
}

/** A body that is sent while it is read. */
export interface PipedBody {
  /** Undefined: nobody knows. */
  sizeBytes?: number;
  /** Called once, when there is a connection. */
  open: () => Readable;
  /** Told of what is sent. */
  onSent?: (bytes: number) => void;
}

/** An answer whose body still comes. */
export interface OpenAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: AsyncIterable<Buffer>;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** As it was sent. */
  body: Buffer;
}

/** Far beyond what a gateway sends, which has it in one message of the broker. */
const answerMostBytes = 256 * 1024 * 1024;
const connectWithinMs = 5_000;
const answerWithinMs = 15_000;
/** `bkg up` starts a gateway again that has ended, at first within a quarter of a second. */
const backWithinMs = 3_000;
const lookEveryMs = 100;

/** The mesh as everybody sees it: over HTTP. */
export class Gateway {
  readonly url: URL;
  readonly #env: NodeJS.ProcessEnv;
  /** The API key that it is asked with. */
  readonly key: KeyInUse;

  constructor(args: Arguments, env: NodeJS.ProcessEnv) {
    this.url = gatewayUrl(env, args.text('url'));
    this.#env = env;
    this.key = apiKeyFor(this.url, env);
  }

  /** For people: without what may be secret in it. */
  get name(): string {
    return `${this.url.protocol}//${this.url.host}`;
  }

  /** Sent with every request. */
  get headers(): Record<string, string> {
    return this.key.text === undefined ? {} : { authorization: `Bearer ${this.key.text}` };
  }

  /** @returns the body of a success @throws Failure */
  async get(path: string, request: GatewayRequest = {}): Promise<Buffer> {
    return this.#succeed(await this.request(path, request), request.concern);
  }

  /** @throws Failure */
  async json<T>(path: string, request: GatewayRequest = {}): Promise<T> {
    const body = await this.get(path, request);
    try {
      return JSON.parse(body.toString()) as T;
    } catch (error) {
      throw this.#stranger(`its answer to ${path} is not JSON`, error);
    }
  }

  /**
   * Sends one request, and closes the connection after it: that ends an invocation which is not answered yet.
   * @returns the answer, a failure too
   * @throws Failure when there is none; the reason of `signal`
   */
  request(path: string, request: GatewayRequest = {}): Promise<Answer> {
    return this.exchange(path, request, readWhole);
  }

  /**
   * The same with an answer that is read while it comes: the connection is closed when `read` is done with it.
   * @throws Failure when there is none; what `read` throws; the reason of `signal`
   */
  async exchange<T>(
    path: string,
    { timeoutMs = answerWithinMs, ...request }: GatewayRequest,
    read: (answer: OpenAnswer) => Promise<T>,
  ): Promise<T> {
    const late = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([late, ...(request.signal ? [request.signal] : [])]);
    try {
      const response = await this.#exchangeWhenThere(path, request, signal);
      try {
        return await read({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: response as AsyncIterable<Buffer>,
        });
      } finally {
        response.destroy();
      }
    } catch (error) {
      request.signal?.throwIfAborted();
      // Before all others: what reads the answer is told that it is cut off.
      if (late.aborted) throw this.#silent(timeoutMs);
      if (error instanceof Failure) throw error;
      // Without a code it is no failure of the network but a fault of ours.
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      throw this.#unreachable(error as NodeJS.ErrnoException);
    }
  }

  /** A gateway of a mesh on this machine that takes no connection may just be started again: it gets a moment. */
  async #exchangeWhenThere(
    path: string,
    request: GatewayRequest,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    let waitUntil: number | undefined;
    for (;;) {
      try {
        const response = await this.#send(path, request, signal);
        // It listens before it has read what plugins there are. A body that was piped cannot be sent twice.
        const isComing =
          response.statusCode === 503 && waitUntil !== undefined && performance.now() < waitUntil;
        if (!isComing || isPiped(request.body)) return response;
        response.destroy();
        await delay(lookEveryMs, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
        // Only now, because it takes longer to load than most answers take.
        const { describeHeldMesh, heldMesh, sayWaiting } = await import('./held-mesh.ts');
        const mesh = heldMesh(this.#env, this.url);
        if (!mesh) throw error;
        if (waitUntil === undefined && mesh.state !== 'stopping') sayWaiting(mesh);
        waitUntil ??= performance.now() + (mesh.state === 'stopping' ? 0 : backWithinMs);
        if (performance.now() >= waitUntil) throw describeHeldMesh(mesh, this.name, error);
        await delay(lookEveryMs, signal);
      }
    }
  }

  async #send(path: string, request: GatewayRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const { method = 'GET', headers, body, onConnect } = request;
    const url = new URL(this.url.pathname.replace(/\/$/, '') + path, this.url);
    // Most meshes are on this machine; loading TLS takes longer than the answer.
    const { request: send } = url.protocol === 'https:' ? await import('node:https') : http;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const sent = send(
      url,
      {
        method,
        signal,
        agent: false,
        headers: {
          ...this.headers,
          ...headers,
          ...lengthOf(body),
        },
      },
      resolve,
    );
    const unconnected = setTimeout(
      () => sent.destroy(Object.assign(new Error('it takes no connection'), { code: 'ETIMEDOUT' })),
      connectWithinMs,
    );
    sent.on('error', reject).on('close', () => clearTimeout(unconnected));
    const whenConnected = (): void => {
      clearTimeout(unconnected);
      onConnect?.();
      if (isPiped(body)) void sendBody(sent, body);
    };
    sent.on('socket', (socket) => {
      if (!socket.connecting) whenConnected();
      else socket.once('connect', whenConnected);
    });
    if (!isPiped(body)) sent.end(body);
    return promise;
  }

  /** A problem that it has answered, with what there is to say of the key that it was asked with. */
  refusal(problem: Problem, concern: Concern = {}, exitCode = 1): Refusal {
    return refusal(problem, { ...concern, key: this.key }, exitCode);
  }

  #succeed({ status, headers, body }: Answer, concern?: Concern): Buffer {
    if (status >= 200 && status < 300) return body;
    const problem = readProblem(body, headers);
    if (problem) throw this.refusal(problem, concern);
    throw this.#stranger(`it answers with status ${status}`);
  }

  #stranger(what: string, cause?: unknown): Failure {
    return new Failure(
      `${this.name} is no gateway of bkg: ${what}.`,
      'name the right address with --url, or with BKG_HOST and BKG_PORT.',
      { cause },
    );
  }

  #silent(timeoutMs: number): Failure {
    return new NoAnswer(
      `The gateway at ${this.name} did not answer to the end within ${timeoutMs / 1_000} s.`,
      'look into logs/gateway.log in the folder of the mesh (BKG_HOME).',
    );
  }

  #unreachable(error: NodeJS.ErrnoException): Failure {
    const started = 'start one with `npm start` in the folder of bkg';
    const elsewhere = 'say where it is with --url, or with BKG_HOST and BKG_PORT';
    if (error.code === 'ECONNREFUSED')
      return new Failure(`No mesh runs at ${this.name}.`, `${started}, or ${elsewhere}.`, { cause: error });
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE')
      return new NoAnswer(
        `The gateway at ${this.name} closed the connection before it had answered.`,
        'try again: it may have been started anew. Its log says more (logs/gateway.log in BKG_HOME).',
        { cause: error },
      );
    const why = error.message || error.code;
    return new Failure(`No mesh can be reached at ${this.name}: ${why}.`, `${elsewhere}.`, { cause: error });
  }
}

function isPiped(body: GatewayRequest['body']): body is PipedBody {
  return typeof body === 'object' && 'open' in body;
}

/** Without a length Node sends a body in chunks. */
function lengthOf(body: GatewayRequest['body']): Record<string, number> {
  const bytes = isPiped(body) ? body.sizeBytes : body === undefined ? undefined : Buffer.byteLength(body);
  return bytes === undefined ? {} : { 'content-length': bytes };
}

async function readWhole({ body, ...head }: OpenAnswer): Promise<Answer> {
  return { ...head, body: await readAll(body) };
}

/** @throws Failure for more than any message of the broker */
export async function readAll(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > answerMostBytes)
      throw new Failure(`The answer has more than ${answerMostBytes} bytes.`, 'ask for less at once.');
  }
  return Buffer.concat(chunks, bytes);
}
