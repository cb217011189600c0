import type { PluginInfo } from '@bkg/sdk';
import { parts, pluginIds } from '../plan.ts';
import type { MeshProcess } from '../processes.ts';
import type { Verdict } from './verdict.ts';

export interface ProcessEvidence {
  processes: readonly MeshProcess[];
  /** Of `bkg up`. */
  upPid: number;
  /** By `bkg up`'s own record. */
  partPids: { [part: string]: number };
  plugins: readonly PluginInfo[];
}

/** Every process of the mesh is known to somebody, and there are as many as there should be. */
export function judgeProcesses({ processes, upPid, partPids, plugins }: ProcessEvidence): Verdict {
  const flaws: string[] = [];
  const living = processes.filter(({ isZombie }) => !isZombie);
  const name = ({ pid, command }: MeshProcess): string => `process ${pid} (${command.slice(0, 80)})`;
  for (const part of parts.filter((one) => one !== 'bkg up')) {
    const own = living.filter((one) => one.part === part && !one.instance);
    if (own.length !== 1 || own[0]?.pid !== partPids[part])
      flaws.push(
        `${part} is ${own.map(name).join(' and ') || 'not there'}; bkg up knows process ${partPids[part]}`,
      );
  }
  if (!living.some(({ pid }) => pid === upPid)) flaws.push('bkg up is not there');
  const known = new Map(plugins.flatMap(({ instances }) => instances.map((one) => [one.instance, one.pid])));
  for (const one of living) {
    if ((one.part && !one.instance) || one.pid === upPid) continue;
    // What an instance has started carries its name.
    const pid = known.get(one.instance ?? '');
    if (pid === undefined || (one.isLeader && pid !== one.pid)) flaws.push(`nobody knows ${name(one)}`);
  }
  for (const one of processes)
    if (one.isZombie) flaws.push(`process ${one.pid} is a zombie of process ${one.parent}`);
  for (const id of pluginIds) {
    const plugin = plugins.find((one) => one.id === id);
    const own = living.filter((one) => one.plugin === id && one.isLeader).length;
    const shown = plugin?.instances.filter(({ status }) => status === 'running').length ?? 0;
    const wanted = plugin?.config.replicas ?? 0;
    if (own !== wanted || shown !== wanted || plugin?.status !== 'running')
      flaws.push(
        `${id} is ${plugin?.status ?? 'gone'} with ${own} processes and ${shown} running instances, and ${wanted} are wanted`,
      );
  }
  return {
    rule: 'every process is known, and none is missing or there twice',
    flaws,
    counted: `${living.length} processes`,
  };
}
