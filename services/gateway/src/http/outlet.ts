import type { FastifyReply } from 'fastify';
import { discardRest } from './bodies.ts';

export interface OutletOptions {
  contentType: string;
  headers?: Record<string, string>;
  /** Until it is settled a slow client is waited for; when it fails no longer. */
  complete: Promise<unknown>;
  /** When all that it is to get is here, a client has to take so much as fits into its socket in this time. @default 60000 */
  restMs?: number | undefined;
}

/** The body of an answer, a success, that is written piece by piece and no faster than the client takes it. */
export class Outlet {
  readonly #reply: FastifyReply;
  readonly #restMs: number;
  /** How long a wait for the client may take, when that is known. */
  #patienceMs: number | undefined;
  #isGivenUp = false;
  /** Of a write that waits for room: looks again how long it may. */
  #review: (() => void) | undefined;

  constructor(reply: FastifyReply, { contentType, headers = {}, complete, restMs = 60_000 }: OutletOptions) {
    const { raw, request } = reply;
    this.#reply = reply;
    this.#restMs = restMs;
    reply.hijack();
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': contentType,
      ...headers,
      // Of an upload the rest may never be read.
      ...(!request.raw.complete && { connection: 'close' }),
    });
    raw.flushHeaders();
    complete.then(
      () => this.#setPatience(restMs),
      // What waits for it may be too much to keep: it gets what its socket takes.
      () => this.#setPatience(0),
    );
  }

  /** The client has closed its connection. */
  get hasLeft(): boolean {
    return this.#reply.raw.destroyed;
  }

  /** It has not taken yet what was written. */
  get isFull(): boolean {
    return this.#reply.raw.writableNeedDrain;
  }

  /**
   * @returns when there is room for more; false when the client takes no more in time: it has left, or is too slow, or
   *   nobody waits for it because there is nothing more to come
   */
  async write(piece: Uint8Array | string): Promise<boolean> {
    const { raw } = this.#reply;
    if (this.hasLeft || this.#isGivenUp) return false;
    if (!raw.write(piece)) await this.#room();
    return !this.hasLeft && !this.#isGivenUp;
  }

  /** The answer is complete. @param lastPiece for which there need not be room */
  async end(lastPiece?: string): Promise<void> {
    const { raw, request } = this.#reply;
    if (this.hasLeft) return;
    if (lastPiece !== undefined) raw.write(lastPiece);
    await discardRest(request.raw);
    const timer = setTimeout(() => raw.destroy(), this.#restMs).unref();
    raw.once('close', () => clearTimeout(timer));
    raw.end();
  }

  /** The answer is not complete, and the client is to see it. */
  cut(): void {
    const { raw, request } = this.#reply;
    // To a client of HTTP/1.0 the end of the connection is the end of the body.
    if (request.raw.httpVersion === '1.0') raw.socket?.resetAndDestroy();
    raw.destroy();
  }

  #setPatience(ms: number): void {
    this.#patienceMs = ms;
    this.#review?.();
  }

  async #room(): Promise<void> {
    const { raw } = this.#reply;
    const { promise, resolve } = Promise.withResolvers<void>();
    let timer: NodeJS.Timeout | undefined;
    this.#review = () => {
      if (this.#patienceMs === undefined) return;
      timer = setTimeout(() => {
        this.#isGivenUp = true;
        resolve();
      }, this.#patienceMs);
    };
    this.#review();
    raw.on('drain', resolve).on('close', resolve);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#review = undefined;
      raw.off('drain', resolve).off('close', resolve);
    }
  }
}
