import { expect, it } from 'vitest';
import { configDefaults } from '@bkg/sdk';
import type { Logger } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { eventually, silentLogger } from '@bkg/sdk/testing';
import type { ManagedInstance } from '../src/managed-instance.ts';
import type { Plugin } from '../src/plugin.ts';
import { Plugins } from '../src/plugins.ts';
import { ReconcileLoop } from '../src/reconcile-loop.ts';
import { defaultTimings } from '../src/timings.ts';
import type { Verdict } from '../src/verdict.ts';

const at = new Date().toISOString();

function wanted(plugins: Plugins, id: string): Plugin {
  const plugin = plugins.ensure(id);
  const run = { want: 'running', version: '1.0.0', by: 'ana', at } as const;
  plugin.sources = [
    { id, folder: '/', version: '1.0.0', manifest: { id, version: '1.0.0', command: ['node'] } },
  ];
  plugin.desired = {
    config: { value: { id, ...configDefaults, by: 'ana', at, why: '' }, revision: 1 },
    run: { value: run, revision: 1 },
  };
  return plugin;
}

function stage(launch: (plugin: Plugin) => ManagedInstance, log = silentLogger) {
  const plugins = new Plugins();
  const loop = new ReconcileLoop({
    plugins,
    launcher: { launch },
    lease: { isHeld: true },
    trials: { begin: () => undefined },
    liveConfig: { begin: () => undefined },
    natsUrl: 'nats://here',
    timings: defaultTimings,
    log,
  });
  return { plugins, loop };
}

/** An instance that starts, and nothing else. */
function starting(id: string): ManagedInstance {
  const record = { instance: id, version: '1.0.0', nats_url: 'nats://here', launched_at: at };
  const observed = {
    instance: id,
    status: 'starting',
    launchedAt: Date.now(),
    since: Date.now(),
    startTimeoutMs: 60_000,
    held: false,
    onTrial: false,
    killed: false,
  };
  const made = { id, record, status: 'starting', observed: () => observed, ranMs: 0, wasAskedToStop: false };
  return made as unknown as ManagedInstance;
}

it('launches many one after the other, and lets everybody else have their turn meanwhile', async () => {
  const launched: string[] = [];
  const { plugins, loop } = stage((plugin) => {
    for (const until = performance.now() + 30; performance.now() < until;);
    launched.push(plugin.id);
    const one = starting(`i-${plugin.id}`);
    plugin.managed.set(one.id, one);
    return one;
  });
  const ids = Array.from({ length: 20 }, (_, i) => `p${i}`);
  for (const id of ids) wanted(plugins, id);
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  loop.pass();
  expect(launched.length).toBeGreaterThan(1);
  expect(launched.length).toBeLessThan(10);
  while (launched.length < ids.length) await new Promise(setImmediate);
  clearInterval(timer);
  loop.close();
  expect(turns).toBeGreaterThan(2);
  expect(launched.toSorted()).toEqual(ids.toSorted());
});

it('what the machine lacks is tried for ever, and is one end', () => {
  const { plugins, loop } = stage(() => starting('i'));
  const plugin = wanted(plugins, 'p');
  const lacking: Verdict = {
    status: 'error',
    text: 'could not be started (spawn EAGAIN)',
    verdict: 'not_started',
    isMachines: true,
    ended: 'crashed',
  };
  for (let i = 0; i < 10; i++)
    expect(loop.ended(plugin, starting(`i${i}`), lacking)).toBe('starting it again in 4 s');
  expect(plugin.setback.failures).toBe(1);
  expect(plugin.ends.map(({ instance }) => instance)).toEqual(['i9']);
  // Its own failures are counted, each by itself.
  const own: Verdict = { ...lacking, isMachines: undefined as never, text: 'ended with code 1' };
  for (let i = 0; i < 5; i++) loop.ended(plugin, starting(`own${i}`), own);
  expect(loop.ended(plugin, starting('last'), own)).toMatch(/stays down until/);
  expect(plugin.ends).toHaveLength(5);
});

it('one plugin that cannot be dealt with keeps nobody from the others, is said once, and is tried again', async () => {
  const errors: string[] = [];
  const log = { ...silentLogger, error: (_: unknown, text: string) => void errors.push(text) } as Logger;
  const launched: string[] = [];
  const { plugins, loop } = stage((plugin) => {
    launched.push(plugin.id);
    const one = starting(`i-${plugin.id}`);
    plugin.managed.set(one.id, one);
    return one;
  }, log);
  const broken = wanted(plugins, 'a');
  wanted(plugins, 'b');
  let tries = 0;
  broken.observedState = () => {
    tries += 1;
    throw new Error('EIO');
  };
  loop.pass();
  expect(launched).toEqual(['b']);
  await eventually(() => tries > 1);
  expect(errors).toEqual(['what is wanted of a plugin cannot be done; it is tried again']);
  delete (broken as Partial<Plugin>).observedState;
  await eventually(() => launched.includes('a'));
  loop.close();
});

it('what is to be done in many weeks, as a record or a clock may have it, keeps nobody busy until then', async () => {
  const { plugins, loop } = stage(() => starting('i'));
  const plugin = wanted(plugins, 'p');
  const one = starting('i');
  const observed = { ...one.observed(), startTimeoutMs: 1e12 };
  plugin.managed.set('i', Object.assign(one, { observed: () => observed }));
  let passes = 0;
  const desired = plugin.desiredState(true);
  plugin.desiredState = () => {
    passes += 1;
    return desired;
  };
  loop.pass();
  await delay(100);
  loop.close();
  expect(passes).toBe(1);
});
