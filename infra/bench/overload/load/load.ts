import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import type { Way } from '../options.ts';
import type { CallerOptions } from './caller.ts';
import type { Offered, PhaseOrder } from './phase.ts';

export interface LoadOptions extends CallerOptions {
  way: Way;
}

export type LoadReport = { isOpen: true } | { begun: number } | { offered: Offered[] };

const openMostMs = 20_000;
/** What is sent last has its answer by then, or never. */
const answerMostMs = 30_000;

/** Who invokes the plugin, in a process of its own, which no work of this one delays. */
export class Load implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #take: (report: LoadReport) => void = () => undefined;

  /** @throws Error when it cannot open what it needs */
  static async open(options: LoadOptions): Promise<Load> {
    const load = new Load();
    try {
      load.#child.send(options);
      await load.#next(openMostMs, (report) => 'isOpen' in report || undefined);
    } catch (error) {
      await load[Symbol.asyncDispose]();
      throw error;
    }
    return load;
  }

  constructor() {
    // Infinity goes over as it is.
    this.#child = fork(path.join(import.meta.dirname, 'program.ts'), { serialization: 'advanced' });
    this.#ended = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.on('message', (report: LoadReport) => this.#take(report));
  }

  /** One phase after the other. @param begun is called when one begins, with its place */
  async run<const Orders extends readonly PhaseOrder[]>(
    orders: Orders,
    begun: (i: number) => void = () => undefined,
  ): Promise<{ -readonly [I in keyof Orders]: Offered }> {
    const seconds = orders.reduce((sum, order) => sum + order.seconds, 0);
    const offered = this.#next(seconds * 1_000 + answerMostMs, (report) => {
      if ('begun' in report) begun(report.begun);
      return 'offered' in report ? report.offered : undefined;
    });
    this.#child.send(orders);
    return (await offered) as { -readonly [I in keyof Orders]: Offered };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** The first value that `pick` makes of a report. */
  #next<T>(withinMs: number, pick: (report: LoadReport) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`The load said nothing for ${withinMs} ms.`)), withinMs);
      this.#take = (report) => {
        const value = pick(report);
        if (value === undefined) return;
        clearTimeout(late);
        resolve(value);
      };
      void this.#ended.then(() => {
        clearTimeout(late);
        reject(new Error('The load has ended by itself; what it said stands above.'));
      });
    });
  }
}
