import { linkSync, renameSync, rmSync } from 'node:fs';
import { createToken } from '@bkg/sdk';
import { isSameProcess, processStart, writeWhole } from '@bkg/sdk/host';
import type { ProcessIdentity } from '@bkg/sdk/host';
import { explainFile, Failure } from '../failure.ts';
import { readTextIfThere, secretMode } from './text-file.ts';

export const partNames = ['nats-server', 'supervisor', 'gateway'] as const;
export type PartName = (typeof partNames)[number];

const states = ['starting', 'up', 'stopping'] as const;

export interface PartRecord extends ProcessIdentity {
  /** Of the program and settings it was started with. */
  fingerprint: string;
}

/** `run/up.json`: which `bkg up` holds the mesh and what it has started, for the next one. */
export interface UpRecord extends ProcessIdentity {
  state: (typeof states)[number];
  /** The dashboard's address. */
  url?: string;
  /** The gateway's, as this machine reaches it. */
  host?: string;
  port?: number;
  /** Of our own nats-server. */
  bus_port?: number;
  /** How it is reached, `nats://…` or `tls://…`. */
  bus_url?: string;
  /** Of the broker's addresses and credentials: plugins that hold others are lost. */
  broker?: string;
  parts: Partial<Record<PartName, PartRecord>>;
}

/** @returns undefined when there is none @throws Failure when it cannot be understood */
export function readUpRecord(file: string): UpRecord | undefined {
  const text = readTextIfThere(file);
  if (text === undefined) return undefined;
  const record = parse(text);
  if (record) return record;
  throw new Failure(
    `${file} says which bkg runs, but it cannot be understood.`,
    `if no \`bkg up\` runs for this folder, remove ${file} and start again; what an earlier one left is then ended first.`,
  );
}

/**
 * Makes this process the only `bkg up` of its home.
 * @returns what the record says of an earlier one that is gone
 * @throws Failure when another is alive
 */
export function claimUp(file: string): UpRecord {
  const me = { pid: process.pid, start: processStart(process.pid) ?? '' };
  const mine = `${file}.${process.pid}-${createToken()}.new`;
  for (;;) {
    const earlier = readUpRecord(file);
    if (earlier && isSameProcess(earlier)) throw alreadyUp(earlier);
    if (earlier && !takeAway(file, earlier)) continue;
    const record: UpRecord = { parts: {}, ...earlier, ...me, state: 'starting' };
    try {
      writeWhole(mine, stringify(record), secretMode);
      // A link appears with its content or not at all, and only one of several can make it.
      linkSync(mine, file);
      return record;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw explainFile(error, `Writing ${file}`);
    } finally {
      rmSync(mine, { force: true });
    }
  }
}

export function writeUpRecord(file: string, record: UpRecord): void {
  writeWhole(file, stringify(record), secretMode);
}

/** @returns false when somebody else's record stood there by now: it is put back */
function takeAway(file: string, dead: UpRecord): boolean {
  const aside = `${file}.${process.pid}-${createToken()}.old`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw explainFile(error, `Taking over ${file}`);
  }
  const found = readUpRecord(aside);
  const isTheDeadOne = found?.pid === dead.pid && found.start === dead.start;
  if (isTheDeadOne) rmSync(aside, { force: true });
  else renameSync(aside, file);
  return isTheDeadOne;
}

function alreadyUp({ pid, state, url = '' }: UpRecord): Failure {
  const what = {
    starting: 'is just being started',
    up: `already up: ${url}`,
    stopping: 'is just being stopped',
  }[state];
  return new Failure(
    `${what} (process ${pid}).`,
    state === 'stopping'
      ? 'start again when that has ended.'
      : `use that one (\`bkg keys sign-in\` prints a link to sign in with), or end it first (Ctrl-C where it runs, or kill ${pid}). A second one beside it needs a BKG_HOME and ports of its own.`,
  );
}

function stringify(record: UpRecord): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}

function parse(text: string): UpRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isIdentity(value)) return undefined;
  const { parts, state } = value as { parts?: unknown; state?: unknown };
  if (!states.some((known) => known === state)) return undefined;
  if (typeof parts !== 'object' || parts === null || !Object.values(parts).every(isPart)) return undefined;
  return value as UpRecord;
}

function isPart(value: unknown): value is PartRecord {
  return isIdentity(value) && typeof (value as Partial<PartRecord>).fingerprint === 'string';
}

function isIdentity(value: unknown): value is ProcessIdentity {
  const { pid, start } = (value ?? {}) as Record<string, unknown>;
  return Number.isInteger(pid) && (pid as number) > 0 && typeof start === 'string';
}
