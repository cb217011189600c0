import path from 'node:path';
import type { Status } from '@bkg/sdk';
import { Program } from '../program.ts';
import type { Answer, Order, SimulatedProgram } from './simulated.ts';

const startMostMs = 120_000;
const answerMostMs = 10_000;

/** The process of a simulated mesh: what it takes must not count as the gateway's, nor as ours. */
export class MeshProcess implements AsyncDisposable {
  readonly #program: Program;
  readonly #answers = new Map<number, (answer: Answer) => void>();
  #orders = 0;

  /** @returns when all instances are `running` */
  static async start(options: SimulatedProgram): Promise<MeshProcess> {
    const file = path.join(import.meta.dirname, 'simulated.ts');
    return new MeshProcess(await Program.start(file, options, startMostMs));
  }

  constructor(program: Program) {
    this.#program = program;
    program.hear((message) => {
      const answer = message as Answer;
      this.#answers.get(answer.order)?.(answer);
      this.#answers.delete(answer.order);
    });
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** The ids of its plugins. */
  get plugins(): readonly string[] {
    return this.#program.ready as string[];
  }

  /** Lets the first instance of a plugin take another status. */
  say(plugin: string, status: Status): Promise<Answer> {
    return this.#order({ say: { plugin, status } });
  }

  look(): Promise<Answer> {
    return this.#order({});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#program[Symbol.asyncDispose]();
  }

  #order(what: Omit<Order, 'order'>): Promise<Answer> {
    const order = (this.#orders += 1);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#answers.delete(order);
        reject(new Error(`the simulated mesh does not answer within ${answerMostMs} ms`));
      }, answerMostMs);
      this.#answers.set(order, (answer) => {
        clearTimeout(late);
        resolve(answer);
      });
      this.#program.tell({ order, ...what } satisfies Order);
    });
  }
}
