import { BkgError, PluginError } from '@bkg/sdk';
import type { CrashLog } from './crash-log.ts';
import type { Tensor } from './datatypes.ts';
import { candleError, type CandleErrorCode } from './errors.ts';
import type { ModelFile } from './locator.ts';
import { keyOf } from './model-id.ts';
import { ModelProcess, ProcessEnded, ProcessTimeout, Refusal, type ProcessOptions } from './process-host.ts';
import type { Signature } from './signature.ts';

export interface ModelOptions {
  process: ProcessOptions;
  /** Invocations that may wait for this model, not counting the one that runs. */
  maxQueue: number;
  crashes: CrashLog;
  /** Its process ended by itself; for the log. */
  onCrash: (key: string, how: string, output: string) => void;
  /** The load waits for this, so that the model it takes the place of has left the memory. */
  after?: Promise<void>;
}

interface Job {
  feeds: Tensor[];
  outputs: string[];
  signal: AbortSignal;
  resolve: (outputs: Tensor[]) => void;
  reject: (error: unknown) => void;
}

/**
 * A resident model: a queue in front of one process. When the process ends, the invocation that it held fails and the
 * next one starts another process, until it has ended too often.
 */
export class Model {
  readonly file: ModelFile;
  readonly key: string;
  readonly #options: ModelOptions;
  #process: ModelProcess | undefined;
  #starting: Promise<ModelProcess> | undefined;
  #signature: Signature | undefined;
  readonly #queue: Job[] = [];
  #pumping: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(file: ModelFile, options: ModelOptions) {
    this.file = file;
    this.key = keyOf(file);
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get loading(): boolean {
    return this.#starting !== undefined;
  }

  get running(): boolean {
    return this.#pumping !== undefined;
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
   * Runs the model. Throws BUSY, candle's errors, or the signal's reason: what waits is then dropped, what runs cannot
   * be stopped and its answer is.
   */
  infer(feeds: Tensor[], outputs: string[], signal: AbortSignal): Promise<Tensor[]> {
    if (this.#queue.length >= this.#options.maxQueue) {
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
      const job: Job = { feeds, outputs, signal, resolve: settled(resolve), reject: settled(reject) };
      if (signal.aborted) return drop();
      signal.addEventListener('abort', drop, { once: true });
      this.#queue.push(job);
      this.#pumping ??= this.#pump().finally(() => (this.#pumping = undefined));
    });
  }

  /** Ends the process after what is queued has run. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#pumping;
    const process = this.#process ?? (await this.#starting?.catch(() => undefined));
    this.#process = undefined;
    await process?.end();
  }

  async #pump(): Promise<void> {
    for (let job = this.#queue.shift(); job; job = this.#queue.shift()) {
      try {
        const process = await this.#ready();
        if (!job.signal.aborted) job.resolve(await process.run(job.feeds, job.outputs));
      } catch (error) {
        const explained = this.#explain(error);
        job.reject(explained);
        // A process that ended takes its own invocation with it. A load that fails fails for everyone.
        if (!isCrash(explained) && !this.pid) this.#queue.splice(0).forEach(({ reject }) => reject(explained));
      }
    }
  }

  #ready(): Promise<ModelProcess> {
    if (this.#process?.pid) return Promise.resolve(this.#process);
    return (this.#starting ??= this.#start().finally(() => (this.#starting = undefined)));
  }

  async #start(): Promise<ModelProcess> {
    await this.#options.after;
    const blockedMs = this.#options.crashes.blockedForMs(this.key);
    if (blockedMs > 0) {
      throw candleError(
        'CANDLE_MODEL_UNSTABLE',
        `the process of ${this.key} ended too often: tried again in ${Math.ceil(blockedMs / 1000)} s, or at once by model.load`,
      );
    }
    try {
      const started = await ModelProcess.start(this.file.path, this.#options.process);
      this.#process = started;
      this.#signature = started.signature;
      void started.exited.then((ended) => this.#onExit(started, ended));
      return started;
    } catch (error) {
      if (error instanceof ProcessEnded) this.#crashed(error);
      throw this.#explain(error, 'load');
    }
  }

  #onExit(process: ModelProcess, ended: ProcessEnded): void {
    // Ended by close(), or by us after a time-out: not a crash.
    if (this.#process !== process) return;
    this.#process = undefined;
    this.#crashed(ended);
  }

  #crashed(ended: ProcessEnded): void {
    this.#options.crashes.record(this.key);
    this.#options.onCrash(this.key, ended.message, ended.output);
  }

  #explain(error: unknown, step: 'load' | 'run' = 'run'): unknown {
    if (error instanceof ProcessTimeout) {
      if (step === 'run') this.#process = undefined;
      const code = error.step === 'load' ? 'CANDLE_LOAD_TIMEOUT' : 'CANDLE_RUN_TIMEOUT';
      return candleError(code, `${this.key}: ${error.message}; its process was ended`, { cause: error });
    }
    if (error instanceof ProcessEnded) {
      const during = step === 'load' ? 'while it loaded the model' : 'while it held this invocation';
      const message = `the process of ${this.key} ${error.message} ${during}`;
      return candleError('CANDLE_MODEL_CRASHED', message, { cause: error });
    }
    if (!(error instanceof Refusal)) return error;
    const message = `${this.key}: ${error.message}`;
    if (error.reason === 'too_large') return new BkgError('PAYLOAD_TOO_LARGE', message, { cause: error });
    const code = { invalid: 'CANDLE_MODEL_INVALID', unsupported: 'CANDLE_MODEL_UNSUPPORTED', refused: 'CANDLE_RUN_FAILED' } as const;
    return candleError(code[error.reason], message, { cause: error });
  }
}

const isCrash = (error: unknown): boolean =>
  error instanceof PluginError && (error.code as CandleErrorCode) === 'CANDLE_MODEL_CRASHED';
