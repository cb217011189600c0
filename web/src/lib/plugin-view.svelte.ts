import type { PluginInfo, Problem } from '@bkg/sdk/protocol';
import { createBackoff } from './backoff.ts';
import type { ConnectionState } from './connection.svelte.ts';
import { runFeed, type Frame } from './feed.ts';
import { LogStream } from './log-stream.svelte.ts';
import { Playground } from './playground.svelte.ts';
import { getPlugin } from './plugins.ts';
import { runPoll } from './poll.ts';
import type { Readings } from './readings.svelte.ts';
import { problemOfError, ProblemError } from './request.ts';
import { pageVisible } from './visibility.ts';

/** A socket can be dead without a word; this request is what finds out, and what learns of `unknown_since`. */
const checkEveryMs = 5_000;

export interface PluginViewOptions {
  id: string;
  connection: ConnectionState;
  readings: Readings;
  /** What another page knew already, shown until the first answer. */
  known?: PluginInfo;
  onPlugin: (plugin: PluginInfo) => void;
}

/** Everything the pages of one plugin show, kept up to date by its socket. */
export class PluginView {
  readonly id: string;
  readonly logs: LogStream;
  readonly playground: Playground;
  info = $state.raw<PluginInfo>();
  /** When the telemetry in `info` arrived, in ms since the epoch. */
  receivedAt = $state(Date.now());
  /** Why there is no such plugin to show, or why it could not be read. */
  problem = $state.raw<Problem>();
  #options: PluginViewOptions;
  #feed: AbortController | undefined;
  #socketOpen = false;
  #dropSocket: ((reason: string) => void) | undefined;

  constructor(options: PluginViewOptions) {
    this.#options = options;
    this.id = options.id;
    this.info = options.known;
    this.logs = new LogStream(options.id);
    this.playground = new Playground(options.id);
  }

  /** Stays up to date until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.playground.cancel());
    await runPoll({
      round: (roundSignal) => this.#check(roundSignal),
      everyMs: checkEveryMs,
      backoff: createBackoff(),
      alarm: this.#options.connection.alarm,
      visible: pageVisible,
      onFailure: (error, retryInMs) => this.#checkFailed(error, retryInMs),
      signal,
    });
  }

  take(plugin: PluginInfo): void {
    // The answer to an action and the frames of the socket overtake each other.
    if (this.info && plugin.observed_at < this.info.observed_at) return;
    this.info = plugin;
    this.receivedAt = Date.now();
    this.problem = undefined;
    this.#options.readings.add(
      plugin.id,
      plugin.status === 'running' ? plugin.telemetry.cpu_percent : undefined,
    );
    this.#options.onPlugin(plugin);
  }

  async #check(signal: AbortSignal): Promise<void> {
    const plugin = await getPlugin(this.id, { signal });
    if (signal.aborted) return;
    this.take(plugin);
    // While the socket is down the view is not live, even when requests come through.
    if (!this.#feed || this.#socketOpen) this.#options.connection.contacted();
    this.#feed ??= this.#startFeed(signal);
  }

  #checkFailed(error: unknown, retryInMs: number): void {
    const problem = problemOfError(error);
    if (error instanceof ProblemError && problem.status === 404) {
      this.info = undefined;
      this.problem = problem;
      this.#feed?.abort();
      this.#feed = undefined;
      this.#options.connection.contacted();
      return;
    }
    this.problem = problem;
    const answered = error instanceof ProblemError;
    // A socket whose gateway answers is no dead socket, whatever the answer is.
    if (this.#socketOpen && !answered) this.#dropSocket?.(problem.detail);
    else if (!this.#feed || answered) this.#options.connection.failed(problem.detail, retryInMs, answered);
  }

  #startFeed(pageSignal: AbortSignal): AbortController {
    const controller = new AbortController();
    const signal = AbortSignal.any([controller.signal, pageSignal]);
    const { connection } = this.#options;
    const path = `/ws/plugins/${encodeURIComponent(this.id)}`;
    void runFeed({
      open: () => new WebSocket(location.origin.replace(/^http/, 'ws') + path),
      backoff: createBackoff(),
      alarm: connection.alarm,
      onOpen: () => {
        this.#socketOpen = true;
        connection.contacted();
        void this.logs.catchUp(signal);
      },
      onFrame: (frame) => this.#takeFrame(frame),
      onLost: (reason, retryInMs) => {
        this.#socketOpen = false;
        connection.failed(reason, retryInMs);
      },
      onSocket: (drop) => (this.#dropSocket = drop),
      signal,
    });
    return controller;
  }

  #takeFrame(frame: Frame): void {
    switch (frame.type) {
      case 'status':
        return this.take(frame.plugin);
      case 'telemetry':
        if (this.info) this.take({ ...this.info, telemetry: frame.telemetry });
        return;
      case 'log': {
        const { type: _, ...record } = frame;
        return this.logs.push(record);
      }
      case 'dropped':
        return this.logs.pushLoss(frame.count);
    }
  }
}
