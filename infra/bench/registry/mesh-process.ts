import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Status } from '@bkg/sdk';
import type { Answer, Order, SimulatedProgram } from './simulated.ts';

const startMostMs = 120_000;
const answerMostMs = 10_000;

/** The process of a simulated mesh: what it takes must not count as the gateway's, nor as ours. */
export class MeshProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (answer: Answer) => void>();
  /** The ids of its plugins. */
  readonly plugins: readonly string[];
  #orders = 0;

  /** @returns when all instances are `running` */
  static async start(options: SimulatedProgram): Promise<MeshProcess> {
    const child = fork(path.join(import.meta.dirname, 'simulated.ts'), [JSON.stringify(options)]);
    const [message] = (await Promise.race([
      once(child, 'message', { signal: AbortSignal.timeout(startMostMs) }),
      once(child, 'exit').then(([code]) =>
        Promise.reject(new Error(`the simulated mesh ended with ${String(code)}`)),
      ),
    ])) as [{ ready: string[] }];
    return new MeshProcess(child, message.ready);
  }

  constructor(child: ChildProcess, plugins: readonly string[]) {
    this.#child = child;
    this.plugins = plugins;
    child.on('message', (answer: Answer) => {
      this.#answers.get(answer.order)?.(answer);
      this.#answers.delete(answer.order);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Lets the first instance of a plugin take another status. */
  say(plugin: string, status: Status): Promise<Answer> {
    return this.#order({ say: { plugin, status } });
  }

  look(): Promise<Answer> {
    return this.#order({});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  #order(what: Omit<Order, 'order'>): Promise<Answer> {
    const order = (this.#orders += 1);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the simulated mesh does not answer')), answerMostMs);
      this.#answers.set(order, (answer) => {
        clearTimeout(late);
        resolve(answer);
      });
      this.#child.send({ order, ...what } satisfies Order);
    });
  }
}
