import websocket from '@fastify/websocket';
import fp from 'fastify-plugin';
import { BkgError } from '@bkg/sdk';
import { shownPath } from './shown-path.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Takes WebSockets. */
    isSocket?: boolean;
  }
}

/**
 * WebSockets on routes that say so. To be registered before everything that may refuse a request: it is what ends the
 * connection of an upgrade that was refused, which is nobody's otherwise and stays open.
 */
export const sockets = fp(
  async (app) => {
    await app.register(websocket, {
      // How large a frame may be is set by ws-routes.ts, which knows what the broker takes.
      options: { perMessageDeflate: false },
      // Said by clients.ts.
      preClose: (done) => done(),
      // A broken or oversized frame: ws has already closed the socket, with the right code.
      errorHandler: (_error, socket) => socket.close(),
    });
    app.addHook('preHandler', (request, _reply, done) => {
      // The library would take it and close it without a word.
      if (request.ws && request.routeOptions.config.isSocket !== true) {
        done(new BkgError('CAPABILITY_NOT_FOUND', `There is no WebSocket at ${shownPath(request.url)}.`));
      } else done();
    });
  },
  { name: 'sockets' },
);
