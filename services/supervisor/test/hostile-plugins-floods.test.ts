import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { manifest } from './mesh.ts';
import { Neighbourhood } from './neighbourhood.ts';

const mebibyte = 1024 * 1024;
// Waiting for real times to pass, beside others who take the machine.
vi.setConfig({ testTimeout: 60_000 });

let quarter: Neighbourhood;

beforeAll(async () => {
  quarter = await Neighbourhood.create(
    ['loud', 'events', 'forger', 'vandal'].map((id) =>
      manifest(id, 'hostile.mjs', { config: { resources: { timeout_secs: 20, max_memory_mb: 200 } } }),
    ),
    { heartbeatMs: 500, uselessLeastMs: 5_000, paceEveryMs: 200, graceMs: 1_000 },
  );
});
afterAll(() => quarter?.[Symbol.asyncDispose]());

const does = (id: string, capability: string, payload: unknown = {}) =>
  quarter.client.invoke(id, capability, payload, { timeoutMs: 20_000 });

async function start(id: string): Promise<{ instance: string; pid: number }> {
  const { instances } = await quarter.mesh.order('start', id);
  return { instance: instances[0]!.instance, pid: instances[0]!.pid! };
}

const saysLast = (id: string, line: string) =>
  eventually(async () => (await quarter.mesh.messages(id, { lines: 5 })).includes(line), {
    withinMs: 20_000,
  });

const sizeOf = (folder: string, instance: string): number =>
  readdirSync(path.join(quarter.mesh.home, folder))
    .filter((name) => name.startsWith(instance))
    .reduce((sum, name) => sum + statSync(path.join(quarter.mesh.home, folder, name)).size, 0);

const keptOf = (folder: string, instance: string): string =>
  readdirSync(path.join(quarter.mesh.home, folder))
    .filter((name) => name.startsWith(instance))
    .map((name) => readFileSync(path.join(quarter.mesh.home, folder, name), 'utf8'))
    .join('');

describe('a plugin that floods its output', () => {
  it('with 100 MB at once is kept as far as there is room, and its last line is there', async () => {
    const { instance } = await start('loud');
    const line = `${'f'.repeat(999)}\n`;
    await does('loud', 'print', { text: line.repeat(1_000), times: 100 });
    await does('loud', 'print', { text: 'the end of it\n' });
    await saysLast('loud', 'the end of it');
    await eventually(() => sizeOf('run', instance) < 5 * mebibyte);
    // In one piece or in several, as fast as it is taken.
    expect(keptOf('logs/loud', instance)).toMatch(/at least \d{6,8} bytes of stdout are lost/);
    // Two files of 5 MiB, and what is kept at once.
    expect(sizeOf('logs/loud', instance)).toBeLessThan(20 * mebibyte);
    expect(sizeOf('logs/loud', instance)).toBeGreaterThan(mebibyte / 16);
    expect(await does('loud', 'say', { n: 1 })).toEqual({ n: 1 });
  });

  it('with a line that does not end has it cut, and what comes after it', async () => {
    const [{ instance = '' } = {}] = (await quarter.mesh.get('loud')).instances;
    await does('loud', 'print', { text: 'x'.repeat(mebibyte / 2), times: 200 });
    await does('loud', 'print', { text: 'the end of it, at last\nafter it\n' });
    await saysLast('loud', 'after it');
    const messages = await quarter.mesh.messages('loud', { lines: 20 });
    expect(messages).toContainEqual(
      expect.stringMatching(/^x{16384} … \[cut: the line had more than \d+ bytes\]$/),
    );
    expect(sizeOf('run', instance)).toBeLessThan(5 * mebibyte);
  });

  it('and takes it away again is read on from there', async () => {
    await does('loud', 'empty-output', { times: 20 });
    // What lies where nothing is any more is not looked for.
    await eventually(async () => {
      await does('loud', 'print', { text: 'still there\n' });
      return (await quarter.mesh.messages('loud', { lines: 5 })).includes('still there');
    });
  });

  it('and closes it then is heard by its events still, and ends as it is asked to', async () => {
    const [{ instance = '' } = {}] = (await quarter.mesh.get('loud')).instances;
    await does('loud', 'close-output');
    const before = quarter.lastHeartbeat(instance);
    await eventually(() => quarter.lastHeartbeat(instance) > before);
    expect(await does('loud', 'say', { n: 1 })).toEqual({ n: 1 });
    expect((await quarter.running('loud')).instances[0]?.instance).toBe(instance);
    expect(await quarter.stop('loud')).toEqual([]);
    expect(await quarter.mesh.get('loud')).not.toHaveProperty('ends');
  });
});

describe('a plugin that spoils its own files', () => {
  it('harms itself alone, and a new supervisor takes it over as it is', async () => {
    const { instance, pid } = await start('vandal');
    const outcomes = (await does('vandal', 'spoil-files')) as Record<string, string>;
    // Without a user of its own nothing protects any file from it.
    if ((await quarter.isolation('vandal')).user.strength === 'enforced')
      expect(Object.values(outcomes)).toEqual(Object.values(outcomes).map(() => 'EACCES'));
    else expect(outcomes['its configuration']).toBe('done');
    await quarter.withoutList(async () => {
      await quarter.mesh.stopSupervisors();
      await quarter.mesh.supervise();
    });
    const after = await quarter.running('vandal');
    expect(after.instances).toMatchObject([{ instance, pid, managed: true }]);
    expect(await does('vandal', 'say', { n: 1 })).toEqual({ n: 1 });
    // Its successor gets its own.
    process.kill(pid, 'SIGKILL');
    await quarter.running('vandal', instance);
    expect(JSON.parse((await does('vandal', 'config')) as string)).toMatchObject({ id: 'vandal' });
    expect(await quarter.stop('vandal')).toEqual([]);
  });
});

describe('a plugin that floods the bus', () => {
  it('with events of its own that say something else each time is shown as it is when it has ended that', async () => {
    const { instance } = await start('events');
    const count = await does('events', 'flood-events', { perSecond: 10_000, ms: 2_000 });
    expect(count).toBeGreaterThan(10_000);
    await quarter.running('events');
    expect((await quarter.mesh.get('events')).instances).toMatchObject([
      { instance, status: 'running', managed: true },
    ]);
    expect(await does('events', 'say', { n: 1 })).toEqual({ n: 1 });
    expect(await quarter.stop('events')).toEqual([]);
  });

  it('with heartbeats of instances that there are not harms only what is shown of them', async () => {
    await start('forger');
    const [real = { instance: '' }] = (await quarter.mesh.get('neighbour')).instances;
    await does('forger', 'fake-heartbeats', { count: 10_000, of: 'forger' });
    await does('forger', 'fake-heartbeats', { count: 10_000, of: 'neighbour' });
    await does('forger', 'fake-heartbeats', {
      count: 10_000,
      of: 'neighbour',
      instance: real.instance,
      status: 'stopped',
    });
    await does('forger', 'fake-heartbeats', { count: 10_000 });
    const { instances } = await quarter.mesh.get('neighbour');
    expect(instances.length).toBeLessThanOrEqual(256);
    expect(instances).toContainEqual(
      expect.objectContaining({ instance: real.instance, managed: true, status: 'running' }),
    );
    expect((await quarter.mesh.list()).length).toBeLessThanOrEqual(1_000 + 5);
    // What is really there can still be started and invoked, and it is noticed when it hangs.
    const { instance } = await start('events');
    expect(await does('events', 'say', { n: 1 })).toEqual({ n: 1 });
    await eventually(() => quarter.lastHeartbeat(instance) > 0);
    const hungAt = performance.now();
    void quarter.fails('events', 'loop');
    await eventually(async () => (await quarter.mesh.get('events')).status === 'error', { withinMs: 20_000 });
    expect(performance.now() - hungAt).toBeLessThan(10_000);
    for (const id of ['events', 'forger']) expect(await quarter.stop(id)).toEqual([]);
  });
});

it('a neighbour of all these has lost no invocation, and the supervisor has answered all the time', async () => {
  expect(await quarter.complaints()).toEqual([]);
});
