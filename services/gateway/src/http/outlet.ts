import type { FastifyReply } from 'fastify';
import { discardRest } from './bodies.ts';

export interface OutletOptions {
  contentType: string;
  headers?: Record<string, string>;
  /** Until it is settled a slow client is waited for; when it fails there is nothing more to wait for. */
  complete: Promise<unknown>;
}

/** When all that it is to get is here, a client has to take so much as fits into its socket in this time. */
const restMs = 60_000;

/** The body of an answer, a success, that is written piece by piece and no faster than the client takes it. */
export class Outlet {
  readonly #reply: FastifyReply;
  #isGivenUp = false;
  /** Ends the wait for the client in that time. */
  #hurry: (() => void) | undefined;
  #isHurried = false;
  #endWait: (() => void) | undefined;

  constructor(reply: FastifyReply, { contentType, headers = {}, complete }: OutletOptions) {
    const { raw, request } = reply;
    this.#reply = reply;
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
      () => {
        this.#isHurried = true;
        this.#hurry?.();
      },
      () => this.#giveUp(),
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

  /** @returns when there is room for more; false when there will be none */
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
    const timer = setTimeout(() => raw.destroy(), restMs).unref();
    raw.once('close', () => clearTimeout(timer));
    raw.end();
  }

  /** The answer is not complete, and the client is to see it. */
  cut(): void {
    this.#reply.raw.destroy();
  }

  #giveUp(): void {
    this.#isGivenUp = true;
    this.#endWait?.();
  }

  async #room(): Promise<void> {
    const { raw } = this.#reply;
    let timer: NodeJS.Timeout | undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#endWait = resolve;
    this.#hurry = () => {
      timer = setTimeout(() => this.#giveUp(), restMs);
    };
    if (this.#isHurried) this.#hurry();
    raw.on('drain', resolve).on('close', resolve);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#hurry = undefined;
      raw.off('drain', resolve).off('close', resolve);
    }
  }
}
