import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../src/connection.ts';
import { Instance } from '../src/instance.ts';
import { decodeDescriptor, schemaOf, subjects } from '../src/protocol/index.ts';
import type { EndpointStats, InfoResponse, PingResponse, StatsResponse } from '../src/protocol/index.ts';
import { silentLogger, startNatsServer } from '../src/testing.ts';
import type { TestServer } from '../src/testing.ts';
import { createValidator } from '../src/validator.ts';
import { createEcho } from './echo.ts';

let server: TestServer;
let caller: Connection;
let instances: Instance[];

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  caller = await server.connect('caller');
  instances = await Promise.all(
    [1, 2].map(async () => {
      const connection = await server.connect('echo');
      return new Instance(createEcho().plugin, { connection, log: silentLogger });
    }),
  );
  await Promise.all(instances.map((instance) => instance.start()));
});
afterAll(async () => {
  await Promise.all(instances.map((instance) => instance.drain(0)));
  await server.stop();
});

const ask = async <T>(...subject: Parameters<typeof subjects.service>): Promise<T[]> => {
  const replies = await caller.requestMany(subjects.service(...subject), '', { forMs: 150 });
  return replies.map((msg) => msg.json<T>());
};

describe('discovery as the NATS service API wants it', () => {
  it.each([
    ['PING', 'PingResponse'],
    ['INFO', 'InfoResponse'],
    ['STATS', 'StatsResponse'],
  ] as const)(
    '%s: every instance answers the bare subject, its name and its id, by the schema',
    async (verb, name) => {
      const valid = createValidator(schemaOf(name));
      const ids = instances.map(({ id }) => id).sort();
      for (const rest of [[], ['echo']]) {
        const replies = await ask<PingResponse>(verb, ...rest);
        expect(replies.map(({ id }) => id).sort()).toEqual(ids);
        expect(replies.flatMap((reply) => valid(reply))).toEqual([]);
      }
      const one = await ask<PingResponse>(verb, 'echo', ids[0]!);
      expect(one.map(({ id }) => id)).toEqual([ids[0]]);
    },
  );

  it('lists one endpoint per capability, with its subject, queue group and contract', async () => {
    const [info] = await ask<InfoResponse>('INFO', 'echo', instances[0]!.id);
    const say = info!.endpoints.find(({ name }) => name === 'text_say');
    expect(say).toMatchObject({ subject: 'plugin.echo.invoke.text.say', queue_group: 'q' });
    expect(say!.metadata['bkg.capability']).toBe('text.say');
    expect(info!.metadata).toEqual({ 'bkg.name': 'Echo', 'bkg.author': 'tests', 'bkg.protocol': '1' });
    const descriptor = decodeDescriptor(info);
    expect(descriptor?.capabilities.map(({ id }) => id)).toEqual(
      Object.keys(instances[0]!.plugin.capabilities),
    );
    expect(descriptor?.capabilities[0]).toMatchObject({ idempotent: true, input_schema: { type: 'object' } });
  });

  it('counts successes and failures of slow and fast handlers in integers', async () => {
    const before = await totals();
    const at = (capability: string, payload: object) =>
      caller.request(subjects.invokeCapability('echo', capability), JSON.stringify(payload), {
        timeoutMs: 5_000,
      });
    await Promise.all([
      ...Array.from({ length: 100 }, () => at('text.say', { text: '' })),
      ...Array.from({ length: 40 }, () => at('text.fail', { how: 'declared' })),
      ...Array.from({ length: 20 }, () => at('text.wait', { ms: 30 })),
    ]);
    const after = await totals();
    const grown = (name: string, key: 'num_requests' | 'num_errors' | 'processing_time') =>
      after.get(name)![key] - before.get(name)![key];
    expect(grown('text_say', 'num_requests')).toBe(100);
    expect(grown('text_say', 'num_errors')).toBe(0);
    expect(grown('text_fail', 'num_errors')).toBe(40);
    expect(after.get('text_fail')!.last_error).toBe('ECHO_TIRED: so tired');
    expect(grown('text_wait', 'processing_time')).toBeGreaterThanOrEqual(20 * 30e6 * 0.9);
  });

  it('never answers a reply subject outside of _INBOX', async () => {
    const heard: string[] = [];
    caller.subscribe('elsewhere', { callback: (_, msg) => void heard.push(msg.subject) });
    caller.nats.publish(subjects.service('PING'), '', { reply: 'elsewhere' });
    caller.nats.publish(subjects.status('echo'), '', { reply: 'elsewhere' });
    expect(await ask('PING')).toHaveLength(2);
    expect(heard).toEqual([]);
  });
});

/** The statistics of all instances, added up by endpoint. */
async function totals(): Promise<Map<string, EndpointStats>> {
  const sums = new Map<string, EndpointStats>();
  for (const { endpoints } of await ask<StatsResponse>('STATS', 'echo')) {
    for (const endpoint of endpoints) {
      const sum = sums.get(endpoint.name);
      sums.set(endpoint.name, {
        ...endpoint,
        num_requests: endpoint.num_requests + (sum?.num_requests ?? 0),
        num_errors: endpoint.num_errors + (sum?.num_errors ?? 0),
        processing_time: endpoint.processing_time + (sum?.processing_time ?? 0),
        last_error: endpoint.last_error || (sum?.last_error ?? ''),
      });
    }
  }
  return sums;
}
