import fp from 'fastify-plugin';
import type { Logger } from '@bkg/sdk';
import { RateLimits } from './rate-limits.ts';
import { Spending } from './spending.ts';
import type { SpendingOptions } from './spending.ts';

declare module 'fastify' {
  interface FastifyInstance {
    rateLimits: RateLimits;
  }
}

export interface LimitsOptions extends Pick<SpendingOptions, 'everyMs'> {
  /** Keys, plugins and capabilities with a limit that are counted at a time. @default 10000 */
  bucketsMost?: number;
}

/** Decorates `rateLimits`, which this gateway shares with all others of the mesh. */
export const limits = fp<LimitsOptions & { log: Logger }>(
  async (app, { log, everyMs, bucketsMost }) => {
    const { broker, catalog } = app;
    const spending = new Spending({
      broker,
      log,
      onSpent: (name, n, limit) => rateLimits.spend(name, n, limit),
      ...(everyMs !== undefined && { everyMs }),
    });
    const rateLimits = new RateLimits({
      catalog,
      onSpend: (holding) => spending.add(holding),
      ...(bucketsMost !== undefined && { bucketsMost }),
    });
    app.decorate('rateLimits', rateLimits);
    app.addHook('onClose', async () => spending.close());
  },
  { name: 'limits', dependencies: ['mesh-watch'] },
);
