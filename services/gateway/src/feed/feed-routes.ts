import fp from 'fastify-plugin';
import { scopeOf } from '../access/caller.ts';
import { needs } from '../access/route-access.ts';
import { assertPluginId } from '../plugin-names.ts';
import { assertRead } from '../mesh/readiness.ts';
import { noSuchPlugin } from '../mesh/unanswered.ts';
import { watchCaller } from '../ws/caller-watch.ts';
import { closeCodes } from '../ws/close-codes.ts';
import { FeedClient } from './feed-client.ts';
import { Feeds } from './feeds.ts';

/** `GET /ws/plugins/:id`: the plugin as it is, then its changes, telemetry and log lines. */
export const feedRoutes = fp(
  async (app) => {
    const { broker, catalog, clients, telemetry } = app;
    const feeds = new Feeds(app);
    app.addHook('onClose', async () => feeds.close());
    app.route<{ Params: { id: string } }>({
      method: 'GET',
      url: '/ws/plugins/:id',
      exposeHeadRoute: false,
      config: { isQuiet: true, isSocket: true, access: needs('read') },
      // Before the upgrade, so that the refusal is an answer that can be read.
      preHandler: async (request) => {
        const { id } = request.params;
        assertPluginId(id);
        assertRead(broker, catalog);
        if (!catalog.get(id)) throw noSuchPlugin(id);
        // Before anything is waited for: many may come in that time.
        clients.takePlace(request);
        await telemetry.refresh(id);
      },
      handler: (_request, reply) => reply.callNotFound(),
      wsHandler: (socket, request) => {
        const client = new FeedClient(clients, socket, request.raw.socket);
        const leave = feeds.join(request.params.id, client);
        socket.on('close', leave);
        const { caller, params } = request;
        const need = { verb: 'read', plugin: params.id } as const;
        const review = (): void => {
          if (!caller.allows(need))
            client.close(closeCodes.notAllowed, `This needs the scope ${scopeOf(need)}.`);
        };
        const unwatch = watchCaller(caller, {
          changed: review,
          ended: (reason) => client.close(closeCodes.ended, reason),
        });
        // While telemetry was waited for it may have become another.
        review();
        socket.on('close', unwatch);
      },
    });
  },
  { name: 'feed-routes', dependencies: ['mesh-watch', 'sources', 'clients'] },
);
