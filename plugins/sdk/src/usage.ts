import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { readProcessTotals } from './host/process-stat.ts';
import type { ProcessTotals } from './host/process-stat.ts';
import { round } from './protocol/telemetry.ts';

export interface Usage {
  /** Of one core, since the last sample. */
  cpu_percent: number;
  memory_mb: number;
  event_loop_lag_ms: number;
}

const loopResolutionMs = 10;
const megabyte = 1024 * 1024;

/** What this process and its children take. Children count, because a plugin may do its work in them. */
export class UsageMeter {
  readonly #loop = monitorEventLoopDelay({ resolution: loopResolutionMs });
  #cpu = process.cpuUsage();
  #childCpuMs = new Map<number, number>();
  #sampledAt = performance.now();
  #last: Usage = { cpu_percent: 0, memory_mb: 0, event_loop_lag_ms: 0 };

  constructor() {
    this.#loop.enable();
    this.sample();
  }

  /** The last sample. */
  get last(): Usage {
    return this.#last;
  }

  /** Measures the time since the last sample. */
  sample(): Usage {
    const now = performance.now();
    const elapsedMs = Math.max(1, now - this.#sampledAt);
    const own = process.cpuUsage(this.#cpu);
    const children = readChildren();
    const childMs = children.reduce(
      (sum, { pid, cpuMs }) => sum + cpuMs - (this.#childCpuMs.get(pid) ?? 0),
      0,
    );
    const bytes = children.reduce((sum, { memoryBytes }) => sum + memoryBytes, process.memoryUsage.rss());
    const lagMs = this.#loop.percentile(99) / 1e6 - loopResolutionMs;
    this.#last = {
      cpu_percent: round((((own.user + own.system) / 1_000 + childMs) / elapsedMs) * 100, 1),
      memory_mb: round(bytes / megabyte, 1),
      event_loop_lag_ms: Number.isFinite(lagMs) ? round(Math.max(0, lagMs), 1) : 0,
    };
    this.#loop.reset();
    this.#cpu = process.cpuUsage();
    this.#childCpuMs = new Map(children.map(({ pid, cpuMs }) => [pid, cpuMs]));
    this.#sampledAt = now;
    return this.#last;
  }

  close(): void {
    this.#loop.disable();
  }
}

interface ChildUsage extends ProcessTotals {
  pid: number;
}

/** The direct children; none where the system does not tell. */
function readChildren(): ChildUsage[] {
  if (process.platform !== 'linux') return [];
  try {
    const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
    return pids === '' ? [] : pids.split(' ').flatMap((pid) => readChild(Number(pid)));
  } catch {
    // A kernel without CONFIG_PROC_CHILDREN.
    return [];
  }
}

function readChild(pid: number): ChildUsage[] {
  const totals = readProcessTotals(pid);
  // It ended after it was listed.
  return totals ? [{ pid, ...totals }] : [];
}
