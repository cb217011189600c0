import { BkgError } from '@bkg/sdk';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { assertMay } from '../access/authorization.ts';

/** Whoever sends this much more than is allowed gets the answer at once, and a closed connection. */
const discardedMostBytes = 16 * 1024 * 1024;
const nothing = Buffer.alloc(0);

export interface BodyLimit {
  mostBytes: number;
  /** What to do about it, as a sentence. */
  remedy: string;
}

/**
 * The body as it arrived. What is too much is read and thrown away before the failure is reported: a client that is
 * still sending into a closed connection sees a reset instead of the answer.
 * @throws BkgError PAYLOAD_TOO_LARGE; CANCELLED when the client leaves before the end; UNAUTHENTICATED, FORBIDDEN when its
 *   sender may not do this any more
 */
export async function readBody(
  request: FastifyRequest,
  reply: FastifyReply,
  limit: BodyLimit,
): Promise<Buffer> {
  const { headers } = request.raw;
  const declared = headers['content-length'];
  if (headers['transfer-encoding'] === undefined && (declared === undefined || declared === '0')) {
    return nothing;
  }
  const body = await arrival(request, reply, limit);
  // It may have taken a minute, in which a key was revoked: what its sender might do when it began counts no more.
  assertMay(request);
  return body;
}

function arrival({ raw }: FastifyRequest, reply: FastifyReply, limit: BodyLimit): Promise<Buffer> {
  const declared = raw.headers['content-length'];
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const end = (settle: () => void): void => {
      raw.off('data', take).off('end', finish).off('error', leave).off('close', leave);
      settle();
    };
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= limit.mostBytes) chunks.push(chunk);
      else chunks.length = 0;
      if (bytes > limit.mostBytes + discardedMostBytes) giveUp(bytes);
    };
    const finish = (): void => {
      if (bytes > limit.mostBytes) return end(() => reject(tooLarge(`${bytes}`, limit)));
      const [first = nothing] = chunks;
      end(() => resolve(chunks.length <= 1 ? first : Buffer.concat(chunks, bytes)));
    };
    const leave = (): void => {
      end(() => reject(new BkgError('CANCELLED', 'The client left before its request was complete.')));
    };
    const giveUp = (known: number): void => {
      reply.header('connection', 'close');
      end(() => reject(tooLarge(`${known} or more`, limit)));
    };
    if (Number(declared) > limit.mostBytes + discardedMostBytes) return giveUp(Number(declared));
    raw.on('data', take).on('end', finish).on('error', leave).on('close', leave);
  });
}

function tooLarge(bytes: string, { mostBytes, remedy }: BodyLimit): BkgError {
  return new BkgError(
    'PAYLOAD_TOO_LARGE',
    `The body has ${bytes} bytes; at most ${mostBytes} are taken. ${remedy}`,
  );
}
