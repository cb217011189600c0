/** Handlers that ignore the end of their time, until no place is left. */
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Connection } from '../src/connection.ts';
import { capability, definePlugin } from '../src/define-plugin.ts';
import { delay } from '../src/host/delay.ts';
import { Instance } from '../src/instance.ts';
import { problemOfMsg } from '../src/problem.ts';
import { headerNames, subjects } from '../src/protocol/index.ts';
import type { Heartbeat, PluginConfig, StatusEvent } from '../src/protocol/index.ts';
import { completeConfig } from '../src/protocol/plugin.ts';
import { eventually, silentLogger, startNatsServer } from '../src/testing.ts';
import type { TestServer } from '../src/testing.ts';

let server: TestServer;
let caller: Connection;
let instance: Instance | undefined;
/** Ends the handlers that run, the oldest first. */
let releases: (() => void)[] = [];
const events: StatusEvent[] = [];
const beats: Heartbeat[] = [];

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  caller = await server.connect('caller');
  const keep = (kind: 'status' | 'telemetry', list: unknown[]) =>
    caller.subscribe(subjects.events(kind, 'stubborn'), { callback: (_, msg) => void list.push(msg.json()) });
  keep('status', events);
  keep('telemetry', beats);
  await caller.flush();
});
beforeEach(() => {
  releases = [];
});
afterEach(async () => {
  for (const release of releases) release();
  await instance?.drain(0);
  await eventually(() => events.at(-1)?.status === 'stopped');
  events.splice(0);
  beats.splice(0);
});
afterAll(() => server.stop());

const stubborn = definePlugin({
  id: 'stubborn',
  version: '1.0.0',
  description: 'Goes on until it is released, whatever its signal says.',
  capabilities: {
    stay: capability({
      description: 'Stays.',
      input: Type.Object({}),
      output: Type.Object({}),
      handler: () => new Promise<object>((resolve) => releases.push(() => resolve({}))),
    }),
  },
});
const config = (max_concurrency: number, timeout_secs = 0.05, max_queue = 1): PluginConfig => ({
  ...completeConfig('stubborn', {}),
  limits: { max_concurrency, max_queue },
  resources: { ...completeConfig('stubborn', {}).resources, timeout_secs },
});

async function start(given: PluginConfig) {
  const connection = await server.connect('stubborn');
  const options = { connection, config: given, log: silentLogger, stuckLeastMs: 100, heartbeatMs: 40 };
  const started = (instance = new Instance(stubborn, options));
  await started.start();
  return started;
}

const configure = async (given: PluginConfig) => {
  const subject = subjects.configure('stubborn', instance!.id);
  const reply = await caller.request(subject, JSON.stringify(given), { timeoutMs: 2_000 });
  expect(reply.json()).toEqual({ ok: true });
};
const stay = async (headers: Record<string, string> = {}) => {
  const subject = subjects.invokeCapability('stubborn', 'stay');
  const reply = await caller.request(subject, '{}', { timeoutMs: 5_000, headers });
  return problemOfMsg(reply)?.code ?? 'answered';
};
const askStatus = async (): Promise<StatusEvent> =>
  (await caller.requestMany(subjects.status('stubborn'), '', { forMs: 2_000, most: 1 }))[0]!.json();
const statuses = () => events.map(({ status }) => status);
const text = 'all 2 places are taken by handlers that go on although their time was over';

describe('an instance whose places are all taken by handlers that go on after their time', () => {
  it('says error and why, treats invocations as ever, and runs again when a place is given back', async () => {
    await start(config(2));
    expect(await Promise.all([stay(), stay()])).toEqual(Array(2).fill('DEADLINE_EXCEEDED'));
    await eventually(() => events.at(-1)?.status === 'error');
    expect(events.at(-1)).toMatchObject({ error: text });
    expect(await askStatus()).toMatchObject({ status: 'error', error: text });
    await eventually(() => beats.at(-1)?.status === 'error');
    expect((await Promise.all([stay(), stay()])).sort()).toEqual(['BUSY', 'DEADLINE_EXCEEDED']);
    expect(releases).toHaveLength(2);
    releases.shift()!();
    await eventually(() => events.at(-1)?.status === 'running');
    expect(events.at(-1)).not.toHaveProperty('error');
    expect(await askStatus()).not.toHaveProperty('error');
    await eventually(() => beats.at(-1)?.status === 'running');
    await configure(config(2, 30));
    const answered = stay();
    await eventually(() => releases.length === 2);
    releases[1]!();
    expect(await answered).toBe('answered');
    expect(statuses()).toEqual(['starting', 'running', 'error', 'running']);
  });

  it('says it of cancelled ones too, and not before it has waited as long as an invocation may take', async () => {
    await start(config(1, 30));
    const id = 'c'.repeat(32);
    const cancelled = stay({ [headerNames.invocationId]: id });
    await eventually(() => releases.length === 1);
    const since = performance.now();
    caller.publish(subjects.cancel('stubborn'), JSON.stringify({ invocation_id: id }));
    expect(await cancelled).toBe('CANCELLED');
    await configure(config(1, 0.4));
    await eventually(() => events.at(-1)?.status === 'error');
    expect(performance.now() - since).toBeGreaterThan(395);
    expect(events.at(-1)?.error).toBe(
      'its only place is taken by a handler that goes on although its time was over',
    );
  });

  it('goes on running while one of them may still answer', async () => {
    await start(config(2, 30));
    const soon = { [headerNames.timeoutMs]: '20' };
    expect(await stay(soon)).toBe('DEADLINE_EXCEEDED');
    const inTime = stay();
    await eventually(() => releases.length === 2);
    // From now on a tenth of a second is too long.
    await configure(config(2));
    await delay(250);
    releases[1]!();
    expect(await inTime).toBe('answered');
    await delay(250);
    expect(statuses()).toEqual(['starting', 'running']);
  });

  it('follows its configuration, which may give it more places or fewer', async () => {
    await start(config(1));
    await stay();
    await eventually(() => events.at(-1)?.status === 'error');
    await configure(config(2));
    await eventually(() => events.at(-1)?.status === 'running');
    await configure(config(1));
    await eventually(() => events.at(-1)?.status === 'error');
    expect(statuses()).toEqual(['starting', 'running', 'error', 'running', 'error']);
  });

  it('drains like any other, and says nothing of them any more', async () => {
    const stuck = await start(config(1));
    await stay();
    await eventually(() => events.at(-1)?.status === 'error');
    const drained = stuck.drain(5_000);
    await eventually(() => events.at(-1)?.status === 'stopping');
    expect(await askStatus()).not.toHaveProperty('error');
    releases[0]!();
    await drained;
    await eventually(() => events.at(-1)?.status === 'stopped');
    expect(statuses()).toEqual(['starting', 'running', 'error', 'stopping', 'stopped']);
    expect(beats.at(-1)?.status).toBe('stopping');
  });
});
