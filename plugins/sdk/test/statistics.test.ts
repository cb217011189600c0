import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../src/connection.ts';
import { Instance } from '../src/instance.ts';
import { problemOfMsg } from '../src/problem.ts';
import { configDefaults, headerNames, schemaOf, subjects } from '../src/protocol/index.ts';
import type { PluginTelemetry, StatsResponse } from '../src/protocol/index.ts';
import { silentLogger, startNatsServer } from '../src/testing.ts';
import type { TestServer } from '../src/testing.ts';
import { createValidator } from '../src/validator.ts';
import { createEcho } from './echo.ts';
import { createRandom } from './protocol/random.ts';

const total = 10_000;
const atOnce = 256;

interface Kind {
  /** Of 100 invocations. */
  share: number;
  subject: string;
  body: () => string;
  headers?: Record<string, string>;
  /** Where it counts; nowhere when the plugin has no such capability. */
  endpoint?: string;
  /** The code of its failure. */
  code?: string;
  /** It takes at least so long. */
  leastMs?: number;
}

const at = (capability: string) => subjects.invokeCapability('echo', capability);
const random = createRandom(7);
const text = JSON.stringify;
const envelope = (capability: string, payload: unknown) => text({ capability, payload });

const kinds: Kind[] = [
  { share: 25, endpoint: 'text.say', subject: at('text.say'), body: () => text({ text: 'a'.repeat(random.below(500)) }) },
  { share: 10, endpoint: 'text.say', subject: subjects.invoke('echo'), body: () => envelope('text.say', { text: '' }) },
  { share: 5, endpoint: 'text.say', subject: subjects.invokeAt('echo', 'I1', 'text.say'), body: () => text({ text: '' }) },
  { share: 8, endpoint: 'text.say', code: 'INVALID_PAYLOAD', subject: at('text.say'), body: () => text({ txt: 1 }) },
  { share: 4, endpoint: 'text.say', code: 'INVALID_PAYLOAD', subject: at('text.say'), body: () => '{' },
  { share: 4, endpoint: 'text.say', code: 'INVALID_PAYLOAD', subject: at('text.say'), body: () => '{}', headers: { [headerNames.timeoutMs]: 'soon' } },
  { share: 10, endpoint: 'text.fail', code: 'ECHO_TIRED', subject: at('text.fail'), body: () => text({ how: 'declared' }) },
  { share: 4, endpoint: 'text.fail', code: 'INTERNAL', subject: at('text.fail'), body: () => text({ how: 'undeclared' }) },
  { share: 4, endpoint: 'text.fail', code: 'PLUGIN_UNAVAILABLE', subject: subjects.invoke('echo'), body: () => envelope('text.fail', { how: 'table' }) },
  { share: 3, endpoint: 'text.lie', code: 'INVALID_OUTPUT', subject: at('text.lie'), body: () => '{}' },
  { share: 4, code: 'CAPABILITY_NOT_FOUND', subject: at('text.none'), body: () => '{}' },
  { share: 3, code: 'CAPABILITY_NOT_FOUND', subject: subjects.invoke('echo'), body: () => envelope('text.none', {}) },
  { share: 2, code: 'INVALID_PAYLOAD', subject: subjects.invoke('echo'), body: () => '[]' },
  { share: 10, endpoint: 'text.wait', leastMs: 5, subject: at('text.wait'), body: () => text({ ms: 5 + random.below(10) }) },
  { share: 4, endpoint: 'text.heed', code: 'DEADLINE_EXCEEDED', leastMs: 10, subject: at('text.heed'), body: () => text({ ms: 20_000 }), headers: { [headerNames.timeoutMs]: '10' } },
]; // prettier-ignore

let server: TestServer;
let caller: Connection;
let instance: Instance;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  caller = await server.connect('caller');
  const config = { id: 'echo', ...configDefaults, limits: { max_concurrency: 64, max_queue: total } };
  const connection = await server.connect('echo');
  instance = new Instance(createEcho().plugin, { connection, instance: 'I1', config, log: silentLogger });
  await instance.start();
});
afterAll(async () => {
  await instance.drain(0);
  await server.stop();
});

const ask = async (subject: string): Promise<unknown> =>
  (await caller.request(subject, '', { timeoutMs: 10_000 })).json();
const misfitsOf = createValidator(schemaOf('StatsResponse'));

/** The numbers of every endpoint by its capability, from a reply that is valid. */
async function statistics() {
  const reply = await ask(subjects.service('STATS', 'echo', 'I1'));
  expect(misfitsOf(reply)).toEqual([]);
  const { endpoints } = reply as StatsResponse;
  const prefix = at('');
  return new Map(endpoints.map(({ subject, ...numbers }) => [subject.slice(prefix.length), numbers]));
}

describe('after 10,000 invocations of all kinds at the same time', () => {
  /** What the caller has seen, by the endpoint; "" for what belongs to none. */
  const seen = new Map<string, { requests: number; errors: number; leastMs: number; mostMs: number }>();
  const watched: Awaited<ReturnType<typeof statistics>>[] = [];
  let asked = 0;

  beforeAll(async () => {
    const order = Array.from({ length: total }, (_, i) => i % 100).map((place) => {
      let from = 0;
      return kinds.find(({ share }) => place < (from += share))!;
    });
    for (let i = order.length - 1; i > 0; i -= 1) {
      const j = random.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    const queue = order.values();
    const invokeAll = async (): Promise<void> => {
      for (const kind of queue) {
        await invoke(kind);
        asked += 1;
        if (asked % 2_000 === 0) watched.push(await statistics());
      }
    };
    await Promise.all(Array.from({ length: atOnce }, invokeAll));
  }, 60_000);

  async function invoke({
    subject,
    body,
    headers = {},
    endpoint = '',
    code,
    leastMs = 0,
  }: Kind): Promise<void> {
    const startedAt = performance.now();
    const msg = await caller.request(subject, body(), { timeoutMs: 30_000, headers });
    const tookMs = performance.now() - startedAt;
    expect(problemOfMsg(msg)?.code).toBe(code);
    const sum = seen.get(endpoint) ?? { requests: 0, errors: 0, leastMs: 0, mostMs: 0 };
    seen.set(endpoint, {
      requests: sum.requests + 1,
      errors: sum.errors + (code === undefined ? 0 : 1),
      leastMs: sum.leastMs + leastMs,
      mostMs: sum.mostMs + tookMs,
    });
  }

  const everything = () => [...seen.values()];
  const all = (pick: 'requests' | 'errors') => everything().reduce((sum, one) => sum + one[pick], 0);

  it('each has been answered as it should be', () => {
    expect(kinds.reduce((sum, { share }) => sum + share, 0)).toBe(100);
    expect([all('requests'), asked]).toEqual([total, total]);
  });

  it('every endpoint has counted its own, and its failures, and no other', async () => {
    const counted = [...(await statistics())].map(([capability, { num_requests, num_errors }]) => [
      capability,
      num_requests,
      num_errors,
    ]);
    const expected = Object.keys(instance.plugin.capabilities).map((capability) => {
      const { requests = 0, errors = 0 } = seen.get(capability) ?? {};
      return [capability, requests, errors];
    });
    expect(counted).toEqual(expected);
  });

  it('the times are whole nanoseconds, not less than the work and not more than the caller waited', async () => {
    for (const [capability, numbers] of await statistics()) {
      const { num_requests, processing_time, average_processing_time } = numbers;
      const { leastMs = 0, mostMs = 0 } = seen.get(capability) ?? {};
      // Timers may be early by a part of a millisecond, and every time is rounded.
      expect(processing_time).toBeGreaterThanOrEqual(leastMs * 0.8 * 1e6);
      expect(processing_time).toBeLessThanOrEqual(mostMs * 1e6 + num_requests);
      const average = num_requests === 0 ? 0 : processing_time / num_requests;
      expect(Math.abs(average_processing_time - average)).toBeLessThanOrEqual(0.5);
    }
  });

  it('the replies in between were valid, and their numbers only grew', async () => {
    expect(watched.length).toBe(total / 2_000);
    const numbers = [...watched, await statistics()];
    for (const [i, later] of numbers.entries()) {
      for (const [capability, now] of later) {
        expect(now.num_errors).toBeLessThanOrEqual(now.num_requests);
        const before = numbers[i - 1]?.get(capability);
        if (!before) continue;
        for (const name of ['num_requests', 'num_errors', 'processing_time'] as const) {
          expect(now[name]).toBeGreaterThanOrEqual(before[name]);
        }
      }
    }
  });

  it('telemetry agrees, and nothing is in flight any more', async () => {
    const telemetry = (await ask(subjects.telemetry('echo'))) as PluginTelemetry;
    expect(createValidator(schemaOf('PluginTelemetry'))(telemetry)).toEqual([]);
    expect(telemetry).toMatchObject({
      request_count: total,
      error_count: all('errors'),
      in_flight: 0,
      queue_depth: 0,
    });
    expect(telemetry.latency_buckets.reduce((sum, [, n]) => sum + n, 0)).toBe(total);
    const endpoints = [...(await statistics()).values()];
    const unknown = seen.get('')!;
    expect(endpoints.reduce((sum, one) => sum + one.num_requests, unknown.requests)).toBe(
      telemetry.request_count,
    );
    expect(endpoints.reduce((sum, one) => sum + one.num_errors, unknown.errors)).toBe(telemetry.error_count);
  });

  it('the last error of each is the last one, and successes do not take it away', async () => {
    const slow = kinds.find(({ code }) => code === 'DEADLINE_EXCEEDED')!;
    for (const code of ['ECHO_TIRED', 'INVALID_OUTPUT', 'INVALID_PAYLOAD']) {
      await invoke(kinds.find((kind) => kind.code === code && kind.endpoint)!);
    }
    await invoke(slow);
    await invoke(kinds[0]!);
    await invoke(kinds.find(({ endpoint, code }) => endpoint === 'text.wait' && !code)!);
    const numbers = await statistics();
    const lastOf = (capability: string) => numbers.get(capability)?.last_error;
    expect(lastOf('text.fail')).toBe('ECHO_TIRED: so tired');
    expect(lastOf('text.lie')).toMatch(/^INVALID_OUTPUT: The result of text\.lie /);
    expect(lastOf('text.say')).toMatch(/^INVALID_PAYLOAD: .*'text'/);
    expect(lastOf('text.heed')).toMatch(/^DEADLINE_EXCEEDED: /);
    expect([lastOf('text.wait'), lastOf('text.large')]).toEqual(['', '']);
    const telemetry = (await ask(subjects.telemetry('echo'))) as PluginTelemetry;
    expect(telemetry.last_error).toBe(lastOf('text.heed'));
  });
});
