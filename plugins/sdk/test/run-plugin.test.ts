import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../src/connection.ts';
import { subjects } from '../src/protocol/index.ts';
import type { Heartbeat, LogRecord, StatusEvent } from '../src/protocol/index.ts';
import { eventually, startNatsServer } from '../src/testing.ts';
import type { TestServer } from '../src/testing.ts';

let server: TestServer;
let caller: Connection;
let folder: string;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  caller = await server.connect('caller');
  folder = await mkdtemp(path.join(tmpdir(), 'bkg-run-'));
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

function run(env: Record<string, string>) {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'fixtures/plugin.ts')], {
    env: { PATH: process.env['PATH'], BKG_DATA_DIR: path.join(folder, 'data'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (output += text.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    child,
    ended,
    records: (): LogRecord[] =>
      output
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as LogRecord),
  };
}

const broker = () => ({ BKG_NATS_URL: server.url, BKG_CREDENTIALS_FILE: server.credentialsFile });
const status = async (): Promise<StatusEvent | undefined> =>
  (await caller.requestMany(subjects.status('echo'), '', { forMs: 200, most: 1 }))[0]?.json();
const say = () =>
  caller.request(subjects.invokeCapability('echo', 'text.say'), '{"text":"x"}', { timeoutMs: 2_000 });

describe('a plugin as a program', () => {
  it('runs under the instance id it was given, logs JSON to standard output only, and drains at SIGTERM', async () => {
    const events: string[] = [];
    const subscription = caller.subscribe(subjects.events('log', 'echo'), {
      callback: (_, msg) => void events.push(msg.string()),
    });
    const beats: Heartbeat[] = [];
    const beating = caller.subscribe(subjects.events('telemetry', 'echo'), {
      callback: (_, msg) => void beats.push(msg.json()),
    });
    const launch = { BKG_PLUGIN_ID: 'echo', BKG_INSTANCE_ID: 'given1', BKG_HEARTBEAT_MS: '700' };
    const plugin = run({ ...broker(), ...launch });
    await eventually(async () => (await status())?.status === 'running');
    expect(await status()).toMatchObject({ instance: 'given1', pid: plugin.child.pid });
    expect((await say()).json()).toEqual({ text: 'x' });
    await eventually(() => beats.length > 0);
    plugin.child.kill('SIGTERM');
    expect(await plugin.ended).toBe(0);
    expect(new Set(beats.map(({ every_ms }) => every_ms))).toEqual(new Set([700]));
    const [first] = plugin.records();
    expect(first).toMatchObject({
      level: 'info',
      plugin_id: 'echo',
      instance: 'given1',
      message: 'warming up',
    });
    expect(first?.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(events).toEqual([]);
    beating.unsubscribe();
    subscription.unsubscribe();
  });

  it('publishes its log as events when nobody manages it, and drains by order over the broker', async () => {
    const events: LogRecord[] = [];
    const subscription = caller.subscribe(subjects.events('log', 'echo'), {
      callback: (_, msg) => void events.push(msg.json()),
    });
    const plugin = run(broker());
    const { instance } = await eventually(async () => {
      const now = await status();
      return now?.status === 'running' && now;
    });
    expect(instance).toMatch(/^[A-Za-z0-9]{22}$/);
    expect(events[0]).toMatchObject({ message: 'warming up', instance, source: 'sdk' });
    await caller.request(subjects.drain('echo', instance), '', { timeoutMs: 1_000 });
    expect(await plugin.ended).toBe(0);
    subscription.unsubscribe();
  });

  it('is held with BKG_HOLD=1 until it is admitted, and drains by order before that', async () => {
    for (const isAdmitted of [true, false]) {
      const plugin = run({ ...broker(), BKG_INSTANCE_ID: `held-${isAdmitted}`, BKG_HOLD: '1' });
      const { instance } = await eventually(async () => {
        const now = await status();
        return now?.held && now;
      });
      await expect(say()).rejects.toThrow('Nobody answers');
      if (isAdmitted) {
        await caller.request(subjects.admit('echo', instance), '', { timeoutMs: 1_000 });
        expect((await say()).json()).toEqual({ text: 'x' });
      }
      await caller.request(subjects.drain('echo', instance), '', { timeoutMs: 1_000 });
      expect(await plugin.ended).toBe(0);
    }
  });

  it('drains by order while it still prepares itself', async () => {
    const config = path.join(folder, 'slow.json');
    await writeFile(config, JSON.stringify({ settings: { slow: true } }));
    const plugin = run({ ...broker(), BKG_INSTANCE_ID: 'slow', BKG_CONFIG_FILE: config });
    await eventually(() => plugin.records().some(({ message }) => message === 'warming up'));
    await eventually(async () => (await status())?.status === 'starting');
    await caller.request(subjects.drain('echo', 'slow'), '', { timeoutMs: 1_000 });
    expect(await plugin.ended).toBe(0);
  });

  it('ends with code 1 and its reason when it cannot start', async () => {
    const config = path.join(folder, 'config.json');
    await writeFile(config, JSON.stringify({ settings: { broken: true } }));
    const plugin = run({ ...broker(), BKG_CONFIG_FILE: config });
    expect(await plugin.ended).toBe(1);
    expect(plugin.records().at(-1)).toMatchObject({ level: 'fatal', message: 'the settings say so' });
  });

  it('repeats nothing of a configuration that is no JSON: it may be a secret', async () => {
    const config = path.join(folder, 'broken.json');
    await writeFile(config, '{"env": {"TOKEN": hunter2}}');
    const plugin = run({ ...broker(), BKG_CONFIG_FILE: config });
    expect(await plugin.ended).toBe(1);
    const { message } = plugin.records()[0]!;
    expect(message).toContain(`BKG_CONFIG_FILE ${config} is not JSON`);
    expect(JSON.stringify(plugin.records())).not.toContain('hunter2');
  });

  it('says everything that is missing of its environment at once', async () => {
    const plugin = run({ BKG_PLUGIN_ID: 'other', BKG_HOLD: 'yes', BKG_HEARTBEAT_MS: '499' });
    expect(await plugin.ended).toBe(1);
    const { message } = plugin.records()[0]!;
    for (const word of [
      'BKG_PLUGIN_ID',
      'BKG_NATS_URL',
      'BKG_CREDENTIALS_FILE',
      'BKG_HOLD is "yes"',
      'BKG_HEARTBEAT_MS is "499": it takes whole milliseconds from 500 to 120000',
    ])
      expect(message).toContain(word);
  });

  it('can be stopped while it still waits for the broker', async () => {
    const plugin = run({ ...broker(), BKG_NATS_URL: 'nats://127.0.0.1:1' });
    await eventually(() => plugin.records().some(({ message }) => message.includes('cannot be reached')));
    plugin.child.kill('SIGTERM');
    expect(await plugin.ended).toBe(0);
  });

  it('goes on when the broker was away', async () => {
    const plugin = run({ ...broker(), BKG_INSTANCE_ID: 'given2' });
    await eventually(async () => (await status())?.status === 'running');
    await server.restart();
    await eventually(async () => (await say()).string() === '{"text":"x"}');
    plugin.child.kill('SIGTERM');
    expect(await plugin.ended).toBe(0);
  });
});
