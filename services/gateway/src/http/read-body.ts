import { BkgError } from '@bkg/sdk';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { assertMay } from '../access/authorization.ts';
import { abandonBody, awaitBody, discardedMostBytes, hasBody, isOffered } from './bodies.ts';

export interface BodyLimit {
  mostBytes: number;
  /** What to do about it, as a sentence. */
  remedy: string;
}

/**
 * The body as it arrived. What is too much is read and thrown away before the failure is reported: a client that is
 * still sending into a closed connection sees a reset instead of the answer. Who sends more than can be thrown away gets
 * the answer at once, and a closed connection.
 * @throws BkgError PAYLOAD_TOO_LARGE; INVALID_PAYLOAD when it does not arrive in time; CANCELLED when the client leaves before
 *   the end; UNAUTHENTICATED, FORBIDDEN when its sender may not do this any more
 */
export function readBody(request: FastifyRequest, reply: FastifyReply, limit: BodyLimit): Promise<Buffer> {
  return hasBody(request.raw) ? arrival(request, reply, limit) : noBody;
}

const noBody = Promise.resolve(Buffer.alloc(0));

function arrival(request: FastifyRequest, reply: FastifyReply, limit: BodyLimit): Promise<Buffer> {
  const { raw } = request;
  const declared = raw.headers['content-length'];
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let isOver = false;
    const fail = (error: Error): void => {
      raw.off('data', take).off('end', finish).off('close', leave);
      isOver = true;
      reject(error);
    };
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= limit.mostBytes) chunks.push(chunk);
      else chunks.length = 0;
      if (bytes > limit.mostBytes + discardedMostBytes) giveUp(tooLarge(`${bytes} or more`, limit));
    };
    const finish = (): void => {
      if (bytes > limit.mostBytes) return fail(tooLarge(`${bytes}`, limit));
      try {
        // It may have taken a minute, in which a key was revoked: what its sender might do when it began counts no more.
        assertMay(request);
      } catch (error) {
        return fail(error as Error);
      }
      const [only] = chunks;
      const body = only && chunks.length === 1 ? only : Buffer.concat(chunks, bytes);
      // What hears that it is late lives as long as the request.
      chunks.length = 0;
      // Nothing is heard after the end but that it closes: to take the listeners away costs more than they do.
      isOver = true;
      resolve(body);
    };
    const leave = (): void => {
      if (!isOver) fail(new BkgError('CANCELLED', 'The client left before its request was complete.'));
    };
    const giveUp = (error: BkgError): void => {
      if (isOver) return;
      abandonBody(raw);
      fail(error);
    };
    const bearableBytes = isOffered(raw) ? limit.mostBytes : limit.mostBytes + discardedMostBytes;
    if (Number(declared) > bearableBytes) return giveUp(tooLarge(`${declared}`, limit));
    awaitBody(raw, reply.raw, () =>
      giveUp(new BkgError('INVALID_PAYLOAD', 'The request did not arrive completely in time.')),
    );
    // Not for errors: what has one closes, too.
    raw.on('data', take).on('end', finish).on('close', leave);
  });
}

export function tooLarge(bytes: string, { mostBytes, remedy }: BodyLimit): BkgError {
  return new BkgError(
    'PAYLOAD_TOO_LARGE',
    `The body has ${bytes} bytes; at most ${mostBytes} are taken. ${remedy}`,
  );
}
