import fp from 'fastify-plugin';
import { needs } from './access/route-access.ts';
import { assertPluginId } from './plugin-names.ts';
import { assertRead } from './mesh/readiness.ts';
import { noSuchPlugin } from './mesh/unanswered.ts';

const json = 'application/json; charset=utf-8';

/**
 * What exists, from the gateway's own map. Of telemetry that nobody watches the supervisor is asked, once in a second at
 * most, however often this is asked for.
 */
export const pluginRoutes = fp(
  async (app) => {
    const { broker, catalog, bodies, telemetry } = app;
    const options = { config: { isQuiet: true, access: needs('read') } };

    app.get('/api/plugins', options, async ({ caller }, reply) => {
      assertRead(broker, catalog);
      await telemetry.refresh();
      return reply.type(json).send(bodies.all(caller.readable()));
    });
    for (const [url, bodyOf] of [
      ['/api/plugins/:id', (id: string) => bodies.info(id)],
      ['/api/plugins/:id/telemetry', (id: string) => bodies.telemetry(id)],
    ] as const) {
      app.get<{ Params: { id: string } }>(url, options, async ({ params: { id } }, reply) => {
        assertPluginId(id);
        assertRead(broker, catalog);
        // Nobody is asked about a plugin that is not there.
        if (catalog.get(id)) await telemetry.refresh(id);
        const body = bodyOf(id);
        if (!body) throw noSuchPlugin(id);
        return reply.type(json).send(body);
      });
    }
  },
  { name: 'plugin-routes', dependencies: ['mesh-watch', 'sources'] },
);
