import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readProcessStat } from '@bkg/sdk/host';
import { codeOf } from '../error-code.ts';
import { handOn, makeFolder, removeIfEmpty, words } from './cgroup-folder.ts';
import type { CgroupPlace } from './cgroup-places.ts';
import type { Found } from './found.ts';

/** Where bkg's own processes go, because a cgroup that has processes cannot give limits to those below it. */
const ownName = 'bkg-core';
const roundsMost = 10;

/**
 * A cgroup v2 below which instances can have their own, with the controllers that it has to give. Moves ourselves out of
 * the way where that is what it takes.
 */
export function unifiedBase({ mount, own }: CgroupPlace): Found<string> {
  const isRoot = process.geteuid?.() === 0;
  try {
    if (path.basename(own) === ownName) return offer(path.dirname(own));
    // Only the root of all is without this file, and may have both.
    const hasTop = !existsSync(path.join(mount, 'cgroup.type'));
    if (own === mount && hasTop) return offer(mount);
    const moved = makeRoom(own, own === mount);
    if ('have' in moved) return offer(own);
    // A session's cgroups are its user's; what hangs beside ours there is given limits by the one above.
    const above = path.dirname(own);
    if (!isRoot && own !== mount && isOurs(above)) return offer(above);
    // As container engines do it that do not go by way of systemd.
    if (isRoot && hasTop) return offer(mount);
    return moved;
  } catch (error) {
    return { lack: whyNot(error) };
  }
}

/** As the end of "…, because …". */
export function whyNot(error: unknown): string {
  return `cgroups cannot be made here (${codeOf(error) || String(error)})`;
}

function offer(base: string): Found<string> {
  handOn(base);
  return words(path.join(base, 'cgroup.subtree_control')).length > 0
    ? { have: base }
    : { lack: 'the cgroup of bkg has no controllers (with systemd: Delegate=yes)' };
}

/** @param isContainer all that is in it belongs together, also a shell that was started in it */
function makeRoom(own: string, isContainer: boolean): Found<string> {
  if (!isOurs(own))
    return { lack: 'the cgroup that bkg runs in is not its own (with systemd: Delegate=yes)' };
  const file = path.join(own, 'cgroup.procs');
  const strangers = words(file).map(Number).filter(strangerTo(isContainer));
  if (strangers.length > 0)
    return { lack: `the cgroup that bkg runs in also holds process ${strangers[0]}, which is not bkg's` };
  const core = path.join(own, ownName);
  makeFolder(core);
  try {
    // They may start others meanwhile.
    for (let round = 0; round < roundsMost && words(file).length > 0; round++)
      for (const pid of words(file)) move(pid, core);
    handOn(own);
  } catch (error) {
    for (const pid of words(path.join(core, 'cgroup.procs'))) move(pid, own);
    removeIfEmpty(core);
    throw error;
  }
  return { have: own };
}

function move(pid: string, folder: string): void {
  try {
    writeFileSync(path.join(folder, 'cgroup.procs'), pid);
  } catch (error) {
    // It has ended.
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

function isOurs(folder: string): boolean {
  return lstatSync(path.join(folder, 'cgroup.procs')).uid === process.geteuid?.();
}

/** Ours are those that we come from, unless it is somebody's shell, and all that comes from these. */
function strangerTo(isContainer: boolean): (pid: number) => boolean {
  const ours = new Set<number>();
  for (let pid = process.pid; pid > 0 && !ours.has(pid) && isBeside(pid); pid = parentOf(pid)) {
    if (!isContainer && pid !== process.pid && isShell(pid)) break;
    ours.add(pid);
  }
  return (pid) => {
    const seen = new Set<number>();
    for (let one = pid; one > 0 && !seen.has(one); one = parentOf(one)) {
      if (ours.has(one)) return false;
      seen.add(one);
    }
    // It has ended since the list was read.
    return readProcessStat(pid) !== undefined;
  };
}

function parentOf(pid: number): number {
  return Number(readProcessStat(pid)?.[1] ?? 0);
}

/** It leads a session at a terminal. */
function isShell(pid: number): boolean {
  const [, , , session, terminal] = readProcessStat(pid) ?? [];
  return session === String(pid) && terminal !== '0';
}

function isBeside(pid: number): boolean {
  const [other, own] = [pid, 'self'].map(membershipOf);
  return own !== undefined && other === own;
}

function membershipOf(pid: number | string): string | undefined {
  try {
    return /^0::.*$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[0];
  } catch {
    // It has ended, or is hidden from us.
    return undefined;
  }
}
