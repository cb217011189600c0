import { readFileSync, readdirSync } from 'node:fs';
import { processStart, readProcessStat } from '@bkg/sdk/host';
import type { ProcessIdentity } from '@bkg/sdk/host';
import { partNames } from './up-record.ts';
import type { PartName, UpRecord } from './up-record.ts';

/** In the environment of every part, so that one whose record was lost is found. Plugins do not get it. */
export const partVariable = 'BKG_PART';

export interface Stray extends ProcessIdentity {
  name: PartName;
  /** The `bkg up` that holds it, when that still lives: only its record was removed. */
  holder?: number;
}

/**
 * Parts of this home that no record names: a `bkg up` died between a start and the note of it, or its record was
 * removed. Only Linux shows the environment of processes; elsewhere they are found as holders of a taken port.
 */
export function findStrays(home: string, parts: UpRecord['parts']): Stray[] {
  const known = new Set(Object.values(parts).map(({ pid }) => pid));
  const strays: Stray[] = [];
  for (const pid of processIds()) {
    if (known.has(pid)) continue;
    const variables = environmentOf(pid);
    const name = partNames.find((part) => variables.has(`${partVariable}=${part}`));
    if (!name || !variables.has(`BKG_HOME=${home}`)) continue;
    const start = processStart(pid);
    const holder = holderOf(pid);
    if (start !== undefined) strays.push({ name, pid, start, ...(holder && { holder }) });
  }
  return strays;
}

function processIds(): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Its parent, when that is a program like this one; whoever takes in orphans is another. */
function holderOf(pid: number): number | undefined {
  const parent = readProcessStat(pid)?.[1];
  const own = process.argv[1];
  if (!parent || !own) return undefined;
  try {
    return readFileSync(`/proc/${parent}/cmdline`, 'utf8').split('\0').includes(own)
      ? Number(parent)
      : undefined;
  } catch {
    // It has ended.
    return undefined;
  }
}

function environmentOf(pid: number): Set<string> {
  try {
    return new Set(readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0'));
  } catch {
    // It ended meanwhile, or is somebody else's.
    return new Set();
  }
}
