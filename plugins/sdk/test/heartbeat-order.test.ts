/** How often an instance beats is the supervisor's to say. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Connection } from '../src/connection.ts';
import { Instance } from '../src/instance.ts';
import { problemOfMsg } from '../src/problem.ts';
import { subjects } from '../src/protocol/index.ts';
import type { Heartbeat } from '../src/protocol/index.ts';
import { configDefaults } from '../src/protocol/plugin.ts';
import { eventually, silentLogger, startNatsServer } from '../src/testing.ts';
import type { TestServer } from '../src/testing.ts';
import { createEcho } from './echo.ts';

let server: TestServer;
let caller: Connection;
let instance: Instance;
const beats: (Heartbeat & { at: number })[] = [];

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  caller = await server.connect('caller');
  caller.subscribe(subjects.events('telemetry', 'echo'), {
    callback: (_, msg) => void beats.push({ ...msg.json<Heartbeat>(), at: performance.now() }),
  });
  await caller.flush();
});
beforeEach(async () => {
  const connection = await server.connect('echo');
  instance = new Instance(createEcho().plugin, { connection, log: silentLogger, heartbeatMs: 60_000 });
  await instance.start();
  await eventually(() => beats.length === 1);
});
afterEach(async () => {
  await instance.drain(0);
  await eventually(() => beats.at(-1)?.status === 'stopping');
  beats.splice(0);
});
afterAll(() => server.stop());

const configure = async (body: unknown) => {
  const subject = subjects.configure('echo', instance.id);
  const reply = await caller.request(subject, JSON.stringify(body), { timeoutMs: 5_000 });
  return problemOfMsg(reply) ?? reply.json<unknown>();
};

describe('an order about heartbeats', () => {
  it('brings one at once, and the next ones in the time it names', async () => {
    expect(beats[0]).toMatchObject({ seq: 0, every_ms: 60_000 });
    expect(await configure({ heartbeat_ms: 500 })).toEqual({ ok: true });
    await eventually(() => beats.length === 4);
    expect(beats.map(({ seq, every_ms }) => [seq, every_ms])).toEqual([
      [0, 60_000],
      [1, 500],
      [2, 500],
      [3, 500],
    ]);
    // The second comes sooner, the others are jittered by a tenth, and heard late by whatever the machine was busy with.
    expect(beats[3]!.at - beats[2]!.at).toBeGreaterThan(450 - 100);
    expect(await configure({ heartbeat_ms: 120_000 })).toEqual({ ok: true });
    // Within ten seconds.
    await eventually(() => beats.at(-1)?.every_ms === 120_000);
  });

  it('needs nobody who waits for the answer', async () => {
    caller.publish(subjects.configure('echo', instance.id), '{"heartbeat_ms": 90000}');
    await eventually(() => beats.at(-1)?.every_ms === 90_000);
  });

  it.each([499, 120_001, 1_000.5, -1, '1000', null, [1_000]])('refuses %j, and says why', async (given) => {
    const wrong = await configure({ heartbeat_ms: given });
    expect(wrong).toMatchObject({
      code: 'INVALID_PAYLOAD',
      detail: `heartbeat_ms is ${JSON.stringify(given)}: it takes whole milliseconds from 500 to 120000.`,
      errors: [{ path: '/heartbeat_ms' }],
    });
    expect(beats).toHaveLength(1);
  });

  it('stands alone, and a configuration says nothing of it', async () => {
    const config = { id: 'echo', ...configDefaults };
    expect(await configure({ ...config, heartbeat_ms: 1_000 })).toMatchObject({
      code: 'INVALID_PAYLOAD',
      errors: [{ path: '/heartbeat_ms', message: 'must stand alone' }],
    });
    expect(await configure(config)).toEqual({ ok: true });
    expect(beats).toHaveLength(1);
    await instance.drain(0);
    await eventually(() => beats.at(-1)?.status === 'stopping');
    expect(beats.at(-1)?.every_ms).toBe(60_000);
  });
});
