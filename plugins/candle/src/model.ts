import { BkgError } from '@bkg/sdk';
import type { CrashLog } from './crash-log.ts';
import type { Tensor } from './datatypes.ts';
import { candleError } from './errors.ts';
import type { ModelFile } from './locator.ts';
import type { OutputLimit } from './messages.ts';
import { keyOf } from './model-id.ts';
import { ProcessHost, ProcessEnded, ProcessTimeout, Refusal, type ProcessOptions } from './process-host.ts';
import type { Signature } from './signature.ts';

export interface ModelOptions {
  process: ProcessOptions;
  /** Invocations that may wait for this model, not counting the one that runs. */
  maxQueue: number;
  /**
   * A run goes on for as long as another process would take to be there, and at most for this long, after its invocation
   * has ended; then its process is ended, and started anew.
   */
  abandonedRunMs: number;
  crashes: CrashLog;
  /** Its process ended by itself; for the log. */
  onCrash: (key: string, how: string, output: string) => void;
  /** Another process has taken the place of one that ended; for the log. */
  onRestored: (key: string) => void;
  /** Its process could not be started anew; for the log. The next invocation tries again. */
  onLost: (key: string, error: unknown) => void;
  /** The load waits for this, so that the model it takes the place of has left the memory. */
  after?: Promise<void>;
}

interface Job {
  feeds: Tensor[];
  outputs: string[];
  limit: OutputLimit;
  signal: AbortSignal;
  resolve: (outputs: Tensor[]) => void;
  reject: (error: unknown) => void;
}

/**
 * A resident model: a queue in front of one process. A process that ends takes the invocation that it held with it;
 * another one is started at once, until that has been necessary too often.
 */
export class Model {
  readonly file: ModelFile;
  readonly key: string;
  readonly #options: ModelOptions;
  readonly #closing = new AbortController();
  readonly #queue: Job[] = [];
  #process: ProcessHost | undefined;
  #starting: Promise<ProcessHost> | undefined;
  #signature: Signature | undefined;
  #pumping: Promise<void> | undefined;
  /** How long the last start took. */
  #startMs = 0;
  /** A process that is being ended: there is not always memory for two. */
  #leaving: Promise<void> | undefined;

  constructor(file: ModelFile, options: ModelOptions) {
    this.file = file;
    this.key = keyOf(file);
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Known once it has been loaded, also while its process is being replaced. */
  get signature(): Signature | undefined {
    return this.#signature;
  }

  /** Makes sure that the model is in memory; everybody who asks meanwhile shares one load. Throws candle's errors. */
  async load(): Promise<Signature> {
    return (await this.#ready()).signature;
  }

  /**
   * Runs the model. Throws BUSY, candle's errors, or the signal's reason: what waits is then dropped, and what runs has
   * nobody any more who waits for it: soon it is ended.
   */
  infer(feeds: Tensor[], outputs: string[], limit: OutputLimit, signal: AbortSignal): Promise<Tensor[]> {
    if (this.#pumping && this.#queue.length >= this.#options.maxQueue) {
      const message = `${this.key} has ${this.#queue.length} invocations waiting, which is its limit: try again shortly`;
      return Promise.reject(new BkgError('BUSY', message));
    }
    return new Promise((resolve, reject) => {
      const drop = (): void => {
        const at = this.#queue.indexOf(job);
        if (at >= 0) this.#queue.splice(at, 1);
        reject(signal.reason as Error);
      };
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          signal.removeEventListener('abort', drop);
          settle(value);
        };
      const job: Job = { feeds, outputs, limit, signal, resolve: settled(resolve), reject: settled(reject) };
      if (signal.aborted) return drop();
      signal.addEventListener('abort', drop, { once: true });
      this.#queue.push(job);
      this.#pumping ??= this.#pump();
    });
  }

  /** Ends the process now. To be called when nobody uses the model: what still loads or runs is waited for by nobody. */
  async close(): Promise<void> {
    this.#closing.abort(new Error(`${this.key} has been unloaded`));
    const process = this.#process;
    this.#process = undefined;
    await process?.end();
    await this.#starting?.catch(() => undefined);
    await this.#pumping;
  }

  async #pump(): Promise<void> {
    try {
      for (let job = this.#queue.shift(); job; job = this.#queue.shift()) {
        try {
          const process = await this.#ready();
          if (!job.signal.aborted) await this.#run(process, job);
        } catch (error) {
          // A load that fails fails for everyone who waits for it.
          for (const { reject } of [job, ...this.#queue.splice(0)]) reject(error);
        }
      }
    } finally {
      // In the same turn in which the queue was found empty: a job that came later would never be looked at.
      this.#pumping = undefined;
    }
  }

  async #run(process: ProcessHost, { feeds, outputs, limit, signal, resolve, reject }: Job): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    // To end a process costs its successor's start: a run that takes no longer than that is cheaper to let end, and callers
    // who give up again and again must not keep a model that is quick from everybody else.
    const abandon = (): void => {
      const graceMs = Math.min(this.#startMs, this.#options.abandonedRunMs);
      timer = setTimeout(() => this.#replace(process), graceMs);
    };
    signal.addEventListener('abort', abandon, { once: true });
    try {
      resolve(await process.run(feeds, outputs, limit));
    } catch (error) {
      reject(this.#explain(error, 'run'));
    } finally {
      signal.removeEventListener('abort', abandon);
      clearTimeout(timer);
    }
  }

  #ready(): Promise<ProcessHost> {
    if (this.#process?.pid) return Promise.resolve(this.#process);
    return (this.#starting ??= this.#start().finally(() => (this.#starting = undefined)));
  }

  async #start(): Promise<ProcessHost> {
    await Promise.all([this.#options.after, this.#leaving]);
    this.#closing.signal.throwIfAborted();
    const blockedMs = this.#options.crashes.blockedForMs(this.key);
    if (blockedMs > 0) {
      const seconds = Math.ceil(blockedMs / 1000);
      const message = `the process of ${this.key} ended too often: tried again in ${seconds} s, or at once by model.load`;
      throw candleError('CANDLE_MODEL_UNSTABLE', message);
    }
    const startedAt = performance.now();
    try {
      const started = await ProcessHost.start(this.file.path, this.#options.process, this.#closing.signal);
      if (this.#closing.signal.aborted) {
        // It was there in the very moment in which nobody wanted it any more.
        await started.end();
        throw this.#closing.signal.reason;
      }
      this.#startMs = performance.now() - startedAt;
      this.#process = started;
      this.#signature = started.signature;
      void started.exited.then((ended) => this.#onExit(started, ended));
      return started;
    } catch (error) {
      if (error instanceof ProcessEnded) this.#crashed(error);
      throw this.#explain(error, 'load');
    }
  }

  #onExit(process: ProcessHost, ended: ProcessEnded): void {
    // Otherwise it was ended by us.
    if (this.#process !== process) return;
    this.#process = undefined;
    this.#crashed(ended);
    this.#startAnew();
  }

  #crashed(ended: ProcessEnded): void {
    this.#options.crashes.record(this.key);
    this.#options.onCrash(this.key, ended.message, ended.output);
  }

  /** Ends a process that works for nobody, so that the next invocation does not wait for it. */
  #replace(process: ProcessHost): void {
    if (this.#process !== process) return;
    this.#process = undefined;
    this.#leaving = process.end();
    this.#startAnew();
  }

  #startAnew(): void {
    this.#ready().then(
      () => this.#options.onRestored(this.key),
      (error: unknown) => {
        if (!this.#closing.signal.aborted) this.#options.onLost(this.key, error);
      },
    );
  }

  #explain(error: unknown, step: 'load' | 'run'): unknown {
    if (error instanceof ProcessTimeout) {
      return candleError('CANDLE_LOAD_TIMEOUT', `${this.key}: ${error.message}`, { cause: error });
    }
    if (error instanceof ProcessEnded) {
      const during = step === 'load' ? 'while it loaded the model' : 'while it held this invocation';
      const message = `the process of ${this.key} ${error.message} ${during}`;
      return candleError('CANDLE_MODEL_CRASHED', message, { cause: error });
    }
    if (!(error instanceof Refusal)) return error;
    const message = `${this.key}: ${error.message}`;
    if (error.reason === 'too_large') return new BkgError('PAYLOAD_TOO_LARGE', message, { cause: error });
    return candleError(refusalCodes[error.reason], message, { cause: error });
  }
}

const refusalCodes = {
  invalid: 'CANDLE_MODEL_INVALID',
  unsupported: 'CANDLE_MODEL_UNSUPPORTED',
  refused: 'CANDLE_RUN_FAILED',
} as const;
