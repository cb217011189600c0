import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { randomHex } from '@bkg/sdk';
import type { Logger } from '@bkg/sdk';
import { whoIs } from '../access/caller.ts';
import { payloadMostBytes, payloadRemedy } from '../invoke/payload-limit.ts';
import { createTopics } from './mesh-topics.ts';
import type { MeshTopicsOptions } from './mesh-topics.ts';
import { WsClient } from './ws-client.ts';
import type { WsClientOptions, WsClientParts } from './ws-client.ts';

export type WsRoutesOptions = MeshTopicsOptions & WsClientOptions;

/** Writes into the audit what a client wanted that it may not. */
function refusedOf({ access }: FastifyInstance, request: FastifyRequest): WsClientParts['refused'] {
  const from = access.addressOf(request);
  return (action, target, { code, message }) =>
    access.refusals.note({
      via: 'http',
      who: whoIs(request.caller),
      from,
      action,
      target,
      result: code,
      detail: message,
    });
}

/** Around a payload: ids, names and the rest of a frame. */
const aroundBytes = 4 * 1024;

/** `GET /ws`: one socket for everything that the gateway knows and can do. */
export const wsRoutes = fp<WsRoutesOptions & { log: Logger }>(
  async (app, options) => {
    const { broker, catalog, clients, invocations, bodies, lines, telemetry, websocketServer } = app;
    const { log } = options;
    const topics = createTopics({ broker, catalog, bodies, lines, telemetry }, options);
    const parts = {
      gateway: randomHex(16),
      clients,
      topics,
      invocations,
      payloadLimit: () => ({ mostBytes: payloadMostBytes(broker), remedy: payloadRemedy }),
      log,
    };
    // For sockets from then on: how much the broker takes is known when it is there. Twice of that is read, so that who
    // sends too much is told; a frame beyond ends the socket (1009) with all that it has running.
    const limitFrames = (): void => {
      websocketServer.options.maxPayload = 2 * (payloadMostBytes(broker) + aroundBytes);
    };
    limitFrames();
    broker.onStatus(limitFrames);
    app.addHook('onClose', async () => topics.close());
    app.route({
      method: 'GET',
      url: '/ws',
      exposeHeadRoute: false,
      config: { isQuiet: true, isSocket: true, access: 'signed in' },
      preHandler: async (request) => clients.takePlace(request),
      handler: (_request, reply) => reply.callNotFound(),
      wsHandler: (socket, request) =>
        void new WsClient(
          { ...parts, caller: request.caller, refused: refusedOf(app, request) },
          socket,
          request.raw.socket,
          options,
        ),
    });
  },
  { name: 'ws-routes', dependencies: ['mesh-watch', 'invocations', 'clients', 'sources'] },
);
