import { wait } from '../wait.ts';
import type { CheckReply, CheckRequest } from './check.worker.ts';
import type { Mistake } from './schema-check.ts';

export interface Checked {
  /** The payload that was looked at. */
  text: string;
  mistakes: Mistake[];
  /** Why it could not be checked: a sentence. It may be sent all the same, the plugin checks it again. */
  unchecked?: string;
}

/** The part of Worker that is used. */
export interface CheckWorker {
  postMessage: (message: CheckRequest) => void;
  addEventListener: (type: 'message' | 'error', listener: (event: MessageEvent<CheckReply>) => void) => void;
  terminate: () => void;
}

export interface CheckerOptions {
  schema: unknown;
  createWorker: () => CheckWorker;
  /** One payload may take this long to check. @default 1500 */
  checkTimeoutMs?: number;
  /** Until the worker is loaded. @default 10000 */
  startTimeoutMs?: number;
}

/** After this many payloads that could not be checked in time, the schema is left to the plugin. */
const lateMost = 2;

/** Checks payloads against one schema, beside the page and never longer than a moment. */
export class Checker {
  #options: CheckerOptions;
  #worker: CheckWorker | undefined;
  #started: Promise<CheckWorker> | undefined;
  #pending: { id: number; done: (reply: CheckReply) => void } | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #nextId = 1;
  #late = 0;
  #closing = new AbortController();

  constructor(options: CheckerOptions) {
    this.#options = options;
  }

  /** Resolves always, and at once when it is closed; payloads are checked one after the other. */
  check(text: string): Promise<Checked> {
    const turn = this.#queue.then(() => this.#checkNow(text));
    this.#queue = turn;
    return turn;
  }

  close(): void {
    this.#closing.abort();
    this.#end();
  }

  async #checkNow(text: string): Promise<Checked> {
    const { signal } = this.#closing;
    const left: Checked = { text, mistakes: [], unchecked: 'The page was left.' };
    if (signal.aborted) return left;
    if (this.#late >= lateMost)
      return { text, mistakes: [], unchecked: 'Checking against this schema takes too long.' };
    const { startTimeoutMs = 10_000, checkTimeoutMs = 1_500 } = this.#options;
    const worker = await within((this.#started ??= this.#start()), startTimeoutMs, signal);
    if (signal.aborted) return left;
    if (worker === undefined) {
      this.#end();
      return { text, mistakes: [], unchecked: 'The part that checks could not be loaded.' };
    }
    const id = this.#nextId++;
    const answer = new Promise<CheckReply>((done) => (this.#pending = { id, done }));
    worker.postMessage({ id, text });
    const reply = await within(answer, checkTimeoutMs, signal);
    this.#pending = undefined;
    if (signal.aborted) return left;
    if (reply === undefined) {
      this.#late += 1;
      this.#end();
      return { text, mistakes: [], unchecked: 'Checking against this schema takes too long.' };
    }
    if ('unchecked' in reply) {
      return { text, mistakes: [], unchecked: `The schema cannot be checked here. ${reply.unchecked}` };
    }
    return { text, mistakes: 'mistakes' in reply ? reply.mistakes : [] };
  }

  #start(): Promise<CheckWorker> {
    return new Promise((resolve, reject) => {
      const worker = (this.#worker = this.#options.createWorker());
      worker.addEventListener('message', ({ data }) => {
        if ('ready' in data) resolve(worker);
        else if (data.id === this.#pending?.id) this.#pending.done(data);
      });
      worker.addEventListener('error', () => reject(new Error('The worker failed.')));
      worker.postMessage({ schema: this.#options.schema });
    });
  }

  #end(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#started = undefined;
  }
}

export function startCheckWorker(): CheckWorker {
  return new Worker(new URL('./check.worker.ts', import.meta.url), { type: 'module' });
}

/** Undefined when it takes longer or fails, or when `signal` aborts. */
async function within<T>(promise: Promise<T>, ms: number, signal: AbortSignal): Promise<T | undefined> {
  const ended = new AbortController();
  try {
    const late = wait(ms, AbortSignal.any([signal, ended.signal])).then(() => undefined);
    return await Promise.race([promise, late]);
  } catch {
    return undefined;
  } finally {
    ended.abort();
  }
}
