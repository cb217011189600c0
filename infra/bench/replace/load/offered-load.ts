import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { Credentials } from '@bkg/sdk';
import type { LoadResult } from './ledger.ts';

export interface LoadOptions {
  httpPort: number;
  busPort: number;
  apiKey: string;
  /** For the broker. @default the key */
  credentials?: Credentials;
  plugin: string;
  /** Over both ways together. */
  perSecond: number;
  /** What is due while so many are unanswered is not sent, and counted. */
  mostUnderWay: number;
  /** Each invocation's deadline. */
  timeoutMs: number;
}

export interface LoadOrder extends LoadOptions {
  run: string;
}

export type LoadReport = { started: true } | { result: LoadResult };

const startMostMs = 10_000;

/** Invocations at a fixed rate from a process of its own, which no work of this one delays. */
export class OfferedLoad implements AsyncDisposable {
  readonly run: string;
  readonly #child: ChildProcess;
  readonly #timeoutMs: number;
  readonly #ended: Promise<void>;

  /** @throws Error when it does not start, such as without a broker */
  static async start(options: LoadOptions): Promise<OfferedLoad> {
    const load = new OfferedLoad(options);
    try {
      await load.#report(startMostMs);
    } catch (error) {
      await load[Symbol.asyncDispose]();
      throw error;
    }
    return load;
  }

  constructor(options: LoadOptions) {
    this.run = randomBytes(12).toString('hex');
    this.#timeoutMs = options.timeoutMs;
    // Typed arrays and maps go over as they are.
    this.#child = fork(path.join(import.meta.dirname, 'program.ts'), { serialization: 'advanced' });
    this.#ended = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    // Over the channel: a command line can be read by everybody.
    this.#tell({ ...options, run: this.run } satisfies LoadOrder);
  }

  /** Sends nothing more, and waits until everything is answered or its deadline has passed. */
  async stop(): Promise<LoadResult> {
    this.#tell('stop');
    const report = await this.#report(this.#timeoutMs + startMostMs);
    if ('result' in report) return report.result;
    throw new Error('The load said something else than its result.');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** That it cannot be told because it has ended is noticed where its report is awaited. */
  #tell(order: LoadOrder | 'stop'): void {
    this.#child.send(order, () => undefined);
  }

  #report(withinMs: number): Promise<LoadReport> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`The load said nothing for ${withinMs} ms.`)), withinMs);
      this.#child.once('message', (report: LoadReport) => {
        clearTimeout(late);
        resolve(report);
      });
      void this.#ended.then(() => {
        clearTimeout(late);
        reject(new Error('The load has ended by itself; what it said stands above.'));
      });
    });
  }
}
