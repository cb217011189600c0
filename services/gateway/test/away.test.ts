import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { Kvm } from '@nats-io/kv';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { buckets } from '@bkg/sdk';
import type { PluginInfo, Problem } from '@bkg/sdk';
import { eventually, startNatsServer } from '@bkg/sdk/testing';
import { entryOf, FakeSupervisor, serve, startGateway, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';

async function get(mesh: TestMesh, id: string): Promise<PluginInfo> {
  return (await (await fetch(`${mesh.url}/api/plugins/${id}`)).json()) as PluginInfo;
}

function invoke(mesh: Pick<TestMesh, 'url'>, id = 'echo'): Promise<Response> {
  return fetch(`${mesh.url}/api/plugins/${id}/invoke/echo`, {
    method: 'POST',
    body: '{"a":1}',
    headers: { 'content-type': 'application/json' },
  });
}

async function meshWithEcho(settleMs?: number): Promise<TestMesh> {
  const mesh = await startMesh(settleMs === undefined ? {} : { settleMs });
  await mesh.supervisor.put(entryOf('echo'));
  await mesh.supervisor.put(entryOf('gone'));
  await serve(mesh.peer, 'echo', 'echo', (msg) => msg.respond(msg.data));
  await eventually(() => mesh.app.catalog.size === 2);
  return mesh;
}

describe('while the broker is away', () => {
  it('every request that needs it fails at once, and what is known is shown as unknown since then', async () => {
    await using mesh = await meshWithEcho();
    const before = new Date().toISOString();
    await mesh.nats.kill();
    await eventually(() => !mesh.app.broker.connected);
    for (const [method, path] of [
      ['POST', '/api/plugins/echo/invoke/echo'],
      ['POST', '/api/plugins/echo/start'],
      ['GET', '/api/plugins/echo/logs'],
      ['GET', '/readyz'],
    ] as const) {
      const startedAt = performance.now();
      const response = await fetch(mesh.url + path, { method });
      const problem = (await response.json()) as Problem;
      expect([path, response.status, problem.code]).toEqual([path, 503, 'PLUGIN_UNAVAILABLE']);
      expect(problem.detail).toContain('is away');
      expect(performance.now() - startedAt).toBeLessThan(500);
    }
    expect((await fetch(`${mesh.url}/livez`)).status).toBe(200);
    const plugin = await get(mesh, 'echo');
    expect(plugin.status).toBe('running');
    expect(plugin.unknown_since && plugin.unknown_since >= before).toBe(true);
  });

  it('watchers are told', async () => {
    await using mesh = await meshWithEcho();
    const socket = new WebSocket(`ws://127.0.0.1:${mesh.port}/ws/plugins/echo`);
    const seen: (string | undefined)[] = [];
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as { type: string; plugin: PluginInfo };
      if (frame.type === 'status') seen.push(frame.plugin.unknown_since);
    });
    await eventually(() => seen.length > 0);
    expect(seen.at(-1)).toBeUndefined();
    await mesh.nats.kill();
    await eventually(() => seen.at(-1) !== undefined);
    await mesh.nats.restart();
    await mesh.supervisor.start();
    await mesh.supervisor.put(entryOf('echo'));
    await eventually(() => seen.at(-1) === undefined);
    socket.terminate();
  });
});

describe('when the broker comes back without the buckets, which were in its memory', () => {
  it('plugins are invoked again before there is a supervisor, and what it does not know any more goes in the end', async () => {
    await using mesh = await meshWithEcho(300);
    mesh.supervisor.stop();
    await mesh.nats.restart();
    await eventually(async () => (await invoke(mesh)).status === 200);
    expect((await get(mesh, 'echo')).unknown_since).toBeDefined();

    const list = async (): Promise<string[]> =>
      ((await (await fetch(`${mesh.url}/api/plugins`)).json()) as PluginInfo[]).map(({ id }) => id);
    const successor = new FakeSupervisor(await mesh.nats.connect('successor'));
    await successor.start();
    // The new bucket is empty at first: nothing may vanish meanwhile.
    await wait(100);
    expect(await list()).toEqual(['echo', 'gone']);
    await successor.put(entryOf('echo', 'running', { description: 'Again.' }));
    await eventually(async () => (await get(mesh, 'echo')).description === 'Again.');
    expect((await get(mesh, 'echo')).unknown_since).toBeUndefined();
    await eventually(async () => (await list()).join() === 'echo');
    await successor.put(entryOf('echo', 'stopped'));
    await eventually(async () => (await get(mesh, 'echo')).status === 'stopped');
    successor.stop();
  });

  it('the gateway finds its way back every time', async () => {
    await using mesh = await meshWithEcho();
    for (let round = 1; round <= 3; round += 1) {
      await mesh.nats.restart();
      mesh.supervisor.stop();
      await mesh.supervisor.start();
      await mesh.supervisor.put(entryOf('echo', 'running', { description: `round ${round}` }));
      await eventually(async () => {
        const { description, unknown_since } = await get(mesh, 'echo');
        return description === `round ${round}` && unknown_since === undefined;
      });
      expect((await fetch(`${mesh.url}/readyz`)).status).toBe(200);
    }
  });
});

describe('when the supervisor falls silent', () => {
  it('nothing is vouched for after 5 s, invocations go on, and its return is noticed', async () => {
    await using mesh = await meshWithEcho();
    mesh.supervisor.stop();
    await eventually(async () => (await get(mesh, 'echo')).unknown_since !== undefined);
    expect((await get(mesh, 'echo')).status).toBe('running');
    expect((await invoke(mesh)).status).toBe(200);
    // A known capability that nobody answers, and a state that may be old: both are said.
    const problem = (await (await invoke(mesh, 'gone')).json()) as Problem;
    expect(problem.detail).toContain('the supervisor is silent since');
    await mesh.supervisor.start();
    await eventually(async () => (await get(mesh, 'echo')).unknown_since === undefined);
  });

  it('a successor that made the bucket anew is noticed, although the connection never broke', async () => {
    await using mesh = await meshWithEcho(300);
    for (let i = 0; i < 50; i += 1)
      await mesh.supervisor.put(entryOf('echo', i % 2 ? 'running' : 'starting'));
    mesh.supervisor.stop();
    const kv = await new Kvm(mesh.peer.nats).open(buckets.registry);
    await kv.destroy();
    // Its sequence numbers begin at 1 again, far below what the old watch has seen.
    await mesh.supervisor.start();
    await mesh.supervisor.put(entryOf('echo', 'stopped', { description: 'Anew.' }));
    await eventually(async () => (await get(mesh, 'echo')).description === 'Anew.');
    await mesh.supervisor.put(entryOf('echo', 'running', { description: 'And on.' }));
    await eventually(async () => (await get(mesh, 'echo')).description === 'And on.');
  });
});

describe('a gateway that is there first', () => {
  it('waits for the broker, then for the registry, and says so', async () => {
    const port = await freePort();
    const credentials = { user: 'test', password: 'p' };
    await using app = await startGateway({ url: `nats://127.0.0.1:${port}`, credentials });
    const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    const detail = async (): Promise<string> =>
      ((await (await fetch(`${url}/readyz`)).json()) as Problem).detail;
    expect(await detail()).toContain('The broker at');
    expect((await invoke({ url })).status).toBe(503);

    await using nats = await startNatsServer({
      config: `port: ${port}\nauthorization { user: "test", password: "p" }`,
    });
    await eventually(() => app.broker.connected);
    expect(await detail()).toContain('The registry is not there yet');
    const unanswered = await invoke({ url });
    expect([unanswered.status, ((await unanswered.json()) as Problem).code]).toEqual([
      503,
      'PLUGIN_UNAVAILABLE',
    ]);

    const supervisor = new FakeSupervisor(
      await nats.connect('supervisor', { credentials, servers: [`nats://127.0.0.1:${port}`] }),
    );
    await supervisor.start();
    await eventually(async () => (await fetch(`${url}/readyz`)).status === 200);
    supervisor.stop();
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createTcpServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
