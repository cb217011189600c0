import type { LogRecord, Problem } from '@bkg/sdk/protocol';
import { LogBuffer } from './log-buffer.ts';
import { getLogs } from './logs.ts';
import type { Source } from './plugin-list.svelte.ts';
import { problemOfError } from './request.ts';
import { wait } from './wait.ts';

const firstLines = 200;
const askAgainMs = 5_000;

/** The log of one plugin: what is stored, then what arrives. */
export class LogStream {
  readonly buffer = new LogBuffer();
  /** Rises at most once a frame: whoever shows rows reads this, so that 1,000 lines a second are 60 updates. */
  version = $state(0);
  /** The stored lines were read at least once. */
  loaded = $state(false);
  problem = $state.raw<Problem>();
  #id: string;
  #frame: number | undefined;
  /** Of the reader at work. */
  #reading: AbortSignal | undefined;
  #retry: AbortController | undefined;
  /** Asked for while it was read: what was missed since may not be in that answer. */
  #again = false;

  constructor(id: string) {
    this.#id = id;
  }

  /** Stays up to date. @returns ends it */
  follow(source: Source): () => void {
    const controller = new AbortController();
    const catchUp = () => void this.catchUp(controller.signal);
    const end = source.subscribe(
      { topic: 'logs', plugins: [this.#id] },
      {
        // Live from here on; what was before is in the store.
        onSnapshot: catchUp,
        onData: (record) => this.push(record),
        onDropped: (count) => {
          // Nobody counted what was lost with a connection, and the store has it.
          if (count === null) catchUp();
          else this.pushLoss(count);
        },
        onError: (error) => (this.problem = problemOfError(error)),
      },
    );
    return () => {
      controller.abort();
      end();
    };
  }

  push(record: LogRecord): void {
    this.buffer.push(record);
    this.#changed();
  }

  pushLoss(count: number): void {
    this.buffer.pushLoss(count);
    this.#changed();
  }

  clear(): void {
    this.buffer.clear();
    this.#changed();
  }

  /** Reads what is stored and not here yet; called whenever live lines may have been missed. */
  async catchUp(signal: AbortSignal): Promise<void> {
    this.#again = true;
    this.#retry?.abort();
    if (this.#reading === signal) return;
    this.#reading = signal;
    while (this.#again && !signal.aborted) {
      this.#again = false;
      const failure = await this.#readStored(signal);
      if (failure?.retryable) await this.#waitForRetry(signal);
    }
    if (this.#reading === signal) this.#reading = undefined;
  }

  /** The gateway tells nobody that its broker is back, so it is asked again; sooner when something arrives. */
  async #waitForRetry(signal: AbortSignal): Promise<void> {
    if (this.#again) return;
    this.#again = true;
    this.#retry = new AbortController();
    await wait(askAgainMs, AbortSignal.any([signal, this.#retry.signal]));
    this.#retry = undefined;
  }

  /** @returns why it could not be read; undefined when it was, or when the page has left */
  async #readStored(signal: AbortSignal): Promise<Problem | undefined> {
    const since = this.buffer.newestTime;
    const again = this.loaded && since !== undefined;
    const lines = again ? this.buffer.most : firstLines;
    try {
      const stored = await getLogs(this.#id, again ? { lines, since } : { lines }, { signal });
      if (again && stored.length >= lines) this.buffer.pushGap('Lines are missing here: see the log files.');
      // Fewer than asked for are all that there are.
      if (!again && stored.length >= lines) this.buffer.begin(stored);
      else this.buffer.merge(stored);
      this.problem = undefined;
      this.loaded = true;
      this.#changed();
    } catch (error) {
      if (signal.aborted) return undefined;
      this.problem = problemOfError(error);
      return this.problem;
    }
    return undefined;
  }

  #changed(): void {
    if (this.#frame !== undefined) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = undefined;
      this.version += 1;
    });
  }
}
