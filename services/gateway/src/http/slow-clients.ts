import type { ServerResponse } from 'node:http';
import fp from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyInstance {
    /** How many answers in one piece are not taken yet, as far as is known. */
    answersUnderWay: () => number;
  }
}

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
    /** Until when each has to be taken, by `performance.now()`. */
    const deadlines = new Map<ServerResponse, number>();
    app.decorate('answersUnderWay', () => deadlines.size);
    app.addHook('onSend', (_request, reply, payload, done) => {
      const bytes = bytesOf(payload) ?? Number(reply.getHeader('content-length') ?? 0);
      deadlines.set(reply.raw, performance.now() + takeMs + bytes / bytesPerMs);
      done(null, payload);
    });
    app.addHook('onResponse', (_request, reply, done) => {
      deadlines.delete(reply.raw);
      done();
    });
    const sweep = setInterval(() => {
      const now = performance.now();
      for (const [response, deadline] of deadlines) {
        if (now > deadline) response.destroy();
        // Of one whose client has left nothing more is heard.
        if (response.destroyed) deadlines.delete(response);
      }
    }, takeMs / 4).unref();
    app.addHook('onClose', async () => clearInterval(sweep));
  },
  { name: 'slow-clients' },
);

function bytesOf(payload: unknown): number | undefined {
  return typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.length : undefined;
}
