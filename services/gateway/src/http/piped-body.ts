import { BkgError } from '@bkg/sdk';
import type { UploadSource } from '@bkg/sdk';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { assertMay } from '../access/authorization.ts';
import { abandonBody, pipeBody, reserveBody } from './bodies.ts';
import { tooLarge } from './read-body.ts';
import type { BodyLimit } from './read-body.ts';

export interface PipedBodyOptions {
  limit: BodyLimit;
  /** How long its sender may send nothing while somebody waits for more. @default 30000 */
  stallMs?: number;
}

/** A body that goes through piece by piece: its sender sends as fast as it is read. */
export class PipedBody implements UploadSource {
  readonly sizeBytes: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;
  readonly #limit: BodyLimit;
  readonly #stallMs: number;
  readonly #wake: () => void;
  #arrival = Promise.withResolvers<void>();
  #isClosed = false;

  /** @throws BkgError PAYLOAD_TOO_LARGE when its length says so */
  constructor(request: FastifyRequest, reply: FastifyReply, { limit, stallMs = 30_000 }: PipedBodyOptions) {
    const { raw } = request;
    const declared = raw.headers['content-length'];
    this.#request = request;
    this.#reply = reply;
    this.#limit = limit;
    this.#stallMs = stallMs;
    this.#wake = () => this.#arrival.resolve();
    this.sizeBytes = declared === undefined ? undefined : Number(declared);
    this.body = this.#pieces();
    // Until it is complete: however it ends, it ends the connection.
    abandonBody(raw);
    if (this.sizeBytes !== undefined && this.sizeBytes > limit.mostBytes)
      throw tooLarge(String(declared), limit);
    reserveBody(raw);
    for (const event of ['readable', 'end', 'close', 'error']) raw.on(event, this.#wake);
  }

  /** Nobody wants more of it. */
  close(): void {
    this.#isClosed = true;
    const { raw } = this.#request;
    // Not that of errors: one that nobody hears ends the process.
    for (const event of ['readable', 'end', 'close']) raw.off(event, this.#wake);
    this.#wake();
  }

  /**
   * @throws BkgError PAYLOAD_TOO_LARGE; INVALID_PAYLOAD when nothing comes for too long; CANCELLED when the client leaves;
   *   UNAUTHENTICATED, FORBIDDEN when its sender may not do this any more
   */
  async *#pieces(): AsyncGenerator<Uint8Array> {
    const { raw } = this.#request;
    let bytes = 0;
    pipeBody(raw, this.#reply.raw);
    for (;;) {
      // Not an end: whoever sends it on would take it for the end of the body.
      if (this.#isClosed) throw new BkgError('CANCELLED', 'Nobody wants more of the body.');
      const piece = raw.read() as Buffer | null;
      if (piece) {
        bytes += piece.length;
        if (bytes > this.#limit.mostBytes) throw tooLarge(`${bytes} or more`, this.#limit);
        yield piece;
      } else if (raw.readableEnded) {
        // What its sender might do when it began counts no more.
        return assertMay(this.#request);
      } else if (raw.destroyed) {
        throw new BkgError('CANCELLED', 'The client left before its request was complete.');
      } else await this.#more();
    }
  }

  async #more(): Promise<void> {
    const stall = setTimeout(() => {
      const detail = `The body is not complete, and nothing came of it for ${this.#stallMs} ms.`;
      this.#arrival.reject(new BkgError('INVALID_PAYLOAD', detail));
    }, this.#stallMs);
    try {
      await this.#arrival.promise;
    } finally {
      clearTimeout(stall);
      this.#arrival = Promise.withResolvers();
    }
  }
}
