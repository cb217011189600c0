import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DataFrame } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { beat, entryOf, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { connectWs } from './ws-peer.ts';
import type { WsPeer } from './ws-peer.ts';

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh();
  for (const id of ['one', 'two']) await mesh.supervisor.put(entryOf(id));
  await eventually(() => mesh.app.catalog.size === 2);
});

afterAll(() => mesh[Symbol.asyncDispose]());

/** What a client that follows `plugins` believes. */
function believed(peer: WsPeer, id = 's'): Map<string, string> {
  const plugins = new Map<string, string>();
  for (const frame of peer.frames) {
    if (frame.type === 'snapshot' && frame.id === id) {
      plugins.clear();
      for (const plugin of frame.snapshot as { id: string; description: string }[]) {
        plugins.set(plugin.id, plugin.description);
      }
    } else if (frame.type === 'data' && frame.id === id) {
      const { data } = frame as DataFrame<'plugins'>;
      if ('removed' in data) plugins.delete(data.removed);
      else plugins.set(data.plugin.id, data.plugin.description);
    }
  }
  return plugins;
}

function seqs(peer: WsPeer, id: string): number[] {
  return peer.frames.flatMap((frame) =>
    (frame.type === 'snapshot' || frame.type === 'data') && frame.id === id ? [frame.seq] : [],
  );
}

describe('the topic plugins', () => {
  it('begins with all plugins as the API has them, by id', async () => {
    await using peer = await connectWs(mesh);
    const frame = await peer.ask({ op: 'subscribe', id: 's', topic: 'plugins' }, 'snapshot');
    expect(frame).toMatchObject({ id: 's', topic: 'plugins', snapshot: [{ id: 'one' }, { id: 'two' }] });
    expect(frame.snapshot).toEqual(await (await fetch(`${mesh.url}/api/plugins`)).json());
  });

  it('goes on with each change, also of plugins that come and go, and its numbers grow', async () => {
    await using peer = await connectWs(mesh);
    await peer.ask({ op: 'subscribe', id: 's', topic: 'plugins' }, 'snapshot');
    await mesh.supervisor.put(entryOf('one', 'stopping'));
    await eventually(() =>
      peer
        .of('data')
        .some(({ data }) => 'plugin' in Object(data) && JSON.stringify(data).includes('"stopping"')),
    );
    await mesh.supervisor.put(entryOf('brief', 'running', { description: 'Here.' }));
    await eventually(() => believed(peer).get('brief') === 'Here.');
    await mesh.supervisor.remove('brief');
    await eventually(() => !believed(peer).has('brief'));
    expect(peer.of('data').at(-1)?.data).toEqual({ removed: 'brief' });
    await mesh.supervisor.put(entryOf('brief', 'running', { description: 'Again.' }));
    await eventually(() => believed(peer).get('brief') === 'Again.');
    await mesh.supervisor.remove('brief');
    const numbers = seqs(peer, 's');
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });

  it('says of the plugins that were named and of no others', async () => {
    await using peer = await connectWs(mesh);
    const frame = await peer.ask(
      { op: 'subscribe', id: 's', topic: 'plugins', plugins: ['two', 'nobody'] },
      'snapshot',
    );
    expect(frame.snapshot).toMatchObject([{ id: 'two' }]);
    await mesh.supervisor.put(entryOf('one', 'running'));
    await mesh.supervisor.put(entryOf('two', 'running', { description: 'Changed.' }));
    await eventually(() => believed(peer).get('two') === 'Changed.');
    expect(peer.texts.filter((text) => text.includes('"one"'))).toEqual([]);
  });

  it('goes to several subscriptions of a client, each under its own id', async () => {
    await using peer = await connectWs(mesh);
    await peer.ask({ op: 'subscribe', id: 'ä "quoted" \u{1f600}', topic: 'plugins' }, 'snapshot');
    await peer.ask({ op: 'subscribe', id: 'b', topic: 'plugins', plugins: ['one'] }, 'snapshot');
    await mesh.supervisor.put(entryOf('one', 'running', { description: 'For both.' }));
    await eventually(
      () => peer.of('data', 'b').length > 0 && peer.of('data', 'ä "quoted" \u{1f600}').length > 0,
    );
  });
});

describe('the topic plugin', () => {
  it('is one plugin, which may not be there yet, come, and be gone', async () => {
    await using peer = await connectWs(mesh);
    const frame = await peer.ask(
      { op: 'subscribe', id: 's', topic: 'plugin', plugins: ['late'] },
      'snapshot',
    );
    expect(frame.snapshot).toBeNull();
    await mesh.supervisor.put(entryOf('late'));
    await eventually(() => (peer.of('data').at(-1)?.data as { id: string } | undefined)?.id === 'late');
    await mesh.supervisor.remove('late');
    await eventually(() => peer.of('data').at(-1)?.data === null);
  });

  it('begins with the plugin when it is there', async () => {
    await using peer = await connectWs(mesh);
    const frame = await peer.ask({ op: 'subscribe', id: 's', topic: 'plugin', plugins: ['one'] }, 'snapshot');
    expect(frame.snapshot).toMatchObject({ id: 'one', telemetry: { plugin_id: 'one' } });
  });
});

describe('the topic telemetry', () => {
  it('begins with that of every plugin, and goes on with each heartbeat', async () => {
    await using peer = await connectWs(mesh);
    const frame = await peer.ask({ op: 'subscribe', id: 's', topic: 'telemetry' }, 'snapshot');
    expect(frame.snapshot).toMatchObject([{ plugin_id: 'one' }, { plugin_id: 'two' }]);
    beat(mesh.peer, 'one', 'one-1', { memory_mb: 77 });
    await eventually(() =>
      peer.of('data').some(({ data }) => (data as { memory_mb: number }).memory_mb === 77),
    );
    await using late = await connectWs(mesh);
    const again = await late.ask(
      { op: 'subscribe', id: 's', topic: 'telemetry', plugins: ['one'] },
      'snapshot',
    );
    expect(again.snapshot).toMatchObject([{ plugin_id: 'one', memory_mb: 77 }]);
  });

  it('is sent about once a second for each plugin, however many heartbeats there are, the last one in any case', async () => {
    await using peer = await connectWs(mesh);
    await peer.ask({ op: 'subscribe', id: 's', topic: 'telemetry', plugins: ['two'] }, 'snapshot');
    for (let i = 1; i <= 50; i += 1) {
      beat(mesh.peer, 'two', 'two-1', { request_count: i });
      await wait(20);
    }
    const latest = (): number | undefined =>
      (peer.of('data').at(-1)?.data as { request_count: number } | undefined)?.request_count;
    await eventually(() => latest() === 50);
    expect(peer.of('data').length).toBeLessThanOrEqual(4);
  });
});

describe('unsubscribing', () => {
  it('is acknowledged, ends the frames, and frees the id', async () => {
    await using peer = await connectWs(mesh);
    await peer.ask({ op: 'subscribe', id: 's', topic: 'plugins' }, 'snapshot');
    await peer.ask({ op: 'subscribe', id: 'other', topic: 'plugins' }, 'snapshot');
    await peer.ask({ op: 'unsubscribe', id: 's' }, 'unsubscribed');
    const before = peer.of('data', 's').length;
    await mesh.supervisor.put(entryOf('one', 'running', { description: 'Unheard.' }));
    await eventually(() => believed(peer, 'other').get('one') === 'Unheard.');
    expect(peer.of('data', 's')).toHaveLength(before);
    await peer.ask({ op: 'subscribe', id: 's', topic: 'telemetry' }, 'snapshot');
  });

  it('of nothing is refused', async () => {
    await using peer = await connectWs(mesh);
    const { problem } = await peer.ask({ op: 'unsubscribe', id: 'never' }, 'error');
    expect(problem).toMatchObject({ code: 'INVALID_PAYLOAD', errors: [{ path: '/id' }] });
  });
});

describe('a client that comes back', () => {
  it('gets from the same gateway what has changed since, and no snapshot', async () => {
    const first = await connectWs(mesh);
    await first.ask({ op: 'subscribe', id: 's', topic: 'plugins' }, 'snapshot');
    await mesh.supervisor.put(entryOf('leaving'));
    await eventually(() => believed(first).has('leaving'));
    const after_seq = seqs(first, 's').at(-1) ?? 0;
    await first[Symbol.asyncDispose]();
    await mesh.supervisor.put(entryOf('two', 'running', { description: 'Meanwhile.' }));
    await mesh.supervisor.remove('leaving');
    await eventually(
      () => !mesh.app.catalog.get('leaving') && mesh.app.catalog.get('two')?.description === 'Meanwhile.',
    );
    await using second = await connectWs(mesh);
    second.send({ op: 'subscribe', id: 'again', topic: 'plugins', after_seq, gateway: first.gateway });
    await eventually(() => second.of('data').length === 2);
    expect(second.of('data').map(({ data }) => data)).toMatchObject([
      { plugin: { id: 'two', description: 'Meanwhile.' } },
      { removed: 'leaving' },
    ]);
    expect(second.of('snapshot')).toEqual([]);
    expect(Math.min(...seqs(second, 'again'))).toBeGreaterThan(after_seq);
    await mesh.supervisor.put(entryOf('one', 'running', { description: 'And on.' }));
    await eventually(() => second.of('data').length === 3);
  });

  it('gets one plugin, or its telemetry, that has changed since', async () => {
    // Somebody else who goes on looking.
    await using other = await connectWs(mesh);
    await other.ask({ op: 'subscribe', id: 't', topic: 'telemetry' }, 'snapshot');
    const first = await connectWs(mesh);
    const one = await first.ask({ op: 'subscribe', id: 'p', topic: 'plugin', plugins: ['one'] }, 'snapshot');
    const telemetry = await first.ask({ op: 'subscribe', id: 't', topic: 'telemetry' }, 'snapshot');
    await first[Symbol.asyncDispose]();
    await mesh.supervisor.put(entryOf('one', 'running', { description: 'Anew.' }));
    beat(mesh.peer, 'one', 'one-1', { memory_mb: 99 });
    await eventually(() => mesh.app.catalog.info('one')?.telemetry.memory_mb === 99);
    await using second = await connectWs(mesh);
    const { gateway } = first;
    second.send({ op: 'subscribe', id: 'p', topic: 'plugin', plugins: ['one'], after_seq: one.seq, gateway });
    second.send({ op: 'subscribe', id: 't', topic: 'telemetry', after_seq: telemetry.seq, gateway });
    await eventually(() =>
      second.of('data', 't').some(({ data }) => JSON.stringify(data).includes('"memory_mb":99')),
    );
    expect(second.of('data', 'p')[0]?.data).toMatchObject({ id: 'one', description: 'Anew.' });
    expect(second.of('snapshot')).toEqual([]);
  });

  it.each([
    ['another gateway', 1, 'another'],
    ['no gateway', 1, undefined],
    ['a number that this gateway has not reached', Number.MAX_SAFE_INTEGER, 'this'],
  ])('gets a snapshot when it names %s', async (_what, after_seq, named) => {
    await using peer = await connectWs(mesh);
    const gateway = named === 'this' ? peer.gateway : named;
    const frame = await peer.ask(
      { op: 'subscribe', id: 's', topic: 'plugins', after_seq, gateway },
      'snapshot',
    );
    expect(frame.snapshot).toHaveLength(mesh.app.catalog.size);
  });

  it('gets a snapshot when more plugins have gone than are remembered', async () => {
    await using other = await startMesh({ ws: { goneMost: 3 } });
    for (let i = 0; i < 5; i += 1) await other.supervisor.put(entryOf(`brief-${i}`));
    await eventually(() => other.app.catalog.size === 5);
    const first = await connectWs(other);
    const { seq } = await first.ask({ op: 'subscribe', id: 's', topic: 'plugins' }, 'snapshot');
    await first[Symbol.asyncDispose]();
    for (let i = 0; i < 5; i += 1) await other.supervisor.remove(`brief-${i}`);
    await eventually(() => other.app.catalog.size === 0);
    await using second = await connectWs(other);
    const frame = { op: 'subscribe', id: 's', topic: 'plugins', after_seq: seq, gateway: first.gateway };
    expect((await second.ask(frame, 'snapshot')).snapshot).toEqual([]);
    expect(second.of('data')).toEqual([]);
  });
});
