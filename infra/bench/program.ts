import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { readProcessTotals } from '@bkg/sdk/host';

const startMostMs = 60_000;

/** A program in a process of its own. It says `{ready: …}` over IPC when it takes load. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  /** What it said when it was ready. */
  ready: unknown;

  /**
   * @param file in `programs/`, when it is no whole path
   * @param readyMostMs how long it may take until it is ready, for one that does its work before
   */
  static async start(file: string, options: unknown, readyMostMs = startMostMs): Promise<Program> {
    const main = path.resolve(import.meta.dirname, 'programs', file);
    const child = spawn(process.execPath, [main, JSON.stringify(options)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const program = new Program(child);
    try {
      program.ready = await program.#saysReady(path.basename(file), readyMostMs);
      return program;
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    }
  }

  constructor(child: ChildProcess) {
    this.#child = child;
    // From the begin: one that has ended by itself does not say so again.
    this.#ended = once(child, 'exit');
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it says after it is ready. */
  hear(take: (message: unknown) => void): void {
    this.#child.on('message', take);
  }

  tell(message: object): void {
    this.#child.send(message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async #saysReady(name: string, withinMs: number): Promise<unknown> {
    const late = AbortSignal.timeout(withinMs);
    const said = once(this.#child, 'message', { signal: late }).catch((error: unknown) => {
      if (late.aborted) throw new Error(`${name} was not ready within ${withinMs} ms`);
      throw error;
    });
    const ended = this.#ended.then(() => {
      const { exitCode, signalCode } = this.#child;
      throw new Error(`${name} ended with ${signalCode ?? exitCode} before it was ready`);
    });
    const [{ ready }] = (await Promise.race([said, ended])) as [{ ready: unknown }];
    return ready;
  }
}

/** CPU that a process has used so far, in ms. Its resolution is 10 ms: measure over seconds. */
export function cpuMs(pid: number): number {
  const totals = readProcessTotals(pid);
  if (!totals) throw new Error(`process ${pid} has ended, or this is not Linux`);
  return totals.cpuMs;
}
