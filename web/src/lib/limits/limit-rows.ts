import {
  measuredInstances,
  reachText,
  type Enforcement,
  type Isolation,
  type PluginInfo,
  type PluginTelemetry,
} from '@bkg/sdk/protocol';
import { formatCount, formatMemory, formatPercent } from '../format.ts';

/** One limit of a plugin, or one thing that it is kept from. */
export interface LimitRow {
  name: string;
  /** "81 MB of 2 × 1.0 GB" */
  value: string;
  /** Of what is allowed, 1 is all of it; absent where nobody measures. */
  share?: number;
  /** Absent while nobody tells it. */
  means?: Enforcement;
  /** What it means, sentences. */
  about: readonly string[];
}

/** From this share on a limit is called near. */
const nearShare = 0.9;

export function isNear({ share = 0 }: Pick<LimitRow, 'share'>): boolean {
  return share >= nearShare;
}

/** Of nothing that the machine does: who waits is answered at the deadline, whatever the handler does. */
const timeMeans: Enforcement = {
  strength: 'enforced',
  by: 'deadline',
  note: 'Who waits is answered DEADLINE_EXCEEDED then. A handler that goes on all the same keeps its place; an instance all of whose places are held so, or that is silent, is replaced later.',
};

type Facts = Pick<PluginInfo, 'config' | 'instances' | 'isolation'>;

/** What it may take, of what it takes now. Limits are per instance; what is measured is the sum over all. */
export function limitRows(plugin: Facts, telemetry: PluginTelemetry): LimitRow[] {
  const { max_memory_mb: mb, max_cpu_percent: percent, max_processes: most } = plugin.config.resources;
  const { timeout_secs: secs } = plugin.config.resources;
  const { isolation } = plugin;
  const count = measuredInstances(plugin, telemetry);
  const isMany = plugin.instances.length > 1;
  const used = [
    ...(count > 0
      ? ['What is used is what its heartbeats say; what its children start in turn may be missing in it.']
      : []),
    ...(count > 1 ? [`It is the sum over ${count} instances; each has a limit of its own.`] : []),
  ];
  const rows: (LimitRow & { limit?: keyof Isolation })[] = [
    {
      name: 'Memory',
      limit: 'memory',
      ...usage(telemetry.memory_mb, mb, count, formatMemory, isMany),
      about: [`An instance with all that it starts may take ${formatCount(mb)} MB.`, ...used],
    },
    {
      name: 'CPU',
      limit: 'cpu',
      ...usage(telemetry.cpu_percent, percent, count, formatPercent, isMany),
      about: [`An instance with all that it starts may use ${formatCount(percent)} % of one core.`, ...used],
    },
    {
      name: 'Processes',
      limit: 'processes',
      value: atMost(formatCount(most), isMany),
      about: ['Processes and threads of one instance.'],
    },
    {
      name: 'Time',
      value: `at most ${formatCount(secs)} s`,
      means: timeMeans,
      about: ['An invocation has this time, or less when its caller says so.'],
    },
  ];
  return rows.map(({ limit, ...row }) => (limit && isolation ? { ...row, means: isolation[limit] } : row));
}

/** What it is kept from. */
export function confinementRows({ user, files, network }: Isolation): LimitRow[] {
  return [
    {
      name: 'User',
      value: reachText('user', user),
      means: user,
      about: ['Under a user id of its own it reaches no other plugin.'],
    },
    {
      name: 'Files',
      value: reachText('files', files),
      means: files,
      about: ['In a sandbox it sees no files but its own.'],
    },
    {
      name: 'Network',
      value: reachText('network', network),
      means: network,
      about: ['In a sandbox it reaches nothing but the broker.'],
    },
  ];
}

function usage(
  used: number,
  limit: number,
  count: number,
  format: (value: number) => string,
  isMany: boolean,
): Pick<LimitRow, 'value' | 'share'> {
  const whole = format === formatPercent ? `${formatCount(limit)} %` : format(limit);
  if (count === 0) return { value: atMost(whole, isMany) };
  return {
    value: `${format(used)} of ${count > 1 ? `${count} × ` : ''}${whole}`,
    share: used / (limit * count),
  };
}

function atMost(limit: string, isMany: boolean): string {
  return `at most ${limit}${isMany ? ' each' : ''}`;
}
