import { accessPlugin, type PluginInfo, type Status } from '@bkg/sdk/protocol';
import { escapeControl } from './control-characters.ts';
import { formatClock } from './format.ts';

export type Action = 'start' | 'stop' | 'restart';

export interface StatusFace {
  label: string;
  /** What can sensibly be asked for in this state; anything else has no button. */
  actions: readonly Action[];
}

export const statusFaces: Record<Status, StatusFace> = {
  stopped: { label: 'stopped', actions: ['start'] },
  starting: { label: 'starting', actions: ['stop'] },
  running: { label: 'running', actions: ['restart', 'stop'] },
  stopping: { label: 'stopping', actions: [] },
  error: { label: 'error', actions: ['start', 'stop'] },
};

export interface ActionFace {
  label: string;
  /** Shown from the click until the mesh has answered. */
  pending: string;
  /** For a sentence: "candle could not be …". */
  participle: string;
}

export const actionFaces: Record<Action, ActionFace> = {
  start: { label: 'Start', pending: 'Starting…', participle: 'started' },
  stop: { label: 'Stop', pending: 'Stopping…', participle: 'stopped' },
  restart: { label: 'Restart', pending: 'Restarting…', participle: 'restarted' },
};

const whoElse: Record<Status, string> = {
  stopped: 'whoever ran it can start it',
  starting: 'whoever runs it can stop it',
  running: 'whoever runs it can stop it',
  stopping: 'whoever runs it can start it again',
  error: 'whoever runs it can see what is wrong and start it again',
};

/** Why there is nothing to start or stop, for people; undefined when there can be. */
export function whyNoActions(plugin: PluginInfo): string | undefined {
  if (runsElsewhere(plugin))
    return `Not managed: it was started outside of bkg, and ${whoElse[plugin.status]}.`;
  if (cannotRun(plugin)) return 'It cannot be started before its error is mended.';
  return undefined;
}

/** Why a start would bring nothing; undefined when it brings something. */
export function whyNoStart({ config }: PluginInfo): string | undefined {
  return config.replicas === 0 ? 'No instances are wanted: a start would bring none.' : undefined;
}

/** True when an instance answers. */
export function hasRunning({ instances }: Pick<PluginInfo, 'instances'>): boolean {
  return instances.some(({ status }) => status === 'running');
}

/** True when somebody else runs every instance, or ran the last one: the mesh can neither stop nor start it. */
export function runsElsewhere({ status, config, instances }: PluginInfo): boolean {
  // Of a plugin that has a folder the first configuration is written before anything runs.
  if (instances.length === 0) return status === 'stopped' && config.revision === 0;
  return instances.every((instance) => !instance.managed);
}

/** True when its folder is no plugin yet: one that ran and failed shows the instance that did, or how often it failed. */
export function cannotRun({ status, instances, restarts }: PluginInfo): boolean {
  return status === 'error' && instances.length === 0 && restarts === undefined;
}

/** The error of a plugin or an instance, with the time since when it is so by the reader's clock. */
export function errorText(error: string): string {
  return escapeControl(error).replace(
    /\bsince (\d{4}-\d\d-\d\dT[\d:.]+Z)/g,
    (_, time: string) => `since ${formatClock(time)}`,
  );
}

export function actionsOf(plugin: PluginInfo): readonly Action[] {
  if (whyNoActions(plugin) !== undefined) return [];
  // Of what owns files the old instance ends before the new one starts: that is no stop yet, and can be made one.
  const isReplaced =
    plugin.status === 'stopping' && plugin.rollout?.state === 'running' && plugin.config.enabled;
  if (isReplaced) return ['stop'];
  // Where a process hangs, a start would wait for its end, and fail with it; a restart puts another in its place.
  const hangs = plugin.status === 'error' && plugin.instances.some(({ pid }) => pid !== undefined);
  const { actions } = statusFaces[hangs ? 'running' : plugin.status];
  // Without it nobody could be let in to start it again.
  return plugin.id === accessPlugin ? actions.filter((action) => action !== 'stop') : actions;
}

/** "2 running, 1 stopped": how many plugins are in each state, states without any left out. */
export function statusCounts(plugins: readonly PluginInfo[]): { status: Status; count: number }[] {
  const order: Status[] = ['running', 'starting', 'stopping', 'error', 'stopped'];
  return order
    .map((status) => ({ status, count: plugins.filter((plugin) => plugin.status === status).length }))
    .filter(({ count }) => count > 0);
}
