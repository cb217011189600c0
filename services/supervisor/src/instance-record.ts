import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { isPluginId, isSubjectToken } from '@bkg/sdk';
import { writeWhole } from '@bkg/sdk/host';
import type { ProcessIdentity } from '@bkg/sdk/host';

/** `run/<instance>.json`: written before the process is started and completed after it. */
export interface InstanceRecord {
  instance: string;
  plugin_id: string;
  version: string;
  launched_at: string;
  status: 'starting' | 'running' | 'stopping';
  /** When it took its status. */
  since: string;
  start_timeout_ms: number;
  /** The broker it was given. */
  nats_url: string;
  /** It could take invocations, and waits until it is let in. */
  held?: boolean;
  /** It was launched to replace another, and has not passed its trial yet. */
  on_trial?: boolean;
  /** It publishes events; known when it has become ready. */
  speaks?: boolean;
  /** Absent between the start and the note of it. */
  process?: ProcessIdentity;
}

/** What an instance has in `run/` while its process is there. */
export interface InstanceFiles {
  record: string;
  credentials: string;
  config: string;
  /** Standard output and error as the process writes them, and how far they are read. */
  out: string;
  err: string;
  read: string;
}

export function instanceFiles(runFolder: string, instance: string): InstanceFiles {
  const file = (ending: string): string => path.join(runFolder, `${instance}.${ending}`);
  return {
    record: file('json'),
    credentials: file('credentials.json'),
    config: file('config.json'),
    out: file('out'),
    err: file('err'),
    read: file('read'),
  };
}

export function writeRecord(file: string, record: InstanceRecord): void {
  writeWhole(file, `${JSON.stringify(record, undefined, 2)}\n`, 0o600);
}

/** The record last: without it nobody would remove the others. Also what a plugin has put in their places. */
export function removeFiles({ record, ...others }: InstanceFiles): void {
  for (const file of [...Object.values(others), record]) rmSync(file, { recursive: true, force: true });
}

/**
 * Removes what is no file where one of these would be: a plugin without a user of its own may have put it there.
 * @throws what the system says
 */
export function removeIntruders(files: InstanceFiles): void {
  for (const file of Object.values({ ...files }))
    if (lstatSync(file, { throwIfNoEntry: false })?.isFile() === false)
      rmSync(file, { recursive: true, force: true });
}

/** As `nuid` makes them: nothing else in `run/` is called like that. */
export function isInstanceId(text: string): boolean {
  return /^[0-9A-Za-z]{22}$/.test(text);
}

/** All records in `run/`; other files there are somebody else's. */
export function readRecords(runFolder: string): InstanceRecord[] {
  return readdirSync(runFolder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
    .map(({ name }) => path.basename(name, '.json'))
    .filter(isInstanceId)
    .flatMap((instance) => readRecord(instanceFiles(runFolder, instance).record, instance) ?? []);
}

/** Whether there is a record of it: it was launched, and has not ended. */
export function hasRecord(runFolder: string, instance: string, plugin?: string): boolean {
  if (!isInstanceId(instance)) return false;
  const record = readRecord(instanceFiles(runFolder, instance).record, instance);
  return record !== undefined && (plugin === undefined || record.plugin_id === plugin);
}

function readRecord(file: string, instance: string): InstanceRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Ours are written whole.
    return undefined;
  }
  return isRecord(value) && value.instance === instance ? value : undefined;
}

function isRecord(value: unknown): value is InstanceRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { instance, plugin_id, version, status, launched_at, since, start_timeout_ms, nats_url } =
    value as Record<string, unknown>;
  return (
    typeof instance === 'string' &&
    isSubjectToken(instance) &&
    typeof plugin_id === 'string' &&
    isPluginId(plugin_id) &&
    [version, nats_url].every((text) => typeof text === 'string') &&
    [launched_at, since].every((time) => typeof time === 'string' && !Number.isNaN(Date.parse(time))) &&
    ['starting', 'running', 'stopping'].some((known) => known === status) &&
    typeof start_timeout_ms === 'number'
  );
}
