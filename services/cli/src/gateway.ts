import http from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Problem } from '@bkg/sdk/protocol';
import { apiKeyFor } from './api-key.ts';
import type { KeyInUse } from './api-key.ts';
import type { Arguments } from './command.ts';
import { Failure } from './failure.ts';
import { gatewayUrl } from './mesh-address.ts';
import { readProblem, refusal } from './refusal.ts';
import type { Concern, Refusal } from './refusal.ts';

export interface GatewayRequest {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  headers?: Record<string, string>;
  body?: Buffer | string;
  /** For everything, the answer included. @default 15000 */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** For what is said of a failure. */
  concern?: Concern;
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
  async request(
    path: string,
    { timeoutMs = answerWithinMs, ...request }: GatewayRequest = {},
  ): Promise<Answer> {
    const late = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([late, ...(request.signal ? [request.signal] : [])]);
    try {
      return await this.#exchangeWhenThere(path, request, signal);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (error instanceof Failure) throw error;
      if (late.aborted) throw this.#silent(timeoutMs);
      // Without a code it is no failure of the network but a fault of ours.
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      throw this.#unreachable(error as NodeJS.ErrnoException);
    }
  }

  /** A gateway of a mesh on this machine that takes no connection may just be started again: it gets a moment. */
  async #exchangeWhenThere(path: string, request: GatewayRequest, signal: AbortSignal): Promise<Answer> {
    let waitUntil: number | undefined;
    for (;;) {
      try {
        const answer = await this.#exchange(path, request, signal);
        // It listens before it has read what plugins there are.
        const isComing = answer.status === 503 && waitUntil !== undefined && performance.now() < waitUntil;
        if (!isComing) return answer;
        await delay(lookEveryMs, undefined, { signal });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
        // Only now, because it takes longer to load than most answers take.
        const { describeHeldMesh, heldMesh, sayWaiting } = await import('./held-mesh.ts');
        const mesh = heldMesh(this.#env, this.url);
        if (!mesh) throw error;
        if (waitUntil === undefined && mesh.state !== 'stopping') sayWaiting(mesh);
        waitUntil ??= performance.now() + (mesh.state === 'stopping' ? 0 : backWithinMs);
        if (performance.now() >= waitUntil) throw describeHeldMesh(mesh, this.name, error);
        await delay(lookEveryMs, undefined, { signal });
      }
    }
  }

  async #exchange(path: string, request: GatewayRequest, signal: AbortSignal): Promise<Answer> {
    const { method = 'GET', headers, body } = request;
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
          ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
        },
      },
      resolve,
    );
    const unconnected = setTimeout(
      () => sent.destroy(Object.assign(new Error('it takes no connection'), { code: 'ETIMEDOUT' })),
      connectWithinMs,
    );
    sent.on('error', reject).on('close', () => clearTimeout(unconnected));
    sent.on('socket', (socket) => {
      if (!socket.connecting) clearTimeout(unconnected);
      else socket.once('connect', () => clearTimeout(unconnected));
    });
    sent.end(body);
    const response = await promise;
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: await readAll(response),
    };
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
    return new Failure(
      `The gateway at ${this.name} did not answer within ${timeoutMs / 1_000} s.`,
      'look into logs/gateway.log in the folder of the mesh (BKG_HOME).',
    );
  }

  #unreachable(error: NodeJS.ErrnoException): Failure {
    const started = 'start one with `npm start` in the folder of bkg';
    const elsewhere = 'say where it is with --url, or with BKG_HOST and BKG_PORT';
    if (error.code === 'ECONNREFUSED')
      return new Failure(`No mesh runs at ${this.name}.`, `${started}, or ${elsewhere}.`, { cause: error });
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE')
      return new Failure(
        `The gateway at ${this.name} closed the connection before it had answered.`,
        'try again: it may have been started anew. Its log says more (logs/gateway.log in BKG_HOME).',
        { cause: error },
      );
    const why = error.message || error.code;
    return new Failure(`No mesh can be reached at ${this.name}: ${why}.`, `${elsewhere}.`, { cause: error });
  }
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > answerMostBytes)
      throw new Failure(`The answer has more than ${answerMostBytes} bytes.`, 'ask for less at once.');
  }
  return Buffer.concat(chunks, bytes);
}
