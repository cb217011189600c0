import { statSync } from 'node:fs';
import path from 'node:path';
import { isPluginId, isVersion } from '@bkg/sdk';
import { isSameProcess } from '@bkg/sdk/host';
import type { HomePaths, ProcessIdentity } from '@bkg/sdk/host';
import { now } from './clock.ts';
import { isInstanceId, readRecords } from './instance-record.ts';
import type { InstanceRecord } from './instance-record.ts';
import { environmentOf, listProcesses, userOfProcess } from './process-table.ts';
import type { ProcessRow } from './process-table.ts';

/** What an earlier supervisor of this home has left. */
export interface Survivors {
  running: (InstanceRecord & { process: ProcessIdentity })[];
  /** Their processes are gone. */
  ended: InstanceRecord[];
  /** Processes that were started by an instance which is gone. */
  strays: { instance: string; pids: number[] }[];
}

/** A process that carries an instance of this home in its environment. */
interface Carrier extends ProcessRow {
  instance: string;
  env: Map<string, string>;
}

/** Looks at the records and, since a crash may have come before one was complete, at the processes. */
export function findSurvivors(
  { run, home, data }: Pick<HomePaths, 'run' | 'home' | 'data'>,
  natsUrl: string,
): Survivors {
  const carriers = Map.groupBy(findCarriers(home, data), ({ instance }) => instance);
  const survivors: Survivors = { running: [], ended: [], strays: [] };
  for (const record of readRecords(run)) {
    const identity = identityOf(record, carriers.get(record.instance) ?? []);
    carriers.delete(record.instance);
    if (identity) survivors.running.push({ ...record, process: identity });
    else survivors.ended.push(record);
  }
  for (const [instance, found] of carriers) {
    const leader = leaderOf(found);
    const record = leader && recordFromEnvironment(leader, natsUrl);
    if (record) survivors.running.push(record);
    else survivors.strays.push({ instance, pids: found.map(({ pid }) => pid) });
  }
  return survivors;
}

/**
 * After a restart of the machine a stranger may have the same pid and start, so its environment must name the instance as
 * well, where the system shows it. Who has overwritten its own environment is not found again, and shown as not managed.
 */
function identityOf(
  { process: known }: InstanceRecord,
  carriers: readonly Carrier[],
): ProcessIdentity | undefined {
  if (!known) return leaderOf(carriers);
  const isNamed = process.platform !== 'linux' || carriers.some(({ pid }) => pid === known.pid);
  return isNamed && isSameProcess(known) ? known : undefined;
}

/** An instance leads a session; a child of it that does so too is younger. */
function leaderOf(carriers: readonly Carrier[]): Carrier | undefined {
  return carriers
    .filter(({ pid, session }) => pid === session)
    .toSorted((a, b) => Number(a.start) - Number(b.start))[0];
}

function findCarriers(home: string, data: string): Carrier[] {
  return listProcesses().flatMap((row) => {
    const env = environmentOf(row.pid);
    const instance = env?.get('BKG_INSTANCE_ID');
    if (!env || !instance || env.get('BKG_HOME') !== home || !isInstanceId(instance)) return [];
    if (!isRightful(row.pid, data, env.get('BKG_PLUGIN_ID') ?? '')) return [];
    return [{ ...row, instance, env }];
  });
}

/**
 * An environment says what its process wants it to say; whose process it is it cannot say: ours, or the user's to whom
 * the data of the plugin belongs.
 */
function isRightful(pid: number, data: string, pluginId: string): boolean {
  const user = userOfProcess(pid);
  if (user === undefined) return false;
  if (user === process.getuid?.()) return true;
  if (!isPluginId(pluginId)) return false;
  return user === statSync(path.join(data, pluginId), { throwIfNoEntry: false })?.uid;
}

/** Its record was lost. It may be starting or running: it is heard of soon. */
function recordFromEnvironment(
  { instance, env, pid, start }: Carrier,
  natsUrl: string,
): (InstanceRecord & { process: ProcessIdentity }) | undefined {
  const pluginId = env.get('BKG_PLUGIN_ID') ?? '';
  const version = env.get('BKG_VERSION') ?? '';
  if (!isPluginId(pluginId) || !isVersion(version)) return undefined;
  const at = new Date(now()).toISOString();
  return {
    instance,
    plugin_id: pluginId,
    version,
    launched_at: at,
    status: 'starting',
    since: at,
    start_timeout_ms: 30_000,
    nats_url: env.get('BKG_NATS_URL') ?? natsUrl,
    process: { pid, start },
  };
}
