import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { explainFile, Failure } from './failure.mjs';
import { makeFolder } from './place.mjs';
import { startOf } from './process-identity.mjs';

/**
 * Lets one process at a time work in a checkout. Whoever dies without letting go is noticed by pid and start time.
 * @param {string} file
 * @param {object} options
 * @param {AbortSignal} options.signal
 * @param {number} [options.timeoutMs]  how long to wait for the other
 * @param {number} [options.pollMs]
 * @param {(owner: Owner) => void} [options.onWait]  called once, when the lock is held by another
 * @returns {Promise<() => void>}  lets go
 * @throws {Failure} after the deadline
 *
 * @typedef {{ token: string, pid: number, start: string, host: string, since: string }} Owner
 */
export async function takeLock(file, options) {
  const { signal, timeoutMs = 15 * 60_000, pollMs = 200, onWait } = options;
  makeFolder(path.dirname(file));
  const me = {
    token: randomUUID(),
    pid: process.pid,
    start: startOf(process.pid) ?? '',
    host: hostname(),
    since: new Date().toISOString(),
  };
  const deadline = Date.now() + timeoutMs;
  let told = false;
  while (!claim(file, me)) {
    const owner = read(file);
    if (owner && isGone(owner) && breakLock(file, owner)) continue;
    if (owner && Date.now() > deadline) throw tooLate(file, owner, timeoutMs);
    if (owner && !told && !isGone(owner)) {
      onWait?.(owner);
      told = true;
    }
    await sleep(pollMs, undefined, { signal });
  }
  return () => {
    if (read(file)?.token === me.token) rmSync(file, { force: true });
  };
}

/** A link appears with its content or not at all, so nobody ever reads half a lock. */
function claim(file, me) {
  const mine = `${file}.${me.token}`;
  try {
    writeFileSync(mine, JSON.stringify(me));
    linkSync(mine, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw explainFile(error, `taking the lock ${file}`);
  } finally {
    rmSync(mine, { force: true });
  }
}

/** @returns {Owner | undefined} */
function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw new Failure(
      `The lock ${file} cannot be read: ${error.message}.`,
      'remove that file and run again.',
    );
  }
}

function isGone(owner) {
  return owner.host === hostname() && startOf(owner.pid) !== owner.start;
}

/**
 * Of several that find the same dead owner, one removes its lock: the guard keeps a slow one from removing the lock
 * of the next living owner.
 * @returns whether to try again at once; else another one is about to remove it
 */
function breakLock(file, dead) {
  const guard = `${file}.breaking`;
  try {
    writeFileSync(guard, '', { flag: 'wx' });
  } catch (error) {
    if (error.code !== 'EEXIST') throw explainFile(error, `taking over the lock ${file}`);
    // It is held for microseconds; an old one belongs to a process that was killed in them.
    const ageMs = Date.now() - (statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (ageMs > 10_000) rmSync(guard, { force: true });
    return false;
  }
  if (read(file)?.token === dead.token) rmSync(file, { force: true });
  rmSync(guard, { force: true });
  return true;
}

function tooLate(file, owner, timeoutMs) {
  return new Failure(
    `Another set-up works in this folder since ${owner.since} (process ${owner.pid} on ${owner.host}); waited ${Math.round(timeoutMs / 1000)} s for it.`,
    `let it end or stop it, then run again. If there is no such process, remove ${file}.`,
  );
}
