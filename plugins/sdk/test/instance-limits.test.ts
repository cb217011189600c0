/** The rate limits of a plugin where it runs: for who does not come through a gateway. */
import type { Msg } from '@nats-io/nats-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../src/connection.ts';
import { Instance } from '../src/instance.ts';
import { InstanceLimits } from '../src/instance-limits.ts';
import { problemOfMsg } from '../src/problem.ts';
import { headerNames, subjects } from '../src/protocol/index.ts';
import type { BkgError, PluginConfig } from '../src/protocol/index.ts';
import { configDefaults } from '../src/protocol/plugin.ts';
import { eventually, silentLogger, startNatsServer } from '../src/testing.ts';
import type { TestServer } from '../src/testing.ts';
import { createToken } from '../src/token.ts';
import { createEcho } from './echo.ts';

let server: TestServer;
let caller: Connection;
const instances: Instance[] = [];

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  caller = await server.connect('caller');
});
afterEach(async () => {
  await Promise.all(instances.splice(0).map((instance) => instance.drain(0)));
});
afterAll(() => server.stop());

const config = (limits: Partial<PluginConfig['limits']>, changes: Partial<PluginConfig> = {}) => ({
  id: 'echo',
  ...configDefaults,
  ...changes,
  limits: { ...configDefaults.limits, ...limits },
});
/** Nothing worth mentioning comes back while a test runs. */
const slow = { rate_per_second: 0.001 };

async function start(given: PluginConfig) {
  const echo = createEcho();
  const id = createToken();
  const connection = await server.connect('echo');
  const instance = new Instance(echo.plugin, { connection, instance: id, config: given, log: silentLogger });
  instances.push(instance);
  await instance.start();
  return { instance, id, ...echo };
}

const ask = (subject: string, body: unknown): Promise<Msg> =>
  caller.request(subject, JSON.stringify(body), { timeoutMs: 5_000 });
const byName = (capability = 'text.say', payload: object = { text: 'x' }) =>
  ask(subjects.invokeCapability('echo', capability), payload);
const byEnvelope = (capability = 'text.say') =>
  ask(subjects.invoke('echo'), { capability, payload: { text: 'x' } });
const direct = (instance: string) => ask(subjects.invokeAt('echo', instance, 'text.say'), { text: 'x' });
const codeOf = (msg: Msg) => problemOfMsg(msg)?.code ?? 'answered';
const counted = async (asked: Promise<Msg>[]) => {
  const codes = (await Promise.all(asked)).map(codeOf);
  const of = (code: string) => codes.filter((one) => one === code).length;
  return { answered: of('answered'), limited: of('RATE_LIMITED') };
};
const times = (n: number, act: () => Promise<Msg>) => Array.from({ length: n }, () => act());

describe('the rate limit of a plugin', () => {
  it('holds over NATS, and says how long to wait', async () => {
    const { started, instance } = await start(config({ rate_per_second: 0.5, burst: 3 }));
    expect(await counted(times(10, byName))).toEqual({ answered: 3, limited: 7 });
    const refused = await byName();
    expect(problemOfMsg(refused)).toMatchObject({
      status: 429,
      code: 'RATE_LIMITED',
      retryable: true,
      detail: expect.stringMatching(
        /^The limit of this instance of echo is 0\.5 invocations a second, 3 at once: try again in (2|1\.\d\d?) s\.$/,
      ),
    });
    expect(refused.headers?.get(headerNames.retryAfter)).toBe('2');
    expect(refused.headers?.get(headerNames.errorCode)).toBe('429');
    expect(started).toHaveLength(3);
    // As any other failure.
    expect(instance.telemetry()).toMatchObject({ request_count: 11, error_count: 8, in_flight: 0 });
    expect(instance.telemetry().last_error).toMatch(/^RATE_LIMITED: /);
  });

  it('is one for all ways to it', async () => {
    const { started, id } = await start(config({ ...slow, burst: 6 }));
    const asked = [...times(4, byName), ...times(4, byEnvelope), ...times(4, () => direct(id))];
    expect(await counted(asked)).toEqual({ answered: 6, limited: 6 });
    expect(started).toHaveLength(6);
    expect(await counted([byName(), byEnvelope(), direct(id)])).toEqual({ answered: 0, limited: 3 });
  });

  it('lets through again what comes back', async () => {
    await start(config({ rate_per_second: 50, burst: 1 }));
    expect(codeOf(await byName())).toBe('answered');
    await eventually(async () => codeOf(await byName()) === 'answered', { withinMs: 2_000 });
  });

  it('is not asked by what could never run, nor by what was sent again', async () => {
    const { started } = await start(config({ ...slow, burst: 2 }));
    expect(codeOf(await byName('text.nothing_like_it'))).toBe('CAPABILITY_NOT_FOUND');
    expect(codeOf(await byEnvelope('text.nothing_like_it'))).toBe('CAPABILITY_NOT_FOUND');
    const resends: (() => void)[] = [];
    const headers = { [headerNames.invocationId]: createToken() };
    const waits = caller.request(subjects.invokeCapability('echo', 'text.wait'), '{"ms":200}', {
      timeoutMs: 5_000,
      headers,
      onSend: (resend) => resends.push(() => resend(headers)),
    });
    for (const resend of resends) resend();
    expect(codeOf(await waits)).toBe('answered');
    expect(codeOf(await byName())).toBe('answered');
    expect(codeOf(await byName())).toBe('RATE_LIMITED');
    expect(started).toHaveLength(2);
  });

  it('takes no place of those that wait', async () => {
    const { instance } = await start(config({ ...slow, burst: 2, max_concurrency: 1, max_queue: 1 }));
    const running = times(2, () => byName('text.wait', { ms: 300 }));
    await eventually(() => instance.telemetry().queue_depth === 1);
    // BUSY when it had asked for a place.
    expect(codeOf(await byName())).toBe('RATE_LIMITED');
    expect(await counted(running)).toEqual({ answered: 2, limited: 0 });
  });
});

describe('the rate limit of a capability', () => {
  it('holds beside that of the plugin: one token of each, or none', async () => {
    const { id } = await start(
      config({ ...slow, burst: 5, capabilities: { 'text.say': { ...slow, burst: 2 } } }),
    );
    const refused = await counted([...times(3, byName), ...times(3, byEnvelope), direct(id)]);
    expect(refused).toEqual({ answered: 2, limited: 5 });
    expect(problemOfMsg(await byName())?.detail).toContain('text.say of this instance of echo');
    // What was refused has taken nothing of the plugin's: three are left.
    const others = times(5, () => byName('text.wait', { ms: 0 }));
    expect(await counted(others)).toEqual({ answered: 3, limited: 2 });
  });

  it('does nothing to others', async () => {
    await start(config({ capabilities: { 'text.say': { ...slow, burst: 1 } } }));
    expect(await counted(times(3, byName))).toEqual({ answered: 1, limited: 2 });
    expect(await counted(times(9, () => byName('text.wait', { ms: 0 })))).toMatchObject({ answered: 9 });
  });
});

describe('another rate limit for an instance that runs', () => {
  const configure = (instance: string, next: PluginConfig) => ask(subjects.configure('echo', instance), next);

  it('is taken over, and fills no bucket', async () => {
    const { id } = await start(config({ ...slow, burst: 2 }));
    expect(await counted(times(3, byName))).toEqual({ answered: 2, limited: 1 });
    expect(codeOf(await configure(id, config({ ...slow, burst: 100 })))).toBe('answered');
    expect(codeOf(await byName())).toBe('RATE_LIMITED');
    expect(codeOf(await configure(id, config({ rate_per_second: 1_000 })))).toBe('answered');
    await eventually(async () => codeOf(await byName()) === 'answered', { withinMs: 2_000 });
  });

  it('can be none, and one where there was none', async () => {
    const { id } = await start(config({}));
    expect(await counted(times(20, byName))).toEqual({ answered: 20, limited: 0 });
    await configure(id, config({ capabilities: { 'text.say': { ...slow, burst: 1 } } }));
    expect(await counted(times(3, byName))).toEqual({ answered: 1, limited: 2 });
    await configure(id, config({}));
    expect(await counted(times(20, byName))).toEqual({ answered: 20, limited: 0 });
  });

  it('is a smaller share where there are more of them', async () => {
    const { id } = await start(config({ ...slow, burst: 12 }, { replicas: 2 }));
    expect(await counted(times(8, byName))).toEqual({ answered: 6, limited: 2 });
    const given = config({ rate_per_second: 1_000, burst: 12 }, { replicas: 4 });
    expect(codeOf(await configure(id, given))).toBe('answered');
    await eventually(async () => codeOf(await byName()) === 'answered', { withinMs: 2_000 });
  });
});

describe('the share of one of several replicas', () => {
  const takes = (given: PluginConfig): number => {
    const limits = new InstanceLimits(given, 0);
    for (let n = 0; ; n += 1) {
      try {
        limits.take('text.say', 0);
      } catch (error) {
        expect((error as BkgError).code).toBe('RATE_LIMITED');
        return n;
      }
    }
  };

  it.each([
    [1, 12, 12],
    [3, 12, 4],
    [0, 12, 12],
    // Never none at all: as many as there are let one through each.
    [5, 3, 1],
  ])('with %i of them and a burst of %i is %i', (replicas, burst, share) => {
    expect(takes(config({ ...slow, burst }, { replicas }))).toBe(share);
    expect(takes(config({ capabilities: { 'text.say': { ...slow, burst } } }, { replicas }))).toBe(share);
  });
});
