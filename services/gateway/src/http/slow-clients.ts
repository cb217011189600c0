import type { ServerResponse } from 'node:http';
import fp from 'fastify-plugin';
import { nowhere } from '@bkg/sdk';
import { Deadlines } from './deadlines.ts';
import type { Timed } from './deadlines.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** How many answers in one piece are not taken yet, as far as is known. */
    answersUnderWay: () => number;
  }
}

/** One in one piece that is being sent. */
interface Answer extends Timed {
  response: ServerResponse;
}

const answerOf = Symbol('answer');
type Answering = ServerResponse & { [answerOf]?: Answer };

export interface SlowClientsOptions {
  /** For a client to take an answer, besides what its length takes. @default 60000 */
  takeMs?: number;
  /** @default 16, which is 16 KB a second */
  bytesPerMs?: number;
}

/**
 * Ends the connection of a client that does not take its answer: nothing else would, and it would keep the answer and one
 * of the connections for as long as it likes. Answers that are written piece by piece have rules of their own (`Outlet`).
 */
export const slowClients = fp<SlowClientsOptions>(
  async (app, { takeMs = 60_000, bytesPerMs = 16 }) => {
    const underWay = new Deadlines<Answer>({
      everyMs: takeMs / 4,
      // Of one whose client has left nothing more is heard.
      isOver: ({ response }) => response.destroyed,
      onLate: ({ response }) => response.destroy(),
    });
    app.addHook('onClose', async () => underWay.close());
    app.decorate('answersUnderWay', () => underWay.size);
    app.addHook('onSend', (_request, reply, payload, done) => {
      const bytes = bytesOf(payload) ?? Number(reply.getHeader('content-length') ?? 0);
      const response: Answering = reply.raw;
      response[answerOf] ??= { response, deadline: 0, place: nowhere };
      response[answerOf].deadline = performance.now() + takeMs + bytes / bytesPerMs;
      underWay.add(response[answerOf]);
      done(null, payload);
    });
    app.addHook('onResponse', (_request, reply, done) => {
      const { [answerOf]: answer }: Answering = reply.raw;
      if (answer) underWay.delete(answer);
      done();
    });
  },
  { name: 'slow-clients' },
);

function bytesOf(payload: unknown): number | undefined {
  return typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.length : undefined;
}
