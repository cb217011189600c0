import { fork, type ChildProcess } from 'node:child_process';
import { extname } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Tensor } from './datatypes.ts';
import type { Answer, FailureReason, OutputLimit, Request } from './messages.ts';
import type { Signature } from './signature.ts';
import { onTheirWay, PIPE, receiveTensors, sendTensors } from './tensor-pipe.ts';

export interface ProcessOptions {
  threads: number;
  loadTimeoutMs: number;
}

/** The model process refused: a file that is no model, or values the model does not take. It lives on. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly reason: FailureReason;

  constructor(reason: FailureReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The model process is gone. */
export class ProcessEnded extends Error {
  override name = 'ProcessEnded';
  /** Last lines of what it printed, for the log. */
  readonly output: string;

  constructor(how: string, output: string) {
    super(how);
    this.output = output;
  }
}

/** The model was not in memory in time; its process was ended. */
export class ProcessTimeout extends Error {
  override name = 'ProcessTimeout';

  constructor(timeoutMs: number) {
    super(`it was not loaded within ${timeoutMs / 1000} s`);
  }
}

/** Enough for messages of the size the bus lets through; tensors lie outside of this heap. */
const HEAP_MB = 512;
const OUTPUT_TAIL = 4096;

// Compiled, this is dist/process-host.js beside dist/model-process.js; in tests both are .ts.
const entry = fileURLToPath(new URL(`./model-process${extname(import.meta.url)}`, import.meta.url));

interface Waiting {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

/** One child process with one model in it. Takes one request at a time; who queues is the caller. */
export class ProcessHost {
  readonly exited: Promise<ProcessEnded>;
  readonly #child: ChildProcess;
  /** The elements of tensors go through it: as messages they would block both event loops for the time of several copies. */
  readonly #pipe: Duplex | undefined;
  #waiting: Waiting | undefined;
  #ended: ProcessEnded | undefined;
  #output = '';
  #signature: Signature | undefined;

  /**
   * Starts a process and loads the model. Throws Refusal, ProcessEnded, ProcessTimeout or the signal's reason; then no
   * process is left.
   */
  static async start(path: string, options: ProcessOptions, signal: AbortSignal): Promise<ProcessHost> {
    signal.throwIfAborted();
    const started = new ProcessHost();
    const timeout = AbortSignal.timeout(options.loadTimeoutMs);
    const kill = (): boolean => started.#child.kill('SIGKILL');
    const ends = [signal, timeout];
    for (const end of ends) end.addEventListener('abort', kill, { once: true });
    try {
      const answer = await started.#ask({ kind: 'load', path, threads: options.threads });
      if (answer.kind !== 'loaded') throw new Error(`a load was answered with ${answer.kind}`);
      started.#signature = answer.signature;
      return started;
    } catch (error) {
      await started.end();
      signal.throwIfAborted();
      throw timeout.aborted ? new ProcessTimeout(options.loadTimeoutMs) : error;
    } finally {
      for (const end of ends) end.removeEventListener('abort', kill);
    }
  }

  private constructor() {
    const { PATH, HOME, TMPDIR, LANG, TZ } = process.env;
    this.#child = fork(entry, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
      execArgv: [`--max-old-space-size=${HEAP_MB}`],
      // A model needs no credentials.
      env: { PATH, HOME, TMPDIR, LANG, TZ },
    });
    this.#child.on('message', (answer: Answer) => this.#settle(answer));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_TAIL);
      });
    }
    // Of a process that could not be started there may be none.
    const stdio = this.#child.stdio as ChildProcess['stdio'] | undefined;
    this.#pipe = stdio?.[PIPE] as Duplex | undefined;
    // Why it broke is told by the end of the process.
    this.#pipe?.on('error', () => this.#child.kill('SIGKILL'));
    this.exited = new Promise((resolve) => {
      const ended = (how: string): void => {
        this.#ended ??= new ProcessEnded(how, this.#output);
        resolve(this.#ended);
        this.#take()?.reject(this.#ended);
      };
      // Not 'exit': what it printed last and answered last may still be on its way then.
      this.#child.once('close', (code, signal) =>
        ended(signal ? `ended by ${signal}` : `ended with code ${code}`),
      );
      this.#child.on('error', (error) => {
        // A process that exists says by its end what became of it.
        if (this.#child.pid === undefined) ended(`could not be started: ${error.message}`);
      });
    });
  }

  get pid(): number | undefined {
    return this.#ended ? undefined : this.#child.pid;
  }

  get signature(): Signature {
    if (this.#signature === undefined)
      throw new Error('asked for the signature of a model that is not loaded');
    return this.#signature;
  }

  /** Runs the model. Throws Refusal or ProcessEnded. A run cannot be stopped, only its process can: by `end`. */
  async run(feeds: Tensor[], outputs: string[], limit: OutputLimit): Promise<Tensor[]> {
    const pipe = this.#pipe;
    if (pipe === undefined) throw await this.exited;
    const asked = this.#ask({ kind: 'run', feeds: onTheirWay(feeds), outputs, limit });
    // When it fails the process has ended, and that is what fails the run.
    sendTensors(pipe, feeds).catch(() => this.#child.kill('SIGKILL'));
    const answer = await asked;
    if (answer.kind !== 'result') throw new Error(`a run was answered with ${answer.kind}`);
    try {
      return await receiveTensors(pipe, answer.outputs);
    } catch {
      // It has ended in the middle of its answer, which is told in the words of its end.
      await this.end();
      throw await this.exited;
    }
  }

  /** Ends the process at once; it has nothing to lose. A load or run that it holds fails with ProcessEnded. */
  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** Without a time-out of its own: every caller has one, and ends the process at it. */
  async #ask(request: Request): Promise<Answer> {
    if (this.#ended) throw this.#ended;
    // It was never there, and has no channel.
    if (this.#child.pid === undefined) throw await this.exited;
    if (this.#waiting) throw new Error('a model process takes one request at a time');
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      // When sending fails the channel is closed, and the exit that follows says why.
      this.#child.send(request, (error) => {
        if (error) this.#child.kill('SIGKILL');
      });
    });
    if (answer.kind === 'failed') throw new Refusal(answer.reason, answer.message);
    return answer;
  }

  #settle(answer: Answer): void {
    this.#take()?.resolve(answer);
  }

  #take(): Waiting | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }
}
