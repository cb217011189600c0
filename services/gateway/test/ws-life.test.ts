import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Msg } from '@nats-io/nats-core';
import { WebSocket } from 'ws';
import type { LogRecord, PluginInfo } from '@bkg/sdk';
import { eventually, startNatsServer } from '@bkg/sdk/testing';
import { entryOf, FakeSupervisor, serve, startGateway, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { cancelsOf, connectWs, say } from './ws-peer.ts';
import type { WsPeer } from './ws-peer.ts';

function statusOf(peer: WsPeer, id: string): PluginInfo | undefined {
  const infos = peer.frames.flatMap((frame) => {
    if (frame.type === 'snapshot' && frame.topic === 'plugins') return frame.snapshot as PluginInfo[];
    if (frame.type !== 'data' || frame.topic !== 'plugins') return [];
    return 'plugin' in Object(frame.data) ? [(frame.data as unknown as { plugin: PluginInfo }).plugin] : [];
  });
  return infos.findLast((info) => info.id === id);
}

function messages(peer: WsPeer): string[] {
  return peer
    .of('data')
    .flatMap(({ topic, data }) => (topic === 'logs' ? [(data as LogRecord).message] : []));
}

async function meshWithSlow(graceMs: number): Promise<TestMesh & { asked: Msg[] }> {
  const mesh = await startMesh({ graceMs });
  const asked: Msg[] = [];
  await mesh.supervisor.put(entryOf('slow', 'running', { capabilities: ['work'] }));
  await eventually(() => mesh.app.catalog.get('slow'));
  await serve(mesh.peer, 'slow', 'work', (msg) => void asked.push(msg));
  return Object.assign(mesh, { asked });
}

const work = { op: 'invoke', id: 'w', plugin: 'slow', capability: 'work' };

describe('a gateway that stops', () => {
  it('tells its clients with 1001', async () => {
    await using mesh = await startMesh();
    await using peer = await connectWs(mesh);
    await peer.ask({ op: 'subscribe', id: 's', topic: 'plugins' }, 'snapshot');
    const startedAt = performance.now();
    await mesh.app.close();
    expect(await peer.closed).toEqual({ code: 1001, reason: 'The gateway is stopping.' });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  it('lets a running invocation end, takes nothing new, and then says 1001', async () => {
    await using mesh = await meshWithSlow(5_000);
    await using peer = await connectWs(mesh);
    peer.send(work);
    await eventually(() => mesh.asked.length === 1);
    const closed = mesh.app.close();
    for (const frame of [
      { ...work, id: 'late' },
      { op: 'subscribe', id: 'late', topic: 'plugins' },
    ]) {
      expect((await peer.ask(frame, 'error')).problem.code).toBe('PLUGIN_UNAVAILABLE');
    }
    mesh.asked[0]?.respond('"done"');
    expect((await peer.closed).code).toBe(1001);
    expect(peer.of('result')).toMatchObject([{ id: 'w', output: 'done' }]);
    await closed;
  });

  it('cuts off what takes longer than its grace period, tells the plugin, and then says 1001', async () => {
    await using mesh = await meshWithSlow(200);
    const cancels = await cancelsOf(mesh, 'slow');
    await using peer = await connectWs(mesh);
    peer.send({ ...work, invocation_id: 'cut-off' });
    await eventually(() => mesh.asked.length === 1);
    await mesh.app.close();
    expect((await peer.closed).code).toBe(1001);
    expect(peer.of('error')).toMatchObject([
      { id: 'w', invocation_id: 'cut-off', problem: { code: 'CANCELLED' } },
    ]);
    expect(peer.of('error')[0]?.problem.detail).toContain('the gateway is stopping');
    await eventually(() => cancels.length > 0);
    expect(cancels).toEqual(['cut-off']);
  });

  it('does not wait for a client that does not read', async () => {
    await using mesh = await meshWithSlow(200);
    await using peer = await connectWs(mesh);
    peer.tcp.pause();
    const startedAt = performance.now();
    await mesh.app.close();
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});

describe('while the broker restarts', () => {
  it('states go on: unknown, and known again; logs say that something may be missing, and go on', async () => {
    await using mesh = await startMesh();
    await mesh.supervisor.put(entryOf('one'));
    await eventually(() => mesh.app.catalog.get('one'));
    await using peer = await connectWs(mesh);
    await peer.ask({ op: 'subscribe', id: 'p', topic: 'plugins' }, 'snapshot');
    await peer.ask({ op: 'subscribe', id: 'l', topic: 'logs' }, 'snapshot');
    say(mesh, 'one', 'before');
    await eventually(() => messages(peer).length === 1);
    await mesh.nats.kill();
    await eventually(() => statusOf(peer, 'one')?.unknown_since !== undefined);
    await eventually(() => peer.of('dropped').length === 1);
    const whileAway = await peer.ask({ op: 'invoke', id: 'i', plugin: 'one', capability: 'echo' }, 'error');
    expect(whileAway.problem.code).toBe('PLUGIN_UNAVAILABLE');
    peer.send({ op: 'subscribe', id: 'early', topic: 'logs' });
    await mesh.nats.restart();
    await mesh.supervisor.start();
    await mesh.supervisor.put(entryOf('one', 'running', { description: 'Back.' }));
    await eventually(
      () => statusOf(peer, 'one')?.description === 'Back.' && !statusOf(peer, 'one')?.unknown_since,
    );
    await eventually(() => peer.of('snapshot', 'early').length === 1);
    await eventually(() => mesh.peer.connected);
    say(mesh, 'one', 'after');
    await eventually(() => peer.of('data', 'l').length === 2 && peer.of('data', 'early').length === 1);
    expect(peer.frames.filter((frame) => 'id' in frame && frame.id === 'l')).toMatchObject([
      { type: 'snapshot', snapshot: [] },
      { type: 'data', data: { message: 'before' } },
      { type: 'snapshot', snapshot: [] },
      { type: 'dropped', count: null },
      { type: 'data', data: { message: 'after' } },
    ]);
    const seqs = peer.frames.flatMap((frame) => ('seq' in frame && frame.id === 'l' ? [frame.seq] : []));
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    // Nothing of the plugins was lost: no second snapshot.
    expect(peer.of('snapshot', 'p')).toHaveLength(1);
    expect(peer.of('dropped', 'early')).toEqual([]);
  });
});

describe('before the gateway has read the registry', () => {
  it('a subscription stands, and its snapshot comes with the registry, be it empty', async () => {
    await using nats = await startNatsServer();
    const app = await startGateway(nats);
    const supervisor = new FakeSupervisor(await nats.connect('supervisor'));
    try {
      const { port } = app.server.address() as { port: number };
      await using peer = await connectWs({ port });
      for (const topic of ['plugins', 'telemetry']) peer.send({ op: 'subscribe', id: topic, topic });
      peer.send({ op: 'subscribe', id: 'plugin', topic: 'plugin', plugins: ['one'] });
      await peer.ask({ op: 'subscribe', id: 'logs', topic: 'logs' }, 'snapshot');
      expect(peer.of('snapshot')).toHaveLength(1);
      await supervisor.start();
      await eventually(() => peer.of('snapshot').length === 4);
      expect(peer.of('snapshot', 'plugins')[0]?.snapshot).toEqual([]);
      expect(peer.of('snapshot', 'plugin')[0]?.snapshot).toBeNull();
    } finally {
      supervisor.stop();
      await app.close();
    }
  });
});

describe('/ws', () => {
  it('is for WebSockets of our own pages and of programs only', async () => {
    await using mesh = await startMesh();
    const response = await fetch(`${mesh.url}/ws`);
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('WebSocket')]);
    const statusOfUpgrade = async (headers: Record<string, string>): Promise<number | undefined> => {
      const socket = new WebSocket(`ws://127.0.0.1:${mesh.port}/ws?x=1`, { headers });
      socket.on('error', () => undefined);
      const status = await Promise.race([
        once(socket, 'unexpected-response').then(
          ([, answer]) => (answer as { statusCode: number }).statusCode,
        ),
        once(socket, 'open').then(() => 101),
      ]);
      socket.terminate();
      return status;
    };
    expect(await statusOfUpgrade({ Origin: 'http://evil.example' })).toBe(403);
    expect(await statusOfUpgrade({ Host: 'evil.example' })).toBe(403);
    expect(await statusOfUpgrade({ Origin: `http://127.0.0.1:${mesh.port}` })).toBe(101);
  });

  it('takes as many clients as are allowed, those of feeds included, and not one more', async () => {
    await using mesh = await startMesh({ clients: { clientsMost: 2 } });
    await mesh.supervisor.put(entryOf('one'));
    await eventually(() => mesh.app.catalog.get('one'));
    const feed = new WebSocket(`ws://127.0.0.1:${mesh.port}/ws/plugins/one`);
    await once(feed, 'open');
    await using _second = await connectWs(mesh);
    await expect(connectWs(mesh)).rejects.toThrow('429');
    feed.terminate();
    await eventually(async () => {
      await using third = await connectWs(mesh);
      return third.frames.length > 0;
    });
  });
});
