import { stopSignals } from '../host/stop-signal.ts';
import type { BkgLogger } from './logger.ts';

/** Time for what the application leaves open, such as a timer, to end by itself. */
const leftOpenMs = 1_000;
/** For shutdown hooks that go on after the last answer; the supervisor's patience ends earlier. */
const hooksMostMs = 10_000;

export interface ProcessEndOptions {
  /** Takes no more invocations and answers those it has. */
  drain: () => Promise<void>;
  logger: BkgLogger;
}

/**
 * Ends the process in order at the first SIGTERM, SIGINT or SIGHUP, with code 0.
 *
 * An application that has called `enableShutdownHooks()` listens too. It ends by sending itself the signal once more,
 * which would count as a death by that signal; here it means that the hooks are through.
 */
export class ProcessEnd {
  readonly #options: ProcessEndOptions;
  #asked = false;
  #isDrained = false;

  constructor(options: ProcessEndOptions) {
    this.#options = options;
    for (const name of stopSignals) process.on(name, this.#onSignal);
  }

  /** Whether the process is ending because it was told to. */
  get asked(): boolean {
    return this.#asked;
  }

  /** What a SIGTERM from outside does, the application's own shutdown included. */
  ask(): void {
    process.kill(process.pid, 'SIGTERM');
  }

  /** The process goes on without the plugin, and signals are no business of ours any more. */
  release(): void {
    if (this.#asked) return;
    for (const name of stopSignals) process.off(name, this.#onSignal);
  }

  readonly #onSignal = (name: NodeJS.Signals): void => {
    if (this.#isDrained) process.exit();
    if (this.#asked) return;
    this.#asked = true;
    void this.#end(name);
  };

  async #end(name: NodeJS.Signals): Promise<void> {
    const { drain, logger } = this.#options;
    const othersListen = process.listenerCount(name) > 1;
    logger.log('draining');
    try {
      await drain();
      process.exitCode ??= 0;
    } catch (error) {
      logger.fatal(error);
      process.exitCode = 1;
    }
    this.#isDrained = true;
    // An application that was told to end before it was ready still waits at its `await app.listen()`, and Node would
    // give that a code of its own.
    process.once('beforeExit', () => process.exit());
    setTimeout(() => process.exit(), othersListen ? hooksMostMs : leftOpenMs).unref();
  }
}
