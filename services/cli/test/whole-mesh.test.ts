import { createConnection } from 'node:net';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogRecord, PluginInfo, PluginInstance } from '@bkg/sdk/protocol';
import { eventually } from '@bkg/sdk/testing';
import { testHome } from './test-home.ts';
import type { TestHome, Up } from './test-home.ts';

/** The story of a user without a browser, told to the real broker, supervisor, gateway and candle. */
let home: TestHome;
let up: Up;

beforeAll(async () => {
  home = await testHome();
  up = await home.runningMesh();
});
afterAll(() => home[Symbol.asyncDispose]());

async function http<T>(
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<{ status: number; body: T }> {
  const response = await fetch(`http://127.0.0.1:${home.port}${path}`, {
    method,
    ...(body !== undefined && {
      body: JSON.stringify(body),
      // What a process held when it was killed is answered by the deadline only.
      headers: { 'content-type': 'application/json', 'bkg-timeout-ms': '2000' },
    }),
    signal: AbortSignal.timeout(70_000),
  });
  return { status: response.status, body: (await response.json()) as T };
}

const candle = async (): Promise<PluginInfo> => (await http<PluginInfo>('GET', '/api/plugins/candle')).body;
/** The registry follows by up to a second. */
const instance = (): Promise<PluginInstance> =>
  eventually(async () => (await candle()).instances.find(({ status }) => status === 'running'));
const infer = () =>
  http<{ output?: string; code?: string }>('POST', '/api/plugins/candle/invoke/model.infer', {
    input: 'Guten Morgen',
  });
const logged = async (words: RegExp): Promise<boolean> => {
  const { body } = await http<{ lines: LogRecord[] }>('GET', '/api/plugins/candle/logs?lines=500');
  return body.lines.some(({ message }) => words.test(message));
};
const answersAgain = () =>
  eventually(async () => (await infer()).body.output === 'de', { withinMs: 20_000, everyMs: 100 });

/** A request as any program with a socket can make it. */
function rawRequest(subject: string, payload: string): Promise<string> {
  const { user, password } = JSON.parse(readFileSync(home.file('run', 'credentials.json'), 'utf8')) as Record<
    string,
    string
  >;
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port: home.busPort, host: '127.0.0.1' });
    const late = setTimeout(() => socket.destroy(new Error('no reply')), 10_000);
    let received = '';
    socket.setEncoding('utf8').on('error', reject);
    socket.on('data', (text: string) => {
      received += text;
      if (received.startsWith('INFO') && !received.includes('PONG')) {
        const connect = { user, pass: password, verbose: false, headers: true, no_responders: true };
        socket.write(`CONNECT ${JSON.stringify(connect)}\r\nPING\r\n`);
      }
      if (/PONG\r\n$/.test(received)) {
        socket.write(
          `SUB _INBOX.raw.1 1\r\nPUB ${subject} _INBOX.raw.1 ${Buffer.byteLength(payload)}\r\n${payload}\r\n`,
        );
      }
      const [, reply] = /\r\nH?MSG _INBOX\.raw\.1 1 [\d ]+\r\n([^]*)\r\n$/.exec(received) ?? [];
      if (reply === undefined) return;
      clearTimeout(late);
      socket.destroy();
      resolve(reply);
    });
  });
}

describe('a mesh as a user starts it', () => {
  it('lists candle, which nobody has started yet, and says so to who invokes it', async () => {
    const { body } = await http<PluginInfo[]>('GET', '/api/plugins');
    expect(body.map(({ id }) => id)).toEqual(['apikeys', 'candle']);
    expect(body[1]?.status).toBe('stopped');
    // Its manifest says that it starts with the mesh.
    const apikeys = async () => (await http<PluginInfo>('GET', '/api/plugins/apikeys')).body.status;
    await eventually(async () => (await apikeys()) === 'running');
    const { status, body: problem } = await infer();
    expect([status, problem.code]).toEqual([503, 'PLUGIN_UNAVAILABLE']);
  });

  it('starts it, and it answers over HTTP and to a bare socket', async () => {
    const { status, body } = await http<PluginInfo>('POST', '/api/plugins/candle/start');
    expect([status, body.status]).toEqual([200, 'running']);
    expect(body.capabilities.map(({ id }) => id)).toEqual([
      'model.infer',
      'model.list',
      'model.load',
      'model.unload',
      'tensor.infer',
    ]);
    expect((await infer()).body.output).toBe('de');
    const reply = await rawRequest('plugin.candle.invoke.model.infer', '{"input": "Bonjour tout le monde"}');
    expect(JSON.parse(reply)).toMatchObject({ output: 'fr' });
  });

  it('measures it', async () => {
    const { telemetry } = await eventually(async () => {
      const now = await candle();
      return now.telemetry.request_count >= 2 && now.telemetry.uptime_secs > 0 && now;
    });
    expect(telemetry.memory_mb).toBeGreaterThan(50);
    expect(telemetry.instances).toBe(1);
  });

  it('keeps its log', async () => {
    expect(await logged(/candle is running/)).toBe(true);
  });
});

describe('when something is killed', () => {
  it('candle: it comes back as another process, and its log says what happened', async () => {
    const before = await instance();
    process.kill(before.pid!, 'SIGKILL');
    await answersAgain();
    await eventually(async () => (await instance()).pid !== before.pid);
    expect(await logged(/SIGKILL/)).toBe(true);
  });

  it('the process of a model: candle lives on and starts it again', async () => {
    const before = await instance();
    const [child] = readFileSync(`/proc/${before.pid}/task/${before.pid}/children`, 'utf8').trim().split(' ');
    process.kill(Number(child), 'SIGKILL');
    await answersAgain();
    expect((await instance()).instance).toBe(before.instance);
  });

  it('the supervisor: candle goes on meanwhile, and the next supervisor takes it over', async () => {
    const before = await instance();
    process.kill(home.pid('supervisor'), 'SIGKILL');
    expect((await infer()).body.output).toBe('de');
    await up.said(/! supervisor [^]*✓ supervisor +back/);
    await eventually(async () => (await candle()).unknown_since === undefined, { withinMs: 15_000 });
    expect(await instance()).toMatchObject({ instance: before.instance, pid: before.pid, managed: true });
    const restarted = await http<PluginInfo>('POST', '/api/plugins/candle/restart');
    expect(restarted.body.instances.map(({ instance: id }) => id)).not.toContain(before.instance);
  });

  it('the gateway: it comes back, and shows the same', async () => {
    const before = await instance();
    process.kill(home.pid('gateway'), 'SIGKILL');
    await up.said(/! gateway [^]*✓ gateway +back/);
    await answersAgain();
    // The registry follows by up to a second: at first a new gateway may still read of the instance before.
    await eventually(async () => (await instance()).pid === before.pid);
  });

  it('the broker: everybody finds it again, and no plugin was restarted', async () => {
    const before = await instance();
    process.kill(home.pid('nats-server'), 'SIGKILL');
    await up.said(/! nats-server [^]*✓ nats-server +back/);
    await answersAgain();
    expect((await instance()).pid).toBe(before.pid);
    await eventually(async () => (await candle()).unknown_since === undefined, { withinMs: 15_000 });
  });
});

describe('at the end', () => {
  it('stops candle and forgets nothing about it', async () => {
    const { body } = await http<PluginInfo>('POST', '/api/plugins/candle/stop');
    expect(body).toMatchObject({ status: 'stopped', instances: [] });
    expect(body.capabilities).toHaveLength(5);
    expect(await logged(/candle is running/)).toBe(true);
    await http('POST', '/api/plugins/candle/start');
  });

  it('leaves no process, and starts candle again the next time, because it was running', async () => {
    expect(await up.stop()).toBe(0);
    expect(home.processes()).toEqual([]);
    up = await home.runningMesh();
    await answersAgain();
    expect(await up.stop()).toBe(0);
    expect(home.processes()).toEqual([]);
  });
});
