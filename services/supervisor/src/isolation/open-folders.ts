import { chmodSync, existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { HomePaths } from '@bkg/sdk/host';

/**
 * Lets plugins' users get to their own files below the home, which they know by name: they can list nothing, and what
 * could be read there by anybody who gets that far is closed. @throws what the system says
 */
export function openHome({ home, run, data, logs, nats }: HomePaths): void {
  setMode(home, (mode) => mode | 0o001);
  for (const folder of [run, data]) setMode(folder, (mode) => (mode | 0o001) & ~0o006);
  for (const folder of [logs, nats]) if (existsSync(folder)) setMode(folder, (mode) => mode & ~0o007);
}

/**
 * Closes each plugin's data to all others, also of one that is not started: it may have been made when all shared a user, with
 * files that everybody may read. @throws what the system says
 */
export function closeData(data: string): void {
  for (const entry of readdirSync(data, { withFileTypes: true }))
    if (entry.isDirectory()) setMode(path.join(data, entry.name), (mode) => mode & ~0o007);
}

/** The first folder on the way to something that does not let everybody pass, as the system's users do. */
export function closedFolder(to: string): string | undefined {
  const folders = [];
  for (let one = path.dirname(realpathSync(to)); ; one = path.dirname(one)) {
    folders.unshift(one);
    if (one === path.dirname(one)) break;
  }
  return folders.find((folder) => (statSync(folder).mode & 0o001) === 0);
}

function setMode(folder: string, change: (mode: number) => number): void {
  const mode = statSync(folder).mode & 0o7777;
  if (change(mode) !== mode) chmodSync(folder, change(mode));
}
