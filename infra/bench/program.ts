import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { readProcessTotals } from '@bkg/sdk/host';

const startMostMs = 60_000;

/** A program in a process of its own. It says `{ready: …}` over IPC when it takes load. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** What it said when it was ready. */
  readonly ready: unknown;

  /**
   * @param file in `programs/`, when it is no whole path
   * @param readyMostMs how long it may take until it is ready, for one that does its work before
   */
  static async start(file: string, options: unknown, readyMostMs = startMostMs): Promise<Program> {
    const program = path.resolve(import.meta.dirname, 'programs', file);
    const child = spawn(process.execPath, [program, JSON.stringify(options)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const [message] = (await Promise.race([
      once(child, 'message', { signal: AbortSignal.timeout(readyMostMs) }),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`${file} ended with ${String(code)}`))),
    ])) as [{ ready: unknown }];
    return new Program(child, message.ready);
  }

  constructor(child: ChildProcess, ready: unknown) {
    this.#child = child;
    this.ready = ready;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** CPU that a process has used so far, in ms. Its resolution is 10 ms: measure over seconds. */
export function cpuMs(pid: number): number {
  const totals = readProcessTotals(pid);
  if (!totals) throw new Error(`process ${pid} has ended, or this is not Linux`);
  return totals.cpuMs;
}
