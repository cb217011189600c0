import fp from 'fastify-plugin';
import { BkgError } from '@bkg/sdk';
import { Feeds } from './feeds.ts';
import type { FeedsOptions } from './feeds.ts';
import { assertPluginId } from '../plugin-names.ts';
import { assertRead } from '../mesh/readiness.ts';
import { noSuchPlugin } from '../mesh/unanswered.ts';

export interface FeedRoutesOptions extends FeedsOptions {
  /** @default 1000 */
  clientsMost?: number;
}

/** `GET /ws/plugins/:id`: the plugin as it is, then its changes, telemetry and log lines. */
export const feedRoutes = fp<FeedRoutesOptions>(
  async (app, { clientsMost = 1_000, ...options }) => {
    const { broker, catalog } = app;
    const feeds = new Feeds(broker, catalog, options);
    app.addHook('preClose', () => feeds.close());
    app.route<{ Params: { id: string } }>({
      method: 'GET',
      url: '/ws/plugins/:id',
      exposeHeadRoute: false,
      config: { isQuiet: true, isSocket: true },
      // Before the upgrade, so that the refusal is an answer that can be read.
      preHandler: async (request) => {
        const { id } = request.params;
        assertPluginId(id);
        assertRead(broker, catalog);
        if (!catalog.get(id)) throw noSuchPlugin(id);
        if (!request.ws)
          throw new BkgError('INVALID_PAYLOAD', 'This address takes WebSocket connections only.');
        if (feeds.size >= clientsMost) {
          throw new BkgError(
            'BUSY',
            `${clientsMost} clients are connected, which is the most; try again later.`,
          );
        }
      },
      handler: (_request, reply) => reply.callNotFound(),
      // Its messages are read and ignored: a later client may have something to say.
      wsHandler: (socket, request) => feeds.join(request.params.id, socket),
    });
  },
  { name: 'feed-routes', dependencies: ['mesh-watch', 'sockets'] },
);
