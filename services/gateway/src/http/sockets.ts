import websocket from '@fastify/websocket';
import fp from 'fastify-plugin';
import { BkgError } from '@bkg/sdk';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Takes WebSockets. */
    isSocket?: boolean;
  }
}

/** Of a frame. Clients of our sockets have nothing to say yet; more than this ends the socket (1009). */
const incomingMostBytes = 4_096;

/**
 * WebSockets on routes that say so. To be registered before everything that may refuse a request: it is what ends the
 * connection of an upgrade that was refused, which is nobody's otherwise and stays open.
 */
export const sockets = fp(
  async (app) => {
    await app.register(websocket, {
      options: { maxPayload: incomingMostBytes, perMessageDeflate: false },
      // The feeds say goodbye to their clients themselves.
      preClose: (done) => done(),
      // A broken or oversized frame: ws has already closed the socket, with the right code.
      errorHandler: (_error, socket) => socket.close(),
    });
    app.addHook('preHandler', (request, _reply, done) => {
      // The library would take it and close it without a word.
      if (request.ws && request.routeOptions.config.isSocket !== true) {
        done(new BkgError('CAPABILITY_NOT_FOUND', `There is no WebSocket at ${request.url.slice(0, 200)}.`));
      } else done();
    });
  },
  { name: 'sockets' },
);
