import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { BusyError } from '../../src/client/errors.ts';
import { createClient } from '../../src/client/nats/index.ts';
import { capability, definePlugin } from '../../src/define-plugin.ts';
import { BkgError, Type } from '../../src/index.ts';
import { Instance } from '../../src/instance.ts';
import { silentLogger, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';

let server: TestServer;
let runs = 0;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  const connection = await server.connect('between');
  const inner = createClient(connection, { retry: false });
  const input = Type.Object({});
  const output = Type.Unknown();
  const plugin = definePlugin({
    id: 'between',
    version: '1.0.0',
    description: 'Invokes others with a client.',
    capabilities: {
      pass: capability({
        description: 'Lets through what the other one says.',
        idempotent: true,
        input,
        output,
        handler: () => {
          runs += 1;
          return inner.invoke('nobody', 'at.home', {});
        },
      }),
      own: capability({
        description: 'Is busy by itself, twice.',
        idempotent: true,
        input,
        output,
        handler: () => {
          runs += 1;
          if (runs < 3) throw new BkgError('BUSY', 'not now');
          return {};
        },
      }),
    },
  });
  const instance = new Instance(plugin, { connection, log: silentLogger });
  await instance.start();
});
beforeEach(() => {
  runs = 0;
});
afterAll(() => server.stop());

it('is not run again when a handler lets the failure of its own client through', async () => {
  const caller = createClient(await server.connect('caller'), { retry: { firstMs: 1 } });
  await expect(caller.invoke('between', 'pass', {}, { idempotent: true })).rejects.toMatchObject({
    code: 'PLUGIN_UNAVAILABLE',
    message: expect.stringContaining('Nobody answers for at.home of nobody') as string,
    retryable: false,
  });
  expect(runs).toBe(1);
});

it('is run again when the handler says of itself that it may be', async () => {
  const caller = createClient(await server.connect('caller'), { retry: { firstMs: 1 } });
  expect(await caller.invoke('between', 'own', {})).toEqual({});
  expect(runs).toBe(3);
  runs = 0;
  await expect(caller.invoke('between', 'own', {}, { maxAttempts: 1 })).rejects.toThrow(BusyError);
});
