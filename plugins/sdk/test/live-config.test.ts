/** Another configuration for an instance that runs. */
import type { Msg } from '@nats-io/nats-core';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../src/connection.ts';
import { descriptorOf } from '../src/define-plugin.ts';
import type { PluginDefinition } from '../src/define-plugin.ts';
import type { Dispatcher } from '../src/dispatcher.ts';
import { delay } from '../src/host/delay.ts';
import { Instance } from '../src/instance.ts';
import { LiveConfig } from '../src/live-config.ts';
import { problemOfMsg } from '../src/problem.ts';
import { BkgError, headerNames, subjects } from '../src/protocol/index.ts';
import type { PluginConfig } from '../src/protocol/index.ts';
import { configDefaults } from '../src/protocol/plugin.ts';
import { eventually, silentLogger, startNatsServer } from '../src/testing.ts';
import type { TestServer } from '../src/testing.ts';
import { createToken } from '../src/token.ts';
import { createEcho } from './echo.ts';

let server: TestServer;
let caller: Connection;
const instances: Instance[] = [];
/** Another one for each test: the server may deliver for a moment yet to one that has closed its connection. */
let instanceId = '';

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  caller = await server.connect('caller');
});
beforeEach(() => {
  instanceId = createToken();
});
afterEach(async () => {
  await Promise.all(instances.splice(0).map((instance) => instance.drain(0)));
});
afterAll(() => server.stop());

const settings = Type.Object({ tone: Type.Optional(Type.String()), loud: Type.Optional(Type.Boolean()) });
const config = (changes: Partial<PluginConfig> = {}): PluginConfig => ({
  id: 'echo',
  ...configDefaults,
  ...changes,
});
const timeout = (timeout_secs: number) => ({ resources: { ...configDefaults.resources, timeout_secs } });
const limits = (max_concurrency: number, max_queue = 1_024) => ({ limits: { max_concurrency, max_queue } });

async function start(more: Partial<PluginDefinition> = {}, given = config()) {
  const echo = createEcho();
  const connection = await server.connect('echo');
  const plugin = { ...echo.plugin, ...more };
  const options = { connection, instance: instanceId, config: given, log: silentLogger };
  const instance = new Instance(plugin, options);
  instances.push(instance);
  await instance.start();
  return { instance, ...echo };
}

const ask = (subject: string, body: unknown, headers: Record<string, string> = {}): Promise<Msg> =>
  caller.request(subject, typeof body === 'string' ? body : JSON.stringify(body), {
    timeoutMs: 5_000,
    headers,
  });
const configure = async (body: unknown) => {
  const reply = await ask(subjects.configure('echo', instanceId), body);
  return problemOfMsg(reply) ?? reply.json<unknown>();
};
const wait = (ms: number) => ask(subjects.invokeCapability('echo', 'text.wait'), { ms });
const codeOf = (msg: Msg) => problemOfMsg(msg)?.code ?? 'answered';
const ok = { ok: true };

it('has the environment of its process, whatever is sent in the place of its values', async () => {
  const given: PluginConfig[] = [];
  const env = { API_TOKEN: 'real' };
  await start({ settings, configure: (one) => void given.push(one) }, config({ env }));
  expect(await configure(config({ env: { API_TOKEN: '********' }, settings: { tone: 'high' } }))).toEqual(ok);
  expect(given).toMatchObject([{ env, settings: { tone: 'high' } }]);
});

describe('other limits', () => {
  it('let in at once who waits, when there are more places', async () => {
    const { started } = await start({}, config(limits(1)));
    const replies = [wait(400), wait(400), wait(400)];
    await eventually(() => started.length === 1);
    expect(await configure(config(limits(3)))).toEqual(ok);
    expect(started).toHaveLength(3);
    expect((await Promise.all(replies)).map(codeOf)).toEqual(Array(3).fill('answered'));
  });

  it('leave alone what is there when there are fewer places, and hold for what comes', async () => {
    const { instance, started } = await start({}, config(limits(2)));
    const replies = Array.from({ length: 5 }, () => wait(150));
    await eventually(() => instance.telemetry().queue_depth === 3);
    expect(await configure(config(limits(1, 1)))).toEqual(ok);
    expect(codeOf(await wait(1))).toBe('BUSY');
    await eventually(() => started.length === 3);
    expect(instance.telemetry()).toMatchObject({ in_flight: 3, queue_depth: 2 });
    expect((await Promise.all(replies)).map(codeOf)).toEqual(Array(5).fill('answered'));
    expect(codeOf(await wait(1))).toBe('answered');
  });

  it('have another deadline for what comes, and not for what is there', async () => {
    const { started } = await start();
    const before = wait(300);
    await eventually(() => started.length === 1);
    expect(await configure(config(timeout(0.1)))).toEqual(ok);
    const after = await ask(
      subjects.invokeCapability('echo', 'text.wait'),
      { ms: 300 },
      { [headerNames.timeoutMs]: '4000' },
    );
    expect(problemOfMsg(after)?.detail).toContain('within 100 ms');
    expect(codeOf(await before)).toBe('answered');
  });

  it('are taken from an older supervisor too, which knows fewer of them', async () => {
    const { started } = await start();
    const { sandbox: _, ...older } = config(limits(1, 0));
    expect(await configure({ ...older, resources: { timeout_secs: 20 } })).toEqual(ok);
    const held = wait(200);
    await eventually(() => started.length === 1);
    expect(codeOf(await wait(1))).toBe('BUSY');
    expect(codeOf(await held)).toBe('answered');
  });

  it('are taken over while the plugin still prepares itself, and what is for others is left to them', async () => {
    const ready = Promise.withResolvers<void>();
    const starting = start({ start: () => ready.promise });
    await eventually(async () => (await configure(config({ replicas: 3, env: { A: 'b' } }))) !== undefined);
    expect(await configure(config(limits(1, 0)))).toEqual(ok);
    ready.resolve();
    await starting;
    const replies = await Promise.all([wait(100), wait(100)]);
    expect(replies.map(codeOf).sort()).toEqual(['BUSY', 'answered']);
  });
});

describe('other settings', () => {
  it('are taken over by a plugin that can, before it is said that they are in force', async () => {
    const taken: PluginConfig[] = [];
    const take = async (given: PluginConfig) => {
      await delay(50);
      taken.push(given);
    };
    await start({ settings, configure: take });
    const given = config({ settings: { tone: 'low' }, revision: 7, ...limits(2) });
    expect(await configure(given)).toEqual(ok);
    expect(taken).toEqual([given]);
  });

  it('are none when they are equal, in whatever order', async () => {
    const take = vi.fn<() => void>();
    const same = config({ settings: { tone: 'low', loud: true } });
    await start({ settings, configure: take }, same);
    expect(await configure({ ...same, settings: { loud: true, tone: 'low' }, ...limits(1) })).toEqual(ok);
    expect(take).not.toHaveBeenCalled();
  });

  it('are refused by a plugin that reads them at its start, whole', async () => {
    await start({ settings }, config(limits(1, 0)));
    const refused = await configure(config({ settings: { tone: 'low' }, ...limits(9) }));
    expect(refused).toMatchObject({ code: 'CONFLICT', detail: expect.stringContaining('when it starts') });
    expect((await Promise.all([wait(100), wait(100)])).map(codeOf).sort()).toEqual(['BUSY', 'answered']);
  });

  it.each<[string, () => void | Promise<void>, object]>([
    [
      'which fails',
      () => Promise.reject(new Error('no such tone')),
      { code: 'INTERNAL', detail: 'echo could not take over its settings: no such tone' },
    ],
    [
      'which throws at once',
      () => {
        throw new BkgError('PLUGIN_UNAVAILABLE', 'the organ is away');
      },
      { code: 'PLUGIN_UNAVAILABLE', detail: 'the organ is away' },
    ],
  ])('leave all as it was when they meet a plugin %s', async (_, take, expected) => {
    await start({ settings, configure: take }, config(limits(1, 0)));
    expect(await configure(config({ settings: { tone: 'x' }, ...limits(9) }))).toMatchObject(expected);
    expect((await Promise.all([wait(100), wait(100)])).map(codeOf).sort()).toEqual(['BUSY', 'answered']);
    // The old ones are in force: nothing has to be taken over.
    expect(await configure(config(limits(2)))).toEqual(ok);
  });

  it.each<[string, unknown, object]>([
    ['no JSON', '{', { code: 'INVALID_PAYLOAD' }],
    ['nothing', '', { code: 'INVALID_PAYLOAD' }],
    ['a part of a configuration', { id: 'echo' }, { code: 'INVALID_PAYLOAD' }],
    ['impossible limits', config(limits(0)), { errors: [{ path: '/limits/max_concurrency' }] }],
    [
      'an impossible memory',
      { ...config(), resources: { ...configDefaults.resources, max_memory_mb: 1 } },
      { errors: [{ path: '/resources/max_memory_mb' }] },
    ],
    ['a sandbox that there is not', { ...config(), sandbox: 'yes' }, { errors: [{ path: '/sandbox' }] }],
    ['one without a time-out', { ...config(), resources: {} }, { errors: [{ path: '/resources' }] }],
    ['that of another plugin', { ...config(), id: 'other' }, { errors: [{ path: '/id' }] }],
    ['settings of another kind', config({ settings: { tone: 7 } }), { errors: [{ path: '/settings/tone' }] }],
  ])('never reach the plugin when they are %s', async (_, body, expected) => {
    const take = vi.fn<() => void>();
    await start({ settings, configure: take });
    expect(await configure(body)).toMatchObject({ status: 400, code: 'INVALID_PAYLOAD', ...expected });
    expect(take).not.toHaveBeenCalled();
  });

  it('come one after the other, after the start', async () => {
    const ready = Promise.withResolvers<void>();
    const seen: string[] = [];
    const take = async ({ settings: { tone } }: PluginConfig) => {
      seen.push(`${String(tone)} begins`);
      await delay(tone === 'first' ? 60 : 0);
      seen.push(`${String(tone)} ends`);
    };
    const begin = async () => {
      await ready.promise;
      seen.push('started');
    };
    const starting = start({ settings, configure: take, start: begin });
    await eventually(async () => (await configure(config())) !== undefined);
    const tones = ['first', 'second', 'third'].map((tone) => configure(config({ settings: { tone } })));
    await delay(50);
    ready.resolve();
    expect(await Promise.all(tones)).toEqual([ok, ok, ok]);
    await starting;
    expect(seen).toEqual([
      'started',
      'first begins',
      'first ends',
      'second begins',
      'second ends',
      'third begins',
      'third ends',
    ]);
  });

  it('are announced as live by a plugin that takes them over', () => {
    const { plugin } = createEcho();
    expect(descriptorOf({ ...plugin, settings, configure: () => undefined }).settings_live).toBe(true);
    expect(descriptorOf({ ...plugin, settings })).not.toHaveProperty('settings_live');
  });
});

describe('a plugin that takes too long over its settings', () => {
  function setUp(take: NonNullable<PluginDefinition['configure']>) {
    const applied: PluginConfig[] = [];
    const ending = new AbortController();
    const live = new LiveConfig({
      plugin: { ...createEcho().plugin, settings, configure: take },
      config: config(),
      dispatcher: { configure: (one: PluginConfig) => void applied.push(one) } as unknown as Dispatcher,
      log: silentLogger,
      prepared: Promise.resolve(),
      ending: ending.signal,
      mostMs: 50,
    });
    const apply = (tone: string) => live.apply(config({ settings: { tone } }));
    return { apply, applied, ending };
  }

  it('is told to give up, and gets no others before it has', async () => {
    const release = Promise.withResolvers<void>();
    const signals: AbortSignal[] = [];
    const { apply, applied } = setUp(({ settings: { tone } }, { signal }) => {
      signals.push(signal);
      return tone === 'slow' ? release.promise : undefined;
    });
    await expect(apply('slow')).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(signals[0]?.aborted).toBe(true);
    await expect(apply('quick')).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(applied).toEqual([]);
    release.resolve();
    await eventually(() => apply('quick').then(() => true));
    expect(applied).toMatchObject([{ settings: { tone: 'quick' } }]);
    expect(signals).toHaveLength(2);
  });

  it('is told when the instance ends, and then nothing is in force', async () => {
    const { apply, applied, ending } = setUp(async (_, { signal }) => delay(10_000, signal));
    const order = expect(apply('x')).rejects.toMatchObject({ code: 'CONFLICT', message: /is ending/ });
    await delay(10);
    ending.abort();
    await order;
    expect(applied).toEqual([]);
  });

  it('keeps a bounded number of orders waiting', async () => {
    const { apply } = setUp((_, { signal }) => delay(10_000, signal));
    const orders = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => apply(`${i}`)));
    const busy = orders.filter(
      (one) => one.status === 'rejected' && (one.reason as BkgError).code === 'BUSY',
    );
    expect(busy).toHaveLength(4);
  });
});
