import fp from 'fastify-plugin';
import type { PluginInfo } from '@bkg/sdk';
import { assertPluginId } from './plugin-names.ts';
import { assertRead } from './mesh/readiness.ts';
import { noSuchPlugin } from './mesh/unanswered.ts';

/** What exists, from the gateway's own map: asked for often and never a request on the broker. */
export const pluginRoutes = fp(
  async (app) => {
    const { broker, catalog } = app;
    const options = { config: { isQuiet: true } };

    const pluginOf = (id: string): PluginInfo => {
      assertPluginId(id);
      assertRead(broker, catalog);
      const plugin = catalog.info(id);
      if (!plugin) throw noSuchPlugin(id);
      return plugin;
    };

    app.get('/api/plugins', options, async () => {
      assertRead(broker, catalog);
      return catalog.list();
    });
    app.get<{ Params: { id: string } }>('/api/plugins/:id', options, async ({ params }) =>
      pluginOf(params.id),
    );
    app.get<{ Params: { id: string } }>(
      '/api/plugins/:id/telemetry',
      options,
      async ({ params }) => pluginOf(params.id).telemetry,
    );
  },
  { name: 'plugin-routes', dependencies: ['mesh-watch'] },
);
