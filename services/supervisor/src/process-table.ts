import { readdirSync, readFileSync } from 'node:fs';
import { readProcessStat } from '@bkg/sdk/host';

/** A process as the system lists it. Only Linux shows what is needed here; elsewhere nothing is found. */
export interface ProcessRow {
  pid: number;
  /** As `processStart` gives it. */
  start: string;
  group: number;
  session: number;
}

/** Everything that runs; zombies are left out. */
export function listProcesses(): ProcessRow[] {
  return processNumbers().flatMap((pid) => rowOf(pid) ?? []);
}

/** Zombies included. */
export function processNumbers(): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Everything that runs, by what is asked of it. */
export interface ProcessLook {
  /** By the leader of their group or session. */
  members: ReadonlyMap<number, readonly ProcessRow[]>;
  /** By the instance that they carry in their environment. */
  carriers: ReadonlyMap<string, readonly ProcessRow[]>;
}

let thisTurn: ProcessLook | undefined;

/** One look for all who ask in the same turn: each is at every process, and with many plugins many end at once. */
export function lookAtProcesses(): ProcessLook {
  if (!thisTurn) {
    thisTurn = newLook();
    setImmediate(() => (thisTurn = undefined));
  }
  return thisTurn;
}

function newLook(): ProcessLook {
  const members = new Map<number, ProcessRow[]>();
  const carriers = new Map<string, ProcessRow[]>();
  for (const row of listProcesses()) {
    for (const leader of new Set([row.group, row.session])) addTo(members, leader, row);
    const instance = environmentOf(row.pid)?.get('BKG_INSTANCE_ID');
    if (instance !== undefined) addTo(carriers, instance, row);
  }
  return { members, carriers };
}

function addTo<K>(rows: Map<K, ProcessRow[]>, key: K, row: ProcessRow): void {
  const known = rows.get(key);
  if (known) known.push(row);
  else rows.set(key, [row]);
}

/** The environment a process was started with; undefined when it is gone or somebody else's. */
export function environmentOf(pid: number): Map<string, string> | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return undefined;
  }
  const pairs = text.split('\0').map((pair): [string, string] => {
    const end = pair.indexOf('=');
    return [pair.slice(0, end), pair.slice(end + 1)];
  });
  return new Map(pairs);
}

/** Who has started a process; undefined when it is gone. Its folder in `/proc` is root's while it runs a set-user-id program of root. */
export function userOfProcess(pid: number): number | undefined {
  try {
    const [, user] = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return user === undefined ? undefined : Number(user);
  } catch {
    return undefined;
  }
}

function rowOf(pid: number): ProcessRow | undefined {
  // State, parent, group, session, …, the start as the twentieth.
  const fields = readProcessStat(pid);
  const [state, , group, session] = fields ?? [];
  const start = fields?.[19];
  if (!group || !session || !start || state === 'Z' || state === 'X') return undefined;
  return { pid, start, group: Number(group), session: Number(session) };
}
