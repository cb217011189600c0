import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NoRespondersError, subjects } from '@bkg/sdk';
import type { PluginInfo, PluginTelemetry } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { beat, entryOf, startMesh, telemetryOf } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { connectWs } from './ws-peer.ts';

let mesh: TestMesh;
/** What the supervisor has heard, by plugin; of others it says nothing. */
const heard = new Map<string, Partial<PluginTelemetry>>([
  ['watched', { request_count: 10 }],
  ['resumed', { request_count: 1 }],
]);
/** The subjects on which it was asked. */
const asked: string[] = [];

async function get<T>(path: string): Promise<T> {
  return (await (await fetch(`${mesh.url}${path}`)).json()) as T;
}

/** Whether the gateway would get a heartbeat of this plugin now. */
async function isHeard(id: string): Promise<boolean> {
  try {
    await mesh.peer.request(subjects.event(id, 'nobody', 'telemetry'), '', { timeoutMs: 50 });
    return true;
  } catch (error) {
    return !(error instanceof NoRespondersError);
  }
}

beforeAll(async () => {
  mesh = await startMesh();
  const infoOf = (id: string): PluginInfo => ({
    ...entryOf(id),
    telemetry: telemetryOf(id, heard.get(id) ?? {}),
  });
  mesh.supervisor.get(({ subject }, id) => {
    asked.push(subject);
    return heard.has(id) ? { data: JSON.stringify(infoOf(id)) } : undefined;
  });
  mesh.supervisor.list(({ subject }) => {
    asked.push(subject);
    return { data: JSON.stringify([...heard.keys()].map(infoOf)) };
  });
  const ids = ['one', 'two', 'listed', 'watched', 'resumed'];
  for (const id of ids) await mesh.supervisor.put(entryOf(id));
  await eventually(() => mesh.app.catalog.size === ids.length);
});

afterAll(() => mesh[Symbol.asyncDispose]());

describe('telemetry that nobody watches', () => {
  it('is not heard, and asked of the supervisor for those who look at one plugin, once for many', async () => {
    expect(await isHeard('one')).toBe(false);
    heard.set('one', { request_count: 41, memory_mb: 77 });
    const startedAt = performance.now();
    const [plugin, telemetry] = await Promise.all([
      get<PluginInfo>('/api/plugins/one'),
      get<PluginTelemetry>('/api/plugins/one/telemetry'),
      ...Array.from({ length: 30 }, () => get<PluginInfo>('/api/plugins/one')),
    ]);
    expect(plugin.telemetry).toMatchObject({ request_count: 41, memory_mb: 77 });
    expect(telemetry).toMatchObject({ plugin_id: 'one', request_count: 41 });
    expect(new Set(asked)).toEqual(new Set(['bkg.registry.get.one']));
    // Again after a second, which is soon over on a busy machine.
    expect(asked.length).toBeLessThanOrEqual(1 + (performance.now() - startedAt) / 1_000);
    heard.set('one', { request_count: 42 });
    await eventually(
      async () => (await get<PluginTelemetry>('/api/plugins/one/telemetry')).request_count === 42,
    );
    expect(await isHeard('one')).toBe(false);
  });

  it('is said by the instances themselves when the supervisor does not answer', async () => {
    mesh.peer.subscribe(subjects.telemetry('two'), {
      callback: (_error, msg) => {
        mesh.peer.respond(msg, JSON.stringify(telemetryOf('two', { request_count: 7 })));
      },
    });
    await mesh.peer.nats.flush();
    await eventually(
      async () => (await get<PluginTelemetry>('/api/plugins/two/telemetry')).request_count === 7,
    );
  });

  it('is asked of the supervisor for all at once by who looks at all', async () => {
    heard.set('listed', { request_count: 5 });
    asked.length = 0;
    const found = await eventually(async () => {
      const all = await get<PluginInfo[]>('/api/plugins');
      return all.find(({ id, telemetry }) => id === 'listed' && telemetry.request_count === 5);
    });
    expect(found.telemetry.plugin_id).toBe('listed');
    expect(new Set(asked)).toEqual(new Set(['bkg.registry.list']));
  });
});

describe('telemetry that somebody watches', () => {
  it('begins with what the supervisor has, goes on with heartbeats of that plugin alone, and ends a little later', async () => {
    {
      await using peer = await connectWs(mesh);
      const frame = await peer.ask(
        { op: 'subscribe', id: 's', topic: 'plugin', plugins: ['watched'] },
        'snapshot',
      );
      expect(frame.snapshot).toMatchObject({ id: 'watched', telemetry: { request_count: 10 } });
      expect([await isHeard('watched'), await isHeard('one')]).toEqual([true, false]);
      beat(mesh.peer, 'watched', 'watched-1', { request_count: 12 });
      await eventually(
        async () => (await get<PluginTelemetry>('/api/plugins/watched/telemetry')).request_count === 12,
      );
    }
    await eventually(async () => !(await isHeard('watched')));
  });

  it('of all plugins is heard of all, and who comes back after it has ended gets what has changed', async () => {
    const first = await connectWs(mesh);
    const { seq } = await first.ask({ op: 'subscribe', id: 't', topic: 'telemetry' }, 'snapshot');
    expect([await isHeard('watched'), await isHeard('one')]).toEqual([true, true]);
    await first[Symbol.asyncDispose]();
    await eventually(async () => !(await isHeard('one')));
    heard.set('resumed', { request_count: 2 });
    await using second = await connectWs(mesh);
    second.send({ op: 'subscribe', id: 't', topic: 'telemetry', after_seq: seq, gateway: first.gateway });
    await eventually(() =>
      second.of('data').some(({ data }) => JSON.stringify(data).includes('"request_count":2')),
    );
    expect(second.of('snapshot')).toEqual([]);
  });

  it('is asked for again when the broker was away', async () => {
    await using peer = await connectWs(mesh);
    await peer.ask({ op: 'subscribe', id: 's', topic: 'telemetry', plugins: ['watched'] }, 'snapshot');
    heard.set('watched', { request_count: 13 });
    await mesh.nats.restart();
    await mesh.supervisor.start();
    await mesh.supervisor.put(entryOf('watched'));
    await eventually(() =>
      peer.of('data').some(({ data }) => JSON.stringify(data).includes('"request_count":13')),
    );
  });
});
