import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import fp from 'fastify-plugin';
import { BkgError } from '@bkg/sdk';

declare module 'fastify' {
  interface FastifyInstance {
    /** Aborts when the gateway closes and what still runs has had its time. */
    cutOff: AbortSignal;
  }
}

export interface ShutdownOptions {
  /** How long running requests may take when the gateway closes. */
  graceMs: number;
}

/** For the answers to what was cut off. */
const partingMs = 500;
const idleCheckEveryMs = 50;

/** Ends a closing server in order and in time: nothing new, what runs to its end, then without regard. */
export const shutdown = fp<ShutdownOptions>(
  async (app, { graceMs }) => {
    const cut = new AbortController();
    // Every running request listens.
    setMaxListeners(0, cut.signal);
    app.decorate('cutOff', cut.signal);
    const timers: NodeJS.Timeout[] = [];
    // Node's own list knows no WebSockets.
    const sockets = new Set<Socket>();
    let isClosing = false;

    app.server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });

    app.addHook('onRequest', (_request, _reply, done) => {
      if (isClosing)
        done(new BkgError('PLUGIN_UNAVAILABLE', 'The gateway is stopping; try again in a moment.'));
      else done();
    });
    app.addHook('preClose', async () => {
      isClosing = true;
      const cutOff = (): void => {
        cut.abort(new Error('the gateway is closing'));
        timers.push(setTimeout(() => sockets.forEach((socket) => socket.destroy()), partingMs));
      };
      timers.push(setTimeout(cutOff, graceMs));
      // A connection that becomes idle while the server closes would be kept for the next request.
      timers.push(setInterval(() => app.server.closeIdleConnections(), idleCheckEveryMs));
    });
    // Runs when the last connection is closed.
    app.addHook('onClose', async () => {
      timers.forEach((timer) => clearTimeout(timer));
      // An order whose caller has gone would keep the process for as long as it may take.
      cut.abort(new Error('the gateway is closing'));
    });
  },
  { name: 'shutdown' },
);
