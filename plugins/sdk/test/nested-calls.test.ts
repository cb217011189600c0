import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Connection } from '../src/connection.ts';
import { capability, definePlugin } from '../src/define-plugin.ts';
import { Type } from '../src/index.ts';
import { Instance } from '../src/instance.ts';
import { headerNames, subjects } from '../src/protocol/index.ts';
import type { Problem } from '../src/protocol/index.ts';
import { problemOfMsg } from '../src/problem.ts';
import { NoRespondersError } from '../src/request-failures.ts';
import { eventually, silentLogger, startNatsServer } from '../src/testing.ts';
import type { TestServer } from '../src/testing.ts';
import { startEcho } from './client/echo-mesh.ts';
import type { Echo } from './client/echo-mesh.ts';
import { announce, deathOf, Mortal } from './client/mortal.ts';

/** A second, and as much again as a busy machine may take; the deadline is far beyond. */
const soonMs = 5_000;

let server: TestServer;
let supervisor: Connection;
let outer: Echo;
let plugins = 0;
let inner: string;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  supervisor = await server.connect('supervisor');
  outer = await startEcho(server, {}, {}, 'outer');
});
beforeEach(() => {
  inner = `inner-${(plugins += 1)}`;
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(async () => {
  await outer.instance.drain(0);
  await server.stop();
});

/** What the plugin `outer` gives when it has invoked this one. */
async function passOn(to: string, more: object = {}, capability = 'text.wait', by = 'outer') {
  const startedAt = performance.now();
  const payload = JSON.stringify({ to, capability, payload: { ms: 60_000 }, ...more });
  const msg = await supervisor.request(subjects.invokeCapability(by, 'text.pass_on'), payload, {
    timeoutMs: 30_000,
  });
  const problem: Problem | undefined = problemOfMsg(msg);
  return { problem, output: problem ? undefined : msg.json<unknown>(), ms: performance.now() - startedAt };
}

async function startMortal(instance: string): Promise<Mortal> {
  const mortal = await Mortal.start(server, inner, instance);
  ends.push(() => mortal.die());
  return mortal;
}

/** Whether somebody would hear of a death in this plugin. */
async function isHeard(id: string): Promise<boolean> {
  try {
    await supervisor.request(subjects.event(id, 'nobody', 'status'), '', { timeoutMs: 50 });
    return true;
  } catch (error) {
    return !(error instanceof NoRespondersError);
  }
}

describe('an invocation by a handler, when the instance that has it dies,', () => {
  it('fails at once with PLUGIN_CRASHED, and nobody repeats the one around it', async () => {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, 'fixtures/plugin.ts')], {
      env: {
        PATH: process.env['PATH'],
        BKG_NATS_URL: server.url,
        BKG_CREDENTIALS_FILE: server.credentialsFile,
        BKG_PLUGIN_ID: 'echo',
        BKG_INSTANCE_ID: 'mortal-one',
      },
      stdio: 'ignore',
    });
    const ended = once(child, 'exit');
    ends.push(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    const status = () => supervisor.requestMany(subjects.status('echo'), '', { forMs: 100, most: 1 });
    await eventually(async () => (await status())[0]?.json<{ status: string }>().status === 'running');
    const outcome = passOn('echo');
    const inFlight = async (): Promise<number | undefined> => {
      const [reply] = await supervisor.requestMany(subjects.telemetry('echo'), '', { forMs: 100, most: 1 });
      return reply?.json<{ in_flight: number }>().in_flight;
    };
    await eventually(async () => (await inFlight()) === 1);
    child.kill('SIGKILL');
    await ended;
    const diedAt = performance.now();
    announce(supervisor, deathOf('echo', 'mortal-one'));
    const { problem } = await outcome;
    expect(performance.now() - diedAt).toBeLessThan(soonMs);
    expect(problem).toMatchObject({ code: 'PLUGIN_CRASHED', status: 502, retryable: false });
    expect(problem?.detail).toContain('instance mortal-o of echo is gone');
  });

  it('says so when the memory was the reason', async () => {
    const mortal = await startMortal('only');
    const outcome = passOn(inner);
    await eventually(() => mortal.held.size === 1);
    await mortal.die();
    announce(supervisor, deathOf(inner, 'only', { ended: 'out_of_memory' }));
    expect((await outcome).problem?.code).toBe('PLUGIN_OUT_OF_MEMORY');
  });

  it('is sent once more when it is idempotent, with its id, and not twice', async () => {
    const first = await startMortal('first');
    const outcomes = [passOn(inner, { idempotent: true }), passOn(inner, { idempotent: true })];
    await eventually(() => first.held.size === 2);
    const second = await startMortal('second');
    await first.die();
    announce(supervisor, deathOf(inner, 'first', { others: [{ instance: 'second', inflight: true }] }));
    await eventually(() => second.held.size === 2);
    const [one = '', two = ''] = first.held.keys();
    expect(new Set(second.held.keys())).toEqual(new Set([one, two]));
    const leftMs = Number(second.held.get(two)?.headers?.get(headerNames.timeoutMs));
    expect(leftMs).toBeLessThan(30_000);
    second.answer(one, { waited: 1 });
    expect((await Promise.race(outcomes)).output).toEqual({ waited: 1 });
    const third = await startMortal('third');
    await second.die();
    announce(supervisor, deathOf(inner, 'second', { others: [{ instance: 'third', inflight: true }] }));
    const ended = await Promise.all(outcomes);
    expect(ended.filter(({ problem }) => problem?.code === 'PLUGIN_CRASHED')).toHaveLength(1);
    expect(third.held.size).toBe(0);
  });
});

describe('an invocation by a handler', () => {
  it.each([
    ['>', 'text.say', 'PLUGIN_NOT_FOUND'],
    ['echo.at.one', 'text.say', 'PLUGIN_NOT_FOUND'],
    ['echo', 'text.*', 'CAPABILITY_NOT_FOUND'],
    ['echo', 'text say', 'CAPABILITY_NOT_FOUND'],
  ])('names no subject but that of a capability: %s, %s', async (to, name, code) => {
    const { problem } = await passOn(to, {}, name);
    expect(problem).toMatchObject({ code, retryable: false });
    expect(await isHeard(inner)).toBe(false);
  });
});

describe('an instance', () => {
  it('listens to no other plugin before it invokes one, and not any more when it has ended', async () => {
    const { instance } = await startEcho(server, {}, {}, 'listener');
    const mortal = await startMortal('only');
    expect(await isHeard(inner)).toBe(false);
    const outcome = passOn(inner, {}, 'text.wait', 'listener');
    await eventually(() => mortal.held.size === 1);
    expect(await isHeard(inner)).toBe(true);
    await instance.drain(0);
    expect(await isHeard(inner)).toBe(false);
    expect((await outcome).problem?.code).toBe('PLUGIN_CRASHED');
  });

  it('is not made again for who asks twice, whatever it has failed with', async () => {
    const headers = { [headerNames.invocationId]: 'asked-for-twice' };
    const payload = JSON.stringify({ to: inner, capability: 'text.wait', payload: { ms: 0 } });
    const ask = async (): Promise<Problem | undefined> =>
      problemOfMsg(
        await supervisor.request(subjects.invokeCapability('outer', 'text.pass_on'), payload, {
          timeoutMs: 5_000,
          headers,
        }),
      );
    const first = await ask();
    // Nobody has executed anything of the one inside; of the one around it that is not true.
    expect(first).toMatchObject({ code: 'PLUGIN_UNAVAILABLE', retryable: false });
    await startMortal('only');
    expect(await ask()).toEqual(first);
  });

  it('ends with itself what a handler has left behind', async () => {
    await startMortal('only');
    const left: Promise<unknown>[] = [];
    const plugin = definePlugin({
      id: 'leaver',
      version: '1.0.0',
      description: 'Answers before it is done.',
      capabilities: {
        leave: capability({
          description: 'Leaves an invocation behind.',
          input: Type.Object({}),
          output: Type.Object({}),
          handler: (_, { invoke }) => {
            left.push(invoke(inner, 'x', {}).catch((error: unknown) => error));
            return {};
          },
        }),
      },
    });
    const connection = await server.connect('leaver');
    const instance = new Instance(plugin, { connection, log: silentLogger });
    await instance.start();
    await supervisor.request(subjects.invokeCapability('leaver', 'leave'), '{}', { timeoutMs: 5_000 });
    await instance.drain();
    expect(await left[0]).toMatchObject({ code: 'CANCELLED', message: 'The instance of leaver has ended.' });
  });
});
