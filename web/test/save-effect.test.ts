import type { PluginInfo } from '@bkg/sdk/protocol';
import { expect, it } from 'vitest';
import { labelOfPath } from '../src/lib/config/config-labels.ts';
import { expectedEffect } from '../src/lib/config/save-effect.ts';

const running = { instances: [{ managed: true }] } as PluginInfo;
const changed = (...paths: string[]) => paths.map((path) => ({ path, before: 1, after: 2 }));

it('says before saving what becomes of what runs', () => {
  expect(expectedEffect(running, changed('/env/MOOD', '/limits/max_queue'))).toBe(
    'Environment: instances are replaced one by one.',
  );
  expect(expectedEffect(running, changed('/settings/step'))).toMatch(/^Settings: instances/);
  expect(expectedEffect({ ...running, settings_live: true }, changed('/settings/step'))).toMatch(
    /taken over/,
  );
  expect(expectedEffect({ ...running, single_writer: true }, changed('/env'))).toMatch(/its instance is/);
  expect(expectedEffect(running, changed('/limits/max_queue'))).toMatch(/taken over/);
  expect(expectedEffect(running, changed('/replicas'))).toMatch(/start or end/);
  expect(expectedEffect(running, changed('/env/A', '/settings/step', '/sandbox', '/env/B'))).toBe(
    'Environment, settings and sandbox: instances are replaced one by one.',
  );
  expect(expectedEffect(running, changed('/autostart'))).toMatch(/do not notice/);
  expect(expectedEffect(running, [{ path: '/enabled', before: true, after: false }])).toBe(
    'Saving stops it.',
  );
  expect(expectedEffect({ ...running, instances: [] }, changed('/env'))).toMatch(/Nothing runs/);
});

it.each([
  ['cgroup-v2', /taken over/],
  ['watchdog', /taken over/],
  ['none', /taken over/],
  ['rlimit', /^Limits: instances are replaced/],
])('says what another limit does to what runs where its means is %s', (by, words) => {
  const means = { strength: 'enforced', by, note: '' } as const;
  const cgroup = { ...means, by: 'cgroup-v1' };
  const plugin = {
    ...running,
    isolation: { memory: cgroup, cpu: cgroup, processes: means },
  } as unknown as PluginInfo;
  expect(expectedEffect(plugin, changed('/resources/max_processes'))).toMatch(words);
  expect(expectedEffect(plugin, changed('/resources/max_memory_mb', '/resources/timeout_secs'))).toMatch(
    /taken over/,
  );
});

it('calls a place what the form calls it', () => {
  expect(labelOfPath('/limits/max_queue')).toBe('Invocations that wait');
  expect(labelOfPath('/version')).toBe('Version');
  expect(labelOfPath('/sandbox')).toBe('Sandbox');
  expect(labelOfPath('/resources/max_memory_mb')).toBe('Memory limit');
  expect(labelOfPath('/env/MOOD')).toBe('Variable MOOD');
  expect(labelOfPath('/settings/step')).toBeUndefined();
  expect(labelOfPath('/constructor')).toBeUndefined();
});
