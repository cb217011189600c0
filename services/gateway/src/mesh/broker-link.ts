import fp from 'fastify-plugin';
import { Broker } from './broker.ts';
import type { BrokerOptions } from './broker.ts';

declare module 'fastify' {
  interface FastifyInstance {
    broker: Broker;
  }
}

/** Decorates `broker`, which connects in the background and is closed last. */
export const brokerLink = fp<BrokerOptions>(
  async (app, options) => {
    const broker = new Broker(options);
    app.decorate('broker', broker);
    app.addHook('onClose', () => broker.close());
  },
  { name: 'broker-link' },
);
