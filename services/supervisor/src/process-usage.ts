import { readdirSync, readFileSync } from 'node:fs';
import { round } from '@bkg/sdk';
import { readProcessTotals } from '@bkg/sdk/host';
import type { ProcessTotals } from '@bkg/sdk/host';
import type { Confinement } from './isolation/confinement.ts';

export interface ProcessUsage {
  /** Of one core, since the last time it was asked for; 0 the first time. */
  cpu_percent: number;
  memory_mb: number;
}

const megabyte = 1024 * 1024;
/** A plugin may start as many processes as it likes. */
const processesMost = 256;
/** And threads, of all its processes; the first of each is always read. */
const threadsMost = 1024;

/** What an instance and all that it has started take, for a plugin that does not measure itself. */
export class UsageOfInstance {
  readonly #pid: number;
  readonly #confinement: Pick<Confinement, 'usage'>;
  #cpuMs = new Map<number, number>();
  #at: number | undefined;

  constructor(pid: number, confinement: Pick<Confinement, 'usage'>) {
    this.#pid = pid;
    this.#confinement = confinement;
  }

  /** Zeros where the system does not tell. */
  sample(): ProcessUsage {
    const at = performance.now();
    // The system's own count has those that have ended, and those that have another parent by now.
    const whole = this.#confinement.usage();
    const rows = whole ? [{ pid: this.#pid, ...whole }] : readTree(this.#pid);
    const usedMs = rows.reduce(
      (sum, { pid, cpuMs }) => sum + Math.max(0, cpuMs - (this.#cpuMs.get(pid) ?? 0)),
      0,
    );
    const elapsedMs = this.#at === undefined ? Infinity : Math.max(1, at - this.#at);
    this.#cpuMs = new Map(rows.map(({ pid, cpuMs }) => [pid, cpuMs]));
    this.#at = at;
    return {
      cpu_percent: round((usedMs / elapsedMs) * 100, 1),
      memory_mb: round(rows.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0) / megabyte, 1),
    };
  }
}

interface Row extends ProcessTotals {
  pid: number;
}

function readTree(root: number): Row[] {
  const rows: Row[] = [];
  const pids = [root];
  // One whose parent thread ends while this is read is handed to another, and may be listed by both.
  const seen = new Set(pids);
  let threadsLeft = threadsMost;
  for (let pid = pids.shift(); pid !== undefined && rows.length < processesMost; pid = pids.shift()) {
    const totals = readProcessTotals(pid);
    // It ended after it was listed, or this is another system.
    if (!totals) continue;
    rows.push({ pid, ...totals });
    const threads = threadsOf(pid).slice(0, Math.max(1, threadsLeft));
    threadsLeft -= threads.length;
    for (const child of threads.flatMap((thread) => childrenOf(pid, thread))) {
      if (seen.has(child)) continue;
      seen.add(child);
      pids.push(child);
    }
  }
  return rows;
}

/** The first one first. */
function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    // It has ended.
    return [];
  }
}

/** Of one thread: the kernel keeps them by thread, and Go, Python or Node's workers start processes from any. */
function childrenOf(pid: number, thread: string): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    // The thread has ended, or this is a kernel without CONFIG_PROC_CHILDREN.
    return [];
  }
}
