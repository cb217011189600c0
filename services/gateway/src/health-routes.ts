import fp from 'fastify-plugin';
import { BkgError } from '@bkg/sdk';
import { missing } from './mesh/readiness.ts';

/** For those who start gateways: `/livez` says that the process works, `/readyz` that it can do its work. */
export const healthRoutes = fp(
  async (app) => {
    const options = { config: { isQuiet: true, access: 'open' } } as const;
    app.get('/livez', options, async () => ({ status: 'live' }));
    app.get('/readyz', options, async () => {
      const why = missing(app.broker, app.catalog);
      if (why) throw new BkgError('PLUGIN_UNAVAILABLE', `Not ready: ${why}`);
      return { status: 'ready', plugins: app.catalog.size };
    });
  },
  { name: 'health-routes', dependencies: ['mesh-watch'] },
);
