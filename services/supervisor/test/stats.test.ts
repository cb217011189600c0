import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isHeartbeat, subjects } from '@bkg/sdk';
import type { Connection, Heartbeat, PluginInfo, PluginTelemetry } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { manifest, Mesh } from './mesh.ts';

let mesh: Mesh;

beforeAll(async () => {
  mesh = await Mesh.create([manifest('service', 'service.mjs'), manifest('echo', 'echo.mjs')]);
  await mesh.supervise({ pollLeastMs: 100, pollEveryMs: 200, pingLeastMs: 200, answerMs: 200 });
});
afterAll(() => mesh[Symbol.asyncDispose]());

const shows = (id: string, check: (info: PluginInfo) => boolean) =>
  eventually(async () => {
    const info = await mesh.get(id);
    return check(info) && info;
  });

/** Answers as a service that nobody manages; `stats` is what it counts. @param times how often it answers each question */
async function byHand(id: string, stats: () => object, times = 1): Promise<Connection> {
  const connection = await mesh.server.connect(id);
  const identity = { name: id, id: 'hand', version: '1.0.0', metadata: {} };
  const endpoint = { name: 'do', subject: `plugin.${id}.invoke.do`, queue_group: 'q', metadata: {} };
  const answers = {
    PING: () => identity,
    INFO: () => ({ ...identity, description: '', endpoints: [endpoint] }),
    STATS: () => ({ ...identity, ...stats() }),
  };
  for (const [verb, answer] of Object.entries(answers)) {
    for (const rest of ['', `.${id}`, `.${id}.hand`]) {
      const callback = (_: unknown, msg: { respond: (data: string) => unknown }): void => {
        for (let i = 0; i < times; i += 1) msg.respond(JSON.stringify(answer()));
      };
      connection.subscribe(`$SRV.${verb}${rest}`, { callback });
    }
  }
  await connection.flush();
  return connection;
}

function hear(id: string): { beats: (Heartbeat & { by?: string })[]; stop: () => void } {
  const beats: (Heartbeat & { by?: string })[] = [];
  const callback = (_: unknown, msg: { json: <T>() => T }): void => void beats.push(msg.json());
  const subscription = mesh.caller.subscribe(subjects.events('telemetry', id), { callback });
  return { beats, stop: () => subscription.unsubscribe() };
}

describe('a managed service without events', () => {
  it('is measured by its statistics and its process, and heard of in its own name', async () => {
    const { instances } = await mesh.order('start', 'service');
    const { beats, stop } = hear('service');
    for (let i = 0; i < 5; i += 1) await mesh.invoke('service', 'do', { fail: i > 2 });
    const { telemetry } = await shows('service', (info) => info.telemetry.request_count === 5);
    expect(telemetry).toMatchObject({ error_count: 2, last_error: '400: it was told to', instances: 1 });
    expect(telemetry.latency_ms.p50).toBe(3.2);
    expect(telemetry.memory_mb).toBeGreaterThan(10);
    await eventually(() => beats.at(-1)?.telemetry.request_count === 5);
    stop();
    expect(beats.every(isHeartbeat)).toBe(true);
    expect(beats.at(-1)).toMatchObject({
      by: 'supervisor',
      status: 'running',
      version: '2.0.0',
      telemetry: { plugin_id: 'service', error_count: 2 },
    });
    const seqs = beats.map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.map((_, i) => seqs[0]! + i));
    expect((await mesh.get('service')).instances).toMatchObject([
      { instance: instances[0]?.instance, managed: true, status: 'running' },
    ]);
    const asked = await mesh.ask<PluginTelemetry>(subjects.telemetry('service'));
    expect(asked).toMatchObject({ request_count: 5 });
  });

  it('begins at zero when it is started again', async () => {
    await mesh.order('restart', 'service');
    const { telemetry } = await shows('service', (info) => info.telemetry.instances === 1);
    expect(telemetry).toMatchObject({ request_count: 0, last_error: '', latency_buckets: [] });
    await mesh.order('stop', 'service');
  });
});

describe('a service that was started by hand', () => {
  it('is measured as well, since it says when it was started', async () => {
    const started = new Date(Date.now() - 3_600_000).toISOString();
    let requests = 41;
    const counters = { num_errors: 1, last_error: 'x', processing_time: 1e9, average_processing_time: 1e8 };
    const connection = await byHand('byhand', () => ({
      started,
      endpoints: [{ subject: 'plugin.byhand.invoke.do', num_requests: (requests += 1), ...counters }],
    }));
    const { telemetry, instances } = await shows('byhand', (info) => info.telemetry.request_count > 41);
    expect(telemetry.uptime_secs).toBeGreaterThanOrEqual(3_600);
    expect(instances).toMatchObject([{ instance: 'hand', managed: false, started_at: started }]);
    requests = 0;
    await shows('byhand', (info) => info.telemetry.request_count < 41);
    await connection.close();
    const gone = await shows('byhand', (info) => info.status === 'error');
    expect(gone.error).toMatch(/^no heartbeat since/);
  });

  it('and answers one question several times is measured once', async () => {
    const { beats, stop } = hear('repeats');
    let answers = 0;
    const connection = await byHand(
      'repeats',
      () => ({ endpoints: [{ subject: 'plugin.repeats.invoke.do', num_requests: answers++ % 3 }] }),
      3,
    );
    await eventually(() => beats.length > 2);
    stop();
    await connection.close();
    expect(new Set(beats.map(({ telemetry }) => telemetry.request_count))).toEqual(new Set([0]));
  });

  it('and answers nonsense when it is asked for statistics runs all the same', async () => {
    const connection = await byHand('nonsense', () => ({ started: [], endpoints: { a: 1 }, metadata: null }));
    const { telemetry } = await shows('nonsense', (info) => info.telemetry.instances === 1);
    expect(telemetry).toMatchObject({ request_count: 0, uptime_secs: 0 });
    await connection.close();
  });

  it('is listed at once when it says something', async () => {
    const connection = await mesh.server.connect('speaks');
    const identity = { name: 'speaks', id: 'hand', version: '1.0.0' };
    const endpoints = [{ name: 'do', subject: 'plugin.speaks.invoke.do' }];
    // It does not even answer who is there.
    connection.subscribe('$SRV.INFO.speaks.hand', {
      callback: (_, msg) => void msg.respond(JSON.stringify({ ...identity, endpoints })),
    });
    await connection.flush();
    const record = { time: new Date().toISOString(), level: 'info', message: 'hello', source: 'sdk' };
    connection.publish(subjects.event('speaks', 'hand', 'log'), JSON.stringify(record));
    await shows('speaks', (info) => info.capabilities.length === 1);
    expect(await mesh.messages('speaks')).toEqual(['hello']);
    await connection.close();
  });
});

it('a plugin that publishes heartbeats is not measured in its place', async () => {
  const { beats, stop } = hear('echo');
  await mesh.order('start', 'echo');
  await eventually(() => beats.length > 1, { withinMs: 15_000 });
  stop();
  expect(beats.some(({ by }) => by !== undefined)).toBe(false);
  await mesh.order('stop', 'echo');
});
