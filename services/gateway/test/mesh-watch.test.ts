import fastify from 'fastify';
import fp from 'fastify-plugin';
import { expect, it } from 'vitest';
import { silentLogger } from '@bkg/sdk/testing';
import type { Broker } from '../src/mesh/broker.ts';
import { meshWatch } from '../src/mesh/mesh-watch.ts';

it('a broker that comes while the gateway closes is not watched any more', async () => {
  const listeners = new Set<(connected: boolean) => void>();
  let isUsed = false;
  const broker = {
    connected: false,
    get nats() {
      isUsed = true;
      return undefined;
    },
    onStatus(listener: (connected: boolean) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  } as unknown as Broker;
  const app = fastify();
  await app.register(fp(async () => void app.decorate('broker', broker), { name: 'broker-link' }));
  // It is closed last, and may come until then.
  await app.register(meshWatch, { log: silentLogger });
  await app.close();
  for (const listener of listeners) listener(true);
  expect(isUsed).toBe(false);
});
