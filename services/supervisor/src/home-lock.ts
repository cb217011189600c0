import { linkSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createToken } from '@bkg/sdk';
import type { Logger } from '@bkg/sdk';
import { delay, isSameProcess, processStart, writeWhole } from '@bkg/sdk/host';
import type { ProcessIdentity } from '@bkg/sdk/host';
import { codeOf } from './error-code.ts';

const lookEveryMs = 500;

/** This process, as `isSameProcess` knows it. */
export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, start: processStart(process.pid) ?? '' };
}

/**
 * Makes this process the only one that supervises the plugins of a home, and is the only writer of its files. The lease
 * could not see to that: a second supervisor may use another broker. Waits while another is alive, and says so once.
 * @returns releases it
 * @throws the reason of `signal`
 */
export async function lockHome(folder: string, log: Logger, signal: AbortSignal): Promise<() => void> {
  const file = path.join(folder, 'supervisor.json');
  let said = false;
  for (;;) {
    signal.throwIfAborted();
    const holder = readHolder(file);
    if (!holder) {
      if (claim(file)) return () => rmSync(file, { force: true });
      continue;
    }
    if (!isSameProcess(holder)) {
      takeAway(file, holder);
      continue;
    }
    if (!said) {
      log.warn(
        { pid: holder.pid },
        `another supervisor, process ${holder.pid}, has ${file}: this one does nothing until that one has ended`,
      );
    }
    said = true;
    await delay(lookEveryMs, signal);
  }
}

/** @returns false when somebody else was faster */
function claim(file: string): boolean {
  const mine = `${file}.${process.pid}-${createToken()}.new`;
  writeWhole(mine, `${JSON.stringify(ownIdentity())}\n`);
  try {
    // A link appears with its content or not at all, and only one of several can make it.
    linkSync(mine, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Removes the lock of a process that is gone; one that was made meanwhile is put back. */
function takeAway(file: string, dead: ProcessIdentity): void {
  const aside = `${file}.${process.pid}-${createToken()}.old`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const found = readHolder(aside);
  if (found?.pid === dead.pid && found.start === dead.start) rmSync(aside, { recursive: true, force: true });
  else renameSync(aside, file);
}

/** A process that is gone. */
const nobody: ProcessIdentity = { pid: 0, start: 'unreadable' };

/** @returns undefined when there is none; nobody for what cannot be understood */
function readHolder(file: string): ProcessIdentity | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return undefined;
    // Somebody's folder in its place is no lock.
    if (code === 'EISDIR') return nobody;
    throw error;
  }
  try {
    const { pid, start } = JSON.parse(text) as Partial<ProcessIdentity>;
    if (Number.isInteger(pid) && Number(pid) > 0 && typeof start === 'string')
      return { pid: Number(pid), start };
  } catch {
    // It was never written by `claim`, which writes it whole.
  }
  return nobody;
}
