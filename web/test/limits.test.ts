import {
  configDefaults,
  type Enforcement,
  type Isolation,
  type PluginInfo,
  type PluginTelemetry,
  type Sandbox,
} from '@bkg/sdk/protocol';
import { describe, expect, it } from 'vitest';
import { confinementRows, isNear, limitRows } from '../src/lib/limits/limit-rows.ts';
import { sandboxMeans, strictProblems } from '../src/lib/limits/sandbox-means.ts';

const means = (strength: Enforcement['strength'], note = 'So it is.'): Enforcement => ({
  strength,
  by: 'cgroup-v2',
  note,
});
const isolation: Isolation = {
  memory: means('enforced'),
  cpu: means('enforced'),
  processes: means('late'),
  user: means('none'),
  files: means('enforced'),
  network: means('none', 'Nobody can.'),
};

function plugin(count: number, part: Partial<PluginInfo> = {}): PluginInfo {
  return {
    config: { id: 'a', ...configDefaults },
    instances: Array.from({ length: count }, () => ({ status: 'running', managed: true })),
    isolation,
    ...part,
  } as PluginInfo;
}

const telemetry = (instances: number, memory_mb: number, cpu_percent: number) =>
  ({ instances, memory_mb, cpu_percent }) as PluginTelemetry;

const values = (rows: ReturnType<typeof limitRows>) => rows.map(({ name, value }) => `${name}: ${value}`);

describe('the limits of a plugin', () => {
  it('stand beside what is used, which is the sum over the instances that each have one', () => {
    const one = limitRows(plugin(1), telemetry(1, 256, 25));
    expect(values(one)).toEqual([
      'Memory: 256 MB of 1.0 GB',
      'CPU: 25 % of 100 %',
      'Processes: at most 256',
      'Time: at most 30 s',
    ]);
    expect(one.map(({ share }) => share)).toEqual([0.25, 0.25, undefined, undefined]);
    const two = limitRows(plugin(2), telemetry(2, 1_024, 150));
    expect(values(two).slice(0, 3)).toEqual([
      'Memory: 1.0 GB of 2 × 1.0 GB',
      'CPU: 150 % of 2 × 100 %',
      'Processes: at most 256 each',
    ]);
    expect(two[0]).toMatchObject({ share: 0.5 });
    expect(two[0]?.about.join(' ')).toMatch(/sum over 2 instances/);
    expect([one[0]?.share, 0.9, undefined].map((share) => isNear({ ...(share && { share }) }))).toEqual([
      false,
      true,
      false,
    ]);
  });

  it('say where what is used comes from, and may be less than what the limit counts, where it is shown', () => {
    const about = (used: PluginTelemetry) =>
      limitRows(plugin(1), used).map((row) => row.about.join(' ').includes('what its heartbeats say'));
    expect(about(telemetry(1, 60, 5))).toEqual([true, true, false, false]);
    expect(about(telemetry(0, 0, 0))).toEqual([false, false, false, false]);
  });

  it('stand alone where nobody measures, nothing runs, or somebody else has a part in what is measured', () => {
    const foreign = plugin(2);
    foreign.instances[1]!.managed = false;
    const failed = plugin(1);
    failed.instances[0]!.status = 'error';
    for (const [info, used] of [
      [plugin(1), telemetry(1, 0, 0)],
      [plugin(0), telemetry(0, 0, 0)],
      [failed, telemetry(1, 60, 5)],
      [foreign, telemetry(2, 60, 5)],
    ] as const)
      expect(limitRows(info, used)[0]?.value).toMatch(/^at most 1\.0 GB( each)?$/);
  });

  it('have the means by which each is kept, and none of which nobody tells', () => {
    const strengths = (info: PluginInfo) =>
      limitRows(info, telemetry(1, 60, 5)).map((row) => row.means?.strength);
    expect(strengths(plugin(1))).toEqual(['enforced', 'enforced', 'late', 'enforced']);
    const { isolation: _, ...untold } = plugin(1);
    expect(strengths(untold as PluginInfo)).toEqual([undefined, undefined, undefined, 'enforced']);
  });

  it('go together with what it is kept from, told as it is', () => {
    expect(values(confinementRows(isolation))).toEqual([
      'User: that of bkg',
      'Files: only its own',
      'Network: unrestricted',
    ]);
  });
});

describe('what the machine can do of a sandbox', () => {
  const having = (sandbox: Sandbox, part: Partial<PluginInfo> = {}) =>
    plugin(1, { config: { id: 'a', ...configDefaults, sandbox }, ...part });

  it('is seen at a plugin that has one, and at none that has not', () => {
    const other = having('strict', { isolation: { ...isolation, network: means('enforced') } });
    expect(sandboxMeans(having('off'), [having('off')])).toBeUndefined();
    expect(sandboxMeans(having('off'), [having('off'), other])?.network.strength).toBe('enforced');
    expect(sandboxMeans(having('on'), [other])?.network.strength).toBe('none');
  });

  it('tells what is in the way of a strict one', () => {
    expect(strictProblems(isolation)).toEqual(['This machine cannot keep it from the network: Nobody can.']);
    expect(strictProblems({ files: means('late', ''), network: means('enforced') })).toEqual([
      'This machine cannot keep it from files.',
    ]);
    expect(strictProblems({ files: means('enforced'), network: means('enforced') })).toEqual([]);
  });
});
