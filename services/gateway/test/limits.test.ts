/** Rate limits over HTTP, over `/ws` and between gateways. */
import { setTimeout as wait } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { capability, configDefaults, definePlugin, Instance, subjects, Type } from '@bkg/sdk';
import type { BkgError, PluginConfig, Problem } from '@bkg/sdk';
import { eventually, silentLogger } from '@bkg/sdk/testing';
// For what it adds to Fastify's types.
import type {} from '../src/invoke/invocations.ts';
import type { LimitedCaller } from '../src/limits/rate-limits.ts';
import type { Spent } from '../src/limits/spent.ts';
import { entryOf, serve, startGateway, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { connectWs } from './ws-peer.ts';

let mesh: TestMesh;
let executed = 0;
/** Another plugin for each test, so that no bucket is used twice. */
let id = '';
let plugins = 0;

beforeAll(async () => {
  mesh = await startMesh();
});
beforeEach(() => {
  executed = 0;
  plugins += 1;
  id = `echo-${plugins}`;
});
afterAll(() => mesh[Symbol.asyncDispose]());

/** Nothing worth mentioning comes back while a test runs. */
const slow = { rate_per_second: 0.001 };
const configOf = (limits: Partial<PluginConfig['limits']>, revision = 1): PluginConfig => ({
  id,
  ...configDefaults,
  limits: { ...configDefaults.limits, ...limits },
  revision,
});
async function limitTo(limits: Partial<PluginConfig['limits']>, revision = 1): Promise<void> {
  const config = configOf(limits, revision);
  await mesh.supervisor.put(entryOf(id, 'running', { capabilities: ['say', 'wait'], config }));
  await eventually(() => mesh.app.catalog.get(id)?.config.revision === revision);
}
async function begin(limits: Partial<PluginConfig['limits']>): Promise<void> {
  for (const one of ['say', 'wait']) {
    await serve(mesh.peer, id, one, (msg) => {
      executed += 1;
      msg.respond(msg.data);
    });
  }
  await limitTo(limits);
}

interface Answer {
  status: number;
  headers: Headers;
  body: Problem;
}

async function post(path: string, body: object = {}, url = mesh.url): Promise<Answer> {
  const response = await fetch(`${url}/api/plugins/${id}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Problem };
}
const say = (url?: string) => post('/invoke/say', {}, url);
const statuses = async (answers: Promise<{ status: number }>[]): Promise<{ ok: number; limited: number }> => {
  const all = (await Promise.all(answers)).map(({ status }) => status);
  return { ok: all.filter((one) => one === 200).length, limited: all.filter((one) => one === 429).length };
};
const times = <T>(n: number, act: () => Promise<T>): Promise<T>[] => Array.from({ length: n }, () => act());

describe('the limit of a plugin', () => {
  it('is told on every answer, and when it is used up how long to wait', async () => {
    await begin({ ...slow, burst: 2 });
    const [first, second, third] = [await say(), await say(), await say()];
    expect([first.status, second.status, third.status]).toEqual([200, 200, 429]);
    const told = (answer: Answer) =>
      ['ratelimit-policy', 'ratelimit', 'retry-after'].map((name) => answer.headers.get(name));
    const left = (tokens: number): unknown => expect.stringMatching(`^"plugin";r=${tokens};t=(1000|99\\d)$`);
    expect(told(first)).toEqual(['"plugin";q=2;w=2000', left(1), null]);
    expect(told(second)).toEqual(['"plugin";q=2;w=2000', left(0), null]);
    expect(told(third)).toEqual(['"plugin";q=2;w=2000', left(0), expect.stringMatching(/^(1000|99\d)$/)]);
    expect(third.headers.get('content-type')).toBe('application/problem+json');
    expect(third.headers.get('bkg-invocation-id')).toMatch(/^[0-9a-f]{32}$/);
    expect(third.body).toMatchObject({
      code: 'RATE_LIMITED',
      status: 429,
      retryable: true,
      detail: expect.stringContaining(`The limit of ${id} is 0.001 invocations a second, 2 at once`),
    });
    expect(executed).toBe(2);
  });

  it('is one for both routes and for /ws', async () => {
    await begin({ ...slow, burst: 6 });
    await using peer = await connectWs(mesh);
    const frame = (n: string) => ({ op: 'invoke', id: n, plugin: id, capability: 'say' });
    for (const n of ['1', '2']) await peer.ask(frame(n), 'result');
    const answers = [...times(5, () => say()), ...times(5, () => post('/invoke', { capability: 'wait' }))];
    expect(await statuses(answers)).toEqual({ ok: 4, limited: 6 });
    const { problem, invocation_id } = await peer.ask(frame('3'), 'error');
    expect(problem).toMatchObject({ code: 'RATE_LIMITED', status: 429, detail: /try again in/ });
    expect(invocation_id).toMatch(/^[0-9a-f]{32}$/);
    expect(executed).toBe(6);
  });

  it('is told of failures, too', async () => {
    await begin({ ...slow, burst: 5 });
    await mesh.supervisor.put(entryOf(id, 'stopped', { config: configOf({ ...slow, burst: 5 }) }));
    const gone = await post('/invoke/none');
    expect([gone.status, gone.headers.get('ratelimit')]).toEqual([503, expect.stringContaining('r=4')]);
  });

  it('takes nothing while the broker is away', async () => {
    await using alone = await startMesh();
    await alone.supervisor.put(
      entryOf(id, 'running', { capabilities: ['say'], config: configOf({ ...slow, burst: 1 }) }),
    );
    await eventually(() => alone.app.catalog.get(id));
    await alone.nats.kill();
    await eventually(() => !alone.app.broker.connected);
    const away = await Promise.all(times(5, () => say(alone.url)));
    expect(away.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503]);
    await alone.nats.restart();
    await eventually(() => alone.app.broker.connected && alone.peer.connected);
    await serve(alone.peer, id, 'say', (msg) => msg.respond(msg.data));
    expect(await statuses(times(2, () => say(alone.url)))).toEqual({ ok: 1, limited: 1 });
  });

  it('changes while it is in use, and fills no bucket', async () => {
    await begin({ ...slow, burst: 1 });
    expect(await statuses(times(3, () => say()))).toEqual({ ok: 1, limited: 2 });
    await limitTo({ ...slow, burst: 100 }, 2);
    expect((await say()).status).toBe(429);
    await limitTo({}, 3);
    const { status, headers } = await say();
    expect([status, headers.get('ratelimit'), headers.get('ratelimit-policy')]).toEqual([200, null, null]);
  });
});

describe('the limit of a capability', () => {
  it('holds beside that of its plugin: one token of each, or none', async () => {
    await begin({ ...slow, burst: 5, capabilities: { say: { ...slow, burst: 2 } } });
    expect(await statuses(times(9, () => say()))).toEqual({ ok: 2, limited: 7 });
    // Seven refusals have taken nothing of the plugin's.
    expect(await statuses(times(9, () => post('/invoke/wait')))).toEqual({ ok: 3, limited: 6 });
    const { headers } = await say();
    expect(headers.get('ratelimit')).toMatch(/^"plugin";r=0;t=\d+, "capability";r=0;t=\d+$/);
  });
});

describe('the limit of a key', () => {
  const run = async (caller: LimitedCaller): Promise<string> => {
    const call = {
      invocationId: crypto.randomUUID(),
      isIdChosen: false,
      timeoutMs: 5_000,
      traceparent: '',
      tracestate: undefined,
      pluginId: id,
      capability: 'say',
      body: Buffer.from('{}'),
      contentType: undefined,
      mayRead: true,
      caller,
    };
    return mesh.app.invocations.run(call, new AbortController()).then(
      () => 'answered',
      (error: unknown) => (error as BkgError).code,
    );
  };

  it('holds for all that it invokes, and for nobody else', async () => {
    await begin({});
    const limits = { ...slow, burst: 2 };
    const outcomes = await Promise.all(times(4, () => run({ prefix: `K-${id}`, limits })));
    expect(outcomes.sort()).toEqual(['RATE_LIMITED', 'RATE_LIMITED', 'answered', 'answered']);
    expect(await run({ prefix: `L-${id}`, limits })).toBe('answered');
    expect(await run({ prefix: `M-${id}` })).toBe('answered');
    expect(executed).toBe(4);
  });
});

describe('an instance that lets no more through', () => {
  it('is passed on, with how long to wait', async () => {
    const plugin = definePlugin({
      id,
      version: '1.0.0',
      description: 'For tests.',
      capabilities: {
        say: capability({
          description: 'Nothing.',
          input: Type.Object({}),
          output: Type.Object({}),
          handler: () => ({}),
        }),
      },
    });
    const connection = await mesh.nats.connect(id);
    const config = configOf({ rate_per_second: 0.01, burst: 1 });
    const instance = new Instance(plugin, { connection, config, log: silentLogger });
    await instance.start();
    // The gateway knows of no limit yet.
    await limitTo({});
    expect((await say()).status).toBe(200);
    const { status, headers, body } = await say();
    expect([status, body.code]).toEqual([429, 'RATE_LIMITED']);
    expect(headers.get('retry-after')).toMatch(/^(9\d|100)$/);
    expect(headers.get('ratelimit')).toBeNull();
    await instance.drain(0);
  });

  it('cannot put anything else into that header', async () => {
    await limitTo({});
    await serve(mesh.peer, id, 'say', (msg) => {
      const headers = { 'Nats-Service-Error': 'x', 'Nats-Service-Error-Code': '429', 'Retry-After': 'soon' };
      mesh.peer.respond(msg, '', headers);
    });
    const { status, headers } = await say();
    expect([status, headers.get('retry-after')]).toEqual([429, null]);
  });
});

describe('two gateways', () => {
  const second = async (
    limits: { everyMs?: number } = {},
  ): Promise<{ app: FastifyInstance; url: string }> => {
    const app = await startGateway(mesh.nats, { limits });
    await eventually(() => app.catalog.ready && app.catalog.get(id));
    await app.broker.flush();
    return { app, url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}` };
  };

  it('share a limit: what one has let through the other refuses', async () => {
    await begin({ ...slow, burst: 6 });
    const { app, url } = await second();
    let told = 0;
    const subscription = mesh.peer.subscribe(subjects.spent('*'), {
      callback: (_error, msg) => {
        for (const { bucket, tokens } of msg.json<{ spent: Spent[] }>().spent)
          if (bucket === `plugin:${id}`) told += tokens;
      },
    });
    await mesh.peer.nats.flush();
    const bothKnow = async (tokens: number): Promise<void> => {
      await eventually(() => told === tokens);
      // What the broker has given this connection, it has given theirs before the answer to this.
      for (const { broker } of [mesh.app, app]) expect(await broker.flush()).toBe(true);
    };
    expect(await statuses(times(4, () => say()))).toEqual({ ok: 4, limited: 0 });
    await bothKnow(4);
    expect(await statuses(times(5, () => say(url)))).toEqual({ ok: 2, limited: 3 });
    await bothKnow(6);
    expect(await statuses(times(5, () => say()))).toEqual({ ok: 0, limited: 5 });
    subscription.unsubscribe();
    await app.close();
  });

  it('let through no more than the limit and what the other did not know of', async () => {
    const limit = { rate_per_second: 100, burst: 10 };
    await begin(limit);
    const { app, url } = await second();
    const startedAt = performance.now();
    const answers: Promise<Answer>[] = [];
    while (performance.now() - startedAt < 2_000) {
      answers.push(say(), say(url));
      await wait(5);
    }
    const { ok, limited } = await statuses(answers);
    const secs = (performance.now() - startedAt) / 1_000;
    const told = 10 + 100 * secs;
    expect(limited).toBeGreaterThan(0);
    // The other's burst, and what comes back until it is told of; a busy machine tells late.
    expect(ok).toBeLessThanOrEqual(told + 10 + 100 * 0.5);
    expect(ok).toBeGreaterThan(Math.min(told, answers.length) / 2);
    await app.close();
  });

  it('say nothing while nothing is let through', async () => {
    await begin({ ...slow, burst: 3 });
    const told: unknown[] = [];
    const subscription = mesh.peer.subscribe(subjects.spent('*'), {
      callback: (_error, msg) => void told.push(msg.json()),
    });
    await mesh.peer.nats.flush();
    await wait(300);
    told.length = 0;
    await wait(300);
    expect(told).toEqual([]);
    await Promise.all(times(5, () => say()));
    await eventually(() => told.length > 0);
    await wait(250);
    expect(told).toEqual([
      { spent: [{ bucket: `plugin:${id}`, tokens: 3, rate_per_second: 0.001, burst: 3 }] },
    ]);
    subscription.unsubscribe();
  });

  it('do not believe everything', async () => {
    await begin({ ...slow, burst: 3 });
    const bucket = { bucket: `plugin:${id}`, tokens: 2, rate_per_second: 1, burst: 3 };
    for (const body of [
      '',
      'x',
      '[]',
      '{"spent":7}',
      JSON.stringify({ spent: [bucket, { ...bucket, tokens: -9 }] }),
    ])
      mesh.peer.publish(subjects.spent('other'), body);
    mesh.peer.publish(subjects.spent('other'), JSON.stringify({ spent: Array(1_001).fill(bucket) }));
    await mesh.peer.nats.flush();
    await wait(50);
    expect(await statuses(times(5, () => say()))).toEqual({ ok: 3, limited: 2 });
  });
});
