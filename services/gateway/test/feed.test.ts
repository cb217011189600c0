import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { NoRespondersError, subjects } from '@bkg/sdk';
import type { LogRecord, PluginInfo, PluginTelemetry } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { beat, entryOf, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';

type Frame =
  | { type: 'status'; plugin: PluginInfo }
  | { type: 'telemetry'; telemetry: PluginTelemetry }
  | ({ type: 'log' } & LogRecord)
  | { type: 'dropped'; count: number };

interface Watcher extends AsyncDisposable {
  socket: WebSocket;
  frames: Frame[];
  of: <T extends Frame['type']>(type: T) => Extract<Frame, { type: T }>[];
  closed: Promise<{ code: number; reason: string }>;
}

let mesh: TestMesh;

async function watch(
  id: string,
  { of = mesh, ...options }: ClientOptions & { of?: TestMesh } = {},
): Promise<Watcher> {
  const socket = new WebSocket(`ws://127.0.0.1:${of.port}/ws/plugins/${id}`, options);
  const frames: Frame[] = [];
  socket.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString()) as Frame));
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  // Events of this test travel on another connection than the subscription to them.
  await eventually(() => frames.length > 0);
  await of.app.broker.nats?.flush();
  return {
    socket,
    frames,
    of: <T extends Frame['type']>(type: T) =>
      frames.filter((frame): frame is Extract<Frame, { type: T }> => frame.type === type),
    closed,
    [Symbol.asyncDispose]: async () => {
      socket.terminate();
      await closed;
    },
  };
}

/** The status of the answer to an upgrade that is refused, with the body. */
function refused(id: string, of: TestMesh = mesh): Promise<{ status: number | undefined; body: string }> {
  const socket = new WebSocket(`ws://127.0.0.1:${of.port}/ws/plugins/${id}`);
  return new Promise((resolve, reject) => {
    socket.on('open', () => reject(new Error('it was taken')));
    socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
    socket.on('error', reject);
  });
}

function log(id: string, message: string, fields: object = {}): void {
  const record = { time: new Date().toISOString(), level: 'info', source: 'sdk', message, ...fields };
  mesh.peer.publish(subjects.event(id, `${id}-1`, 'log'), JSON.stringify(record));
}

beforeAll(async () => {
  mesh = await startMesh({ clients: { clientsMost: 3 } });
  await mesh.supervisor.put(entryOf('one'));
  await mesh.supervisor.put(entryOf('two', 'stopped'));
  await eventually(() => mesh.app.catalog.size === 2);
});

afterAll(() => mesh[Symbol.asyncDispose]());

describe('the feed of a plugin', () => {
  it('begins with the plugin as it is, then sends its changes, telemetry and log lines', async () => {
    await using watcher = await watch('one');
    expect(watcher.frames[0]).toMatchObject({ type: 'status', plugin: { id: 'one', status: 'running' } });
    await mesh.supervisor.put(entryOf('one', 'stopping'));
    await eventually(() => watcher.of('status').at(-1)?.plugin.status === 'stopping');
    beat(mesh.peer, 'one', 'one-1', { memory_mb: 55 });
    await eventually(() => watcher.of('telemetry').at(-1)?.telemetry.memory_mb === 55);
    log('one', 'hello', { invocation_id: 'abc' });
    await eventually(() => watcher.of('log').length === 1);
    expect(watcher.of('log')[0]).toMatchObject({
      message: 'hello',
      level: 'info',
      plugin_id: 'one',
      instance: 'one-1',
      invocation_id: 'abc',
    });
  });

  it('says nothing of other plugins', async () => {
    await using watcher = await watch('one');
    await mesh.supervisor.put(entryOf('two', 'stopped', { description: 'Changed.' }));
    beat(mesh.peer, 'two', 'two-1');
    log('two', 'not for you');
    log('one', 'for you');
    await eventually(() => watcher.of('log').length > 0);
    expect(watcher.frames.filter((frame) => JSON.stringify(frame).includes('two'))).toEqual([]);
    expect(watcher.of('log').map(({ message }) => message)).toEqual(['for you']);
  });

  it('passes on log events only in their shape, and as those of whom their subject names', async () => {
    await using watcher = await watch('one');
    for (const body of ['garbage', 'null', '[]', '"text"', '{}', '{"message":7}']) {
      mesh.peer.publish(subjects.event('one', 'one-1', 'log'), body);
    }
    log('one', 'real', { type: 'status', plugin: { id: 'forged' }, plugin_id: 'two', instance: 'forged' });
    await eventually(() => watcher.of('log').length > 0);
    expect(watcher.of('log')).toHaveLength(1);
    expect(watcher.of('log')[0]).toMatchObject({ message: 'real', plugin_id: 'one', instance: 'one-1' });
  });

  it('hears log events only while somebody watches', async () => {
    const subject = subjects.event('one', 'one-1', 'log');
    const ask = (): Promise<unknown> => mesh.peer.request(subject, '{}', { timeoutMs: 50 });
    const isSilent = (): Promise<unknown> =>
      ask().catch((error: unknown) => error instanceof NoRespondersError);
    await eventually(isSilent);
    {
      await using _first = await watch('one');
      await using _second = await watch('one');
      await expect(ask()).rejects.toThrow('No answer');
    }
    await eventually(isSilent);
  });

  it('ends with 4404 when the plugin is gone', async () => {
    await mesh.supervisor.put(entryOf('brief'));
    await eventually(() => mesh.app.catalog.get('brief'));
    await using watcher = await watch('brief');
    await mesh.supervisor.remove('brief');
    expect(await watcher.closed).toEqual({ code: 4404, reason: 'There is no plugin "brief" any more.' });
  });

  it.each([
    ['nobody', 404, 'PLUGIN_NOT_FOUND'],
    ['BIG', 404, 'PLUGIN_NOT_FOUND'],
    ['%3e', 404, 'PLUGIN_NOT_FOUND'],
    ['', 404, 'PLUGIN_NOT_FOUND'],
    ['one/more', 404, 'CAPABILITY_NOT_FOUND'],
  ])('of %j is refused before the upgrade: %d %s', async (id, status, code) => {
    const answer = await refused(id);
    expect(answer.status).toBe(status);
    expect(answer.body).toContain(code);
  });

  it.each(['/api/plugins', '/', '/ws/', '/ws/plugins/one/more'])(
    'is nowhere else: %s takes no WebSocket',
    async (path) => {
      const socket = new WebSocket(`ws://127.0.0.1:${mesh.port}${path}`);
      const answer = await new Promise((resolve) => {
        socket.on('unexpected-response', (_request, response) => resolve(response.statusCode));
        socket.on('open', () => resolve('open'));
      });
      socket.on('error', () => undefined).terminate();
      // Outside /ws the wish is ignored, and the route answers as always.
      expect(answer).toBe({ '/api/plugins': 200, '/': 503 }[path] ?? 404);
    },
  );

  it('is for WebSockets only', async () => {
    const response = await fetch(`${mesh.url}/ws/plugins/one`);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('WebSocket connections only');
  });
});

describe('a client', () => {
  it('that is slow loses the oldest lines, is told how many, and gets the latest state', async () => {
    const total = 20_000;
    await using watcher = await watch('one');
    const { _socket: tcp } = watcher.socket as unknown as { _socket: Socket };
    tcp.pause();
    const filler = 'x'.repeat(1_000);
    for (let i = 0; i < total; i += 1) {
      log('one', `${i}`, { filler });
      if (i % 1_000 === 0) {
        await mesh.supervisor.put(entryOf('one', i % 2_000 === 0 ? 'running' : 'starting'));
        await mesh.peer.nats.flush();
      }
    }
    await mesh.supervisor.put(entryOf('one', 'running', { description: 'The end.' }));
    await mesh.peer.nats.flush();
    await eventually(() => mesh.app.catalog.get('one')?.description === 'The end.');
    tcp.resume();
    await eventually(() => watcher.of('log').at(-1)?.message === `${total - 1}`);
    const lines = watcher.of('log').map(({ message }) => Number(message));
    const dropped = watcher.of('dropped').reduce((sum, { count }) => sum + count, 0);
    expect(dropped).toBeGreaterThan(0);
    expect(lines.length + dropped).toBe(total);
    expect(lines).toEqual([...lines].sort((a, b) => a - b));
    expect(watcher.of('status').at(-1)?.plugin.description).toBe('The end.');
    // What is missing is missing exactly where it is said.
    let next = 0;
    for (const frame of watcher.frames) {
      if (frame.type === 'dropped') next += frame.count;
      else if (frame.type === 'log') expect(Number(frame.message)).toBe(next++);
    }
  });

  it('that is quick loses nothing', async () => {
    await using watcher = await watch('one');
    for (let i = 0; i < 5_000; i += 1) log('one', `${i}`);
    await eventually(() => watcher.of('log').length === 5_000);
    expect(watcher.of('dropped')).toEqual([]);
  });

  it('that does not answer pings is dropped, one that does is kept', async () => {
    await using other = await startMesh({ clients: { pingEveryMs: 150 } });
    await other.supervisor.put(entryOf('one'));
    await eventually(() => other.app.catalog.get('one'));
    await using deaf = await watch('one', { of: other, autoPong: false });
    await using alive = await watch('one', { of: other });
    expect((await deaf.closed).code).toBe(1006);
    await wait(500);
    expect(alive.socket.readyState).toBe(WebSocket.OPEN);
  });

  it('may say something, which is ignored, but nothing long', async () => {
    await using watcher = await watch('one');
    watcher.socket.send('{"op":"hello"}');
    watcher.socket.send(Buffer.from([1, 2, 3]));
    log('one', 'still there');
    await eventually(() => watcher.of('log').length === 1);
    watcher.socket.send('x'.repeat(5_000));
    expect((await watcher.closed).code).toBe(1009);
  });

  it('may be the last of as many as are allowed, not one more', async () => {
    await using _first = await watch('one');
    await using _second = await watch('one');
    const third = await watch('two');
    const answer = await refused('one');
    expect(answer.status).toBe(429);
    expect(answer.body).toContain('BUSY');
    await third[Symbol.asyncDispose]();
    await eventually(async () => {
      await using fourth = await watch('one').catch(() => undefined);
      return fourth !== undefined;
    });
  });

  it('has no place when as many as are allowed have come, though they still wait for what they will see', async () => {
    // Nobody has looked at it yet: its telemetry is asked for, and the supervisor takes its time.
    const silent = mesh.peer.subscribe(subjects.registryGet('new'), { callback: () => undefined });
    await mesh.peer.flush();
    await mesh.supervisor.put(entryOf('new'));
    await eventually(() => mesh.app.catalog.get('new'));
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, () => watch('new').catch((error: unknown) => String(error))),
    );
    silent.unsubscribe();
    const taken = outcomes.filter((one) => typeof one !== 'string');
    const refusals = outcomes.filter((one) => typeof one === 'string');
    for (const one of taken) await one[Symbol.asyncDispose]();
    expect(taken).toHaveLength(3);
    expect(refusals.filter((one) => one.includes('429'))).toHaveLength(3);
    await eventually(async () => {
      await using again = await watch('new').catch(() => undefined);
      return again !== undefined;
    });
  });

  it('is told when the gateway stops', async () => {
    const other = await startMesh();
    await other.supervisor.put(entryOf('one'));
    await eventually(() => other.app.catalog.get('one'));
    await using watcher = await watch('one', { of: other });
    const startedAt = performance.now();
    await other[Symbol.asyncDispose]();
    expect(await watcher.closed).toEqual({ code: 1001, reason: 'The gateway is stopping.' });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});
