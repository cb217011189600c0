import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TestContext } from 'vitest';
import type { Isolation, Manifest, PluginConfig } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { environmentOf, listProcesses } from '../src/process-table.ts';
import { GatewayProcess } from './gateway-process.ts';
import { isAlive, manifest } from './mesh.ts';
import { Neighbourhood } from './neighbourhood.ts';
import type { Outcome } from './neighbourhood.ts';

const hostile = (id: string, resources: Partial<PluginConfig['resources']> = {}): Manifest =>
  manifest(id, 'hostile.mjs', { config: { resources } });

const heapBomb = hostile('heap', { max_memory_mb: 300 });
const [node = '', program = ''] = heapBomb.command;

// Waiting for real times to pass, beside others who take the machine.
vi.setConfig({ testTimeout: 60_000 });

let quarter: Neighbourhood;
let gateway: GatewayProcess;

beforeAll(async () => {
  quarter = await Neighbourhood.create([
    hostile('bomb', { max_memory_mb: 120 }),
    { ...heapBomb, command: [node, '--max-old-space-size=60', program] },
    hostile('parent', { max_memory_mb: 180 }),
    hostile('crash'),
    hostile('forks', { max_processes: 40 }),
    hostile('leaver'),
    hostile('opener'),
    hostile('filler', { max_memory_mb: 100 }),
  ]);
  gateway = await GatewayProcess.start(quarter.mesh.server, quarter.mesh.home);
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await quarter?.[Symbol.asyncDispose]();
});

/** Skips a test on a machine that cannot do what it is about, and says why. */
async function need(context: TestContext, id: string, limit: keyof Isolation): Promise<void> {
  const { strength, note } = (await quarter.isolation(id))[limit];
  if (strength !== 'enforced') context.skip(note);
}

/** Starts it, with the instance that is to die. */
async function start(id: string): Promise<{ instance: string; pid: number }> {
  const { instances } = await quarter.mesh.order('start', id);
  return { instance: instances[0]!.instance, pid: instances[0]!.pid! };
}

async function failsAtGateway(id: string, capability: string): Promise<Outcome> {
  const { code, detail } = await gateway.fails(id, capability);
  return { code, detail, at: performance.now() };
}

/** Some who wait for it, by all ways, and who lets it die. */
function wait(id: string, [deadly, payload]: [string, unknown]): Promise<Outcome[]> {
  return Promise.all([
    quarter.fails(id, 'hang'),
    quarter.fails(id, 'hang', { idempotent: true }),
    failsAtGateway(id, 'hang'),
    quarter.fails(id, deadly, { payload }),
  ]);
}

const carriers = (instance: string): number[] =>
  listProcesses()
    .map(({ pid }) => pid)
    .filter((pid) => environmentOf(pid)?.get('BKG_INSTANCE_ID') === instance);

describe('a plugin that takes all memory', () => {
  it.each([
    ['bomb', 'buffers', /^(wanted|took) more than its 120 MB \(max_memory_mb\) and was killed/],
    ['heap', 'heap', /^ran out of JavaScript heap, and may take 300 MB in all \(max_memory_mb\)$/],
    ['parent', 'buffers-of-child', /its 180 MB \(max_memory_mb\)/],
  ])('is ended (%s), and all who wait for it are told why within a second', async (id, capability, text) => {
    const { instance, pid } = await start(id);
    const outcomes = wait(id, [capability, {}]);
    const diedAt = await quarter.died(pid);
    for (const { code, detail, at } of await outcomes) {
      expect({ code, detail }).toEqual({
        code: 'PLUGIN_OUT_OF_MEMORY',
        detail: expect.stringContaining(instance.slice(0, 8)),
      });
      expect(at - diedAt).toBeLessThan(1_000);
    }
    expect(await quarter.announced(instance)).toMatchObject({ ended: 'out_of_memory', others: [] });
    const end = await quarter.endOf(id, instance);
    expect(end).toMatchObject({ verdict: 'out_of_memory', text: expect.stringMatching(text) });
    expect(await quarter.stop(id)).toEqual([]);
  });
});

it('a plugin that ends at an invocation fails all that wait for it within a second', async () => {
  const { instance, pid } = await start('crash');
  const outcomes = wait('crash', ['crash', { code: 3 }]);
  const diedAt = await quarter.died(pid);
  for (const { code, at } of await outcomes) {
    expect(code).toBe('PLUGIN_CRASHED');
    expect(at - diedAt).toBeLessThan(1_000);
  }
  expect(await quarter.announced(instance)).toMatchObject({
    ended: 'crashed',
    error: 'ended with code 3',
    others: [],
  });
  expect(await quarter.endOf('crash', instance)).toMatchObject({
    verdict: 'crashed',
    text: 'ended with code 3',
  });
  await quarter.running('crash', instance);
  expect(await quarter.stop('crash')).toEqual([]);
});

describe('a plugin that starts processes for ever', () => {
  it('gets no more than it may, goes on, and leaves none when it ends, however it does', async (context) => {
    await need(context, 'forks', 'processes');
    const { instance, pid } = await start('forks');
    let most = 0;
    const fork = async (one: string): Promise<void> => {
      await quarter.client.invoke('forks', 'forks', {});
      await eventually(() => (most = Math.max(most, carriers(one).length)) > 20);
      // What is refused it tries again.
      for (let look = 0; look < 10; look += 1) {
        await delay(30);
        most = Math.max(most, carriers(one).length);
      }
    };
    await fork(instance);
    expect(await quarter.client.invoke('forks', 'say', { n: 1 })).toEqual({ n: 1 });
    process.kill(pid, 'SIGKILL');
    expect(await quarter.endOf('forks', instance)).toMatchObject({
      verdict: 'crashed',
      text: 'ended by SIGKILL',
    });
    await eventually(() => carriers(instance).length === 0);
    const { instances } = await quarter.running('forks', instance);
    await fork(instances[0]!.instance);
    expect(most).toBeLessThanOrEqual(40);
    expect(await quarter.stop('forks')).toEqual([]);
  });
});

it('a plugin that leaves processes behind takes them with it when it is killed or stopped', async () => {
  // Who has left session and environment is found by the cgroup alone.
  const isFound = (await quarter.isolation('leaver')).processes.by.startsWith('cgroup');
  const leave = async (): Promise<number[]> => {
    const pids = (await quarter.client.invoke('leaver', 'grandchildren', {})) as number[];
    expect(pids.filter(isAlive)).toHaveLength(4);
    return pids;
  };
  const areGone = async (pids: number[]): Promise<void> => {
    const found = isFound ? pids : pids.slice(0, 3);
    await eventually(() => !found.some(isAlive));
    for (const left of pids.filter(isAlive)) process.kill(left, 'SIGKILL');
  };
  const { instance, pid } = await start('leaver');
  const first = await leave();
  process.kill(pid, 'SIGKILL');
  expect(await quarter.endOf('leaver', instance)).toMatchObject({ verdict: 'crashed' });
  await areGone(first);
  await quarter.running('leaver', instance);
  const second = await leave();
  expect(await quarter.stop('leaver')).toEqual([]);
  await areGone(second);
});

describe('a plugin that takes what the machine has of something', () => {
  it('opens files as long as it gets some', async () => {
    const { pid } = await start('opener');
    const { count } = (await quarter.client.invoke('opener', 'open-files', { most: 100_000 })) as {
      count: number;
    };
    expect(count).toBeGreaterThan(500);
    expect(await quarter.fails('opener', 'grandchildren')).toMatchObject({ code: 'INTERNAL' });
    expect(await quarter.client.invoke('opener', 'say', { n: 1 })).toEqual({ n: 1 });
    expect((await quarter.running('opener')).instances[0]?.pid).toBe(pid);
    expect(await quarter.stop('opener')).toEqual([]);
  });

  it('fills its data folder with more than its memory, which is not what it is ended for', async () => {
    const { pid } = await start('filler');
    await quarter.client.invoke('filler', 'fill', { megabytes: 200 });
    expect((await quarter.running('filler')).instances[0]?.pid).toBe(pid);
    expect(await quarter.mesh.get('filler')).not.toHaveProperty('ends');
    expect(await quarter.stop('filler')).toEqual([]);
  });
});

it('a neighbour of all these has lost no invocation, and the supervisor has answered all the time', async () => {
  expect(await quarter.complaints()).toEqual([]);
});
