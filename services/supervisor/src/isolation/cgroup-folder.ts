import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { codeOf } from '../error-code.ts';
import { signal } from '../process-driver.ts';
import { limits } from './cgroup-places.ts';
import { fieldOf } from './cgroup-version.ts';

const attemptsMost = 3;

/**
 * Makes a cgroup and those between it and `base`, each of which hands on what the one above it has.
 * @throws what the system says
 */
export function makeCgroup(base: string, names: readonly string[]): string {
  for (let attempt = 1; ; attempt++) {
    try {
      let folder = base;
      for (const name of names) {
        handOn(folder);
        folder = path.join(folder, name);
        makeFolder(folder);
      }
      return folder;
    } catch (error) {
      // Another supervisor has just removed one that was empty.
      if (codeOf(error) !== 'ENOENT' || attempt === attemptsMost) throw error;
    }
  }
}

export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/**
 * Lets the children of a cgroup v2 have its controllers, as far as it can; those of v1 have them anyway.
 * @throws what the system says when it can give none
 */
export function handOn(folder: string): void {
  const file = path.join(folder, 'cgroup.subtree_control');
  if (!existsSync(file)) return;
  const given = new Set(words(file));
  let failure: Error | undefined;
  for (const name of words(path.join(folder, 'cgroup.controllers'))) {
    if (!limits.some((limit) => limit === name) || given.has(name)) continue;
    try {
      writeFileSync(file, `+${name}`);
      given.add(name);
    } catch (error) {
      failure = error as Error;
    }
  }
  if (given.size === 0 && failure) throw failure;
}

export function words(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split(/\s+/)
    .filter((word) => word !== '');
}

/** Whether a process is in it or below it. @throws when it is not there */
export function isPopulated(folder: string): boolean {
  const events = path.join(folder, 'cgroup.events');
  // Only v2 has it.
  return existsSync(events) ? fieldOf(events, 'populated') > 0 : pidsIn(folder).length > 0;
}

/** SIGKILL to all that is in it or below it now. @throws when it is not there */
export function killAllIn(folder: string): void {
  const atOnce = path.join(folder, 'cgroup.kill');
  if (existsSync(atOnce)) writeFileSync(atOnce, '1');
  else for (const pid of pidsIn(folder)) signal(pid, 'SIGKILL');
}

function pidsIn(folder: string): number[] {
  // One of another pid namespace is shown as 0, which means ourselves to `kill`.
  return withBelow(folder).flatMap((one) =>
    words(path.join(one, 'cgroup.procs'))
      .map(Number)
      .filter((pid) => pid > 1),
  );
}

/** @returns false when something is in it still */
export function removeCgroup(folder: string): boolean {
  try {
    for (const one of withBelow(folder).reverse()) rmdirSync(one);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true;
    if (['EBUSY', 'ENOTEMPTY'].includes(codeOf(error))) return false;
    throw error;
  }
}

/** Parents first. */
function withBelow(folder: string): string[] {
  const found = [folder];
  for (const one of found) found.push(...foldersIn(one));
  return found;
}

export function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => path.join(folder, name));
  } catch (error) {
    // Removed meanwhile, or closed to us.
    if (['ENOENT', 'EACCES'].includes(codeOf(error))) return [];
    throw error;
  }
}

/** Removes an empty one; leaves one that is not, or is gone. */
export function removeIfEmpty(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    if (['EBUSY', 'ENOTEMPTY', 'ENOENT'].includes(codeOf(error))) return false;
    throw error;
  }
}
