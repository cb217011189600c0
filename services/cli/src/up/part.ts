import { delay } from '@bkg/sdk/host';
import type { ProcessIdentity } from '@bkg/sdk/host';
import { explainFile, Failure, remedyFor } from '../failure.ts';
import { projectFolder } from '../project.ts';
import { seconds } from '../say.ts';
import type { Say } from '../say.ts';
import {
  adoptProcess,
  describeEnding,
  endProcess,
  isKill,
  killGroup,
  neverStarted,
  startProcess,
} from './held-process.ts';
import type { Ending, HeldProcess, Stopped } from './held-process.ts';
import { lastLines } from './log-file.ts';
import type { LogFile } from './log-file.ts';
import type { PartSpec } from './parts.ts';
import { planRestart } from './restart-policy.ts';
import type { RestartPolicy } from './restart-policy.ts';

export interface PartTimings {
  readyWithinMs: number;
  /** How long an adopted one has to show that it works. */
  adoptWithinMs: number;
  /** How often an adopted one is looked at. */
  adoptedPollMs: number;
  /** From SIGTERM to SIGKILL for one that is replaced. */
  stopWithinMs: number;
  restart: RestartPolicy;
}

export interface PartOptions {
  log: LogFile;
  say: Say;
  timings: PartTimings;
  /** Hears of every new process at once, to write it down. */
  onStart: (identity: ProcessIdentity) => void;
}

type Readiness = { note: string } | { why: string } | { ending: Ending };

/** After so many endings in a row one does not expect the next start to help, and wants to read the log. */
const loopEndings = 4;
const shownLines = 15;

/** One program of the mesh with its life: started or adopted, started again whenever it ends, stopped. */
export class Part {
  readonly spec: PartSpec;
  readonly #options: PartOptions;
  #process: HeldProcess | undefined;
  #startedAt = 0;
  #logSince = 0;

  constructor(spec: PartSpec, options: PartOptions) {
    this.spec = spec;
    this.#options = options;
  }

  get name(): PartSpec['name'] {
    return this.spec.name;
  }

  /** Settles when the process of this moment ends; undefined when there never was one. */
  get ended(): Promise<Ending> | undefined {
    return this.#process?.ended;
  }

  /** Starts it and waits until it works. @throws Failure with the end of its log; the reason of `signal` */
  async start(signal: AbortSignal): Promise<void> {
    const { say, timings } = this.#options;
    const start = (): Promise<Readiness> => {
      this.#start();
      return this.#readiness(signal, timings.readyWithinMs);
    };
    await say.while(this.name, 'starting', async () => {
      let readiness = await start();
      // That somebody has killed it says nothing of it, and the rest of the mesh, which may serve already, would go with it.
      if ('ending' in readiness && isKill(readiness.ending)) readiness = await start();
      if ('note' in readiness) return readiness.note;
      throw this.#failedToStart(readiness);
    });
  }

  /** Takes over a process of an earlier `bkg up`. @returns whether it works; one that does not is stopped */
  async adopt(identity: ProcessIdentity, signal: AbortSignal): Promise<boolean> {
    const { say, timings } = this.#options;
    this.#hold(adoptProcess(identity, timings.adoptedPollMs));
    const readiness = await this.#readiness(signal, timings.adoptWithinMs);
    if ('note' in readiness) {
      say.marked('✓', this.name, `${readiness.note}, still running (process ${identity.pid})`);
      return true;
    }
    if ('why' in readiness) {
      say.marked('!', this.name, `still runs but does not work (${readiness.why}); starting it again`);
      await this.stop(timings.stopWithinMs);
    }
    return false;
  }

  /** Starts it again whenever it ends, until `signal` aborts. */
  async hold(signal: AbortSignal): Promise<void> {
    let endings = 0;
    for (;;) {
      const ending = await this.#nextEnding(signal);
      if (ending === undefined) return;
      const ranMs = performance.now() - this.#startedAt;
      const restart = planRestart(endings, ranMs, this.#options.timings.restart);
      endings = restart.endings;
      this.#sayEnded(ending, endings, restart.waitMs);
      try {
        await delay(restart.waitMs, signal);
        this.#startAgain();
        await this.#comeBack(signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
    }
  }

  /** @returns undefined when it was never started */
  async stop(withinMs: number): Promise<Stopped | undefined> {
    return this.#process && endProcess(this.#process, withinMs);
  }

  /** Ends it at once. */
  kill(): void {
    if (this.#process) killGroup(this.#process);
  }

  #start(): void {
    const { log, onStart } = this.#options;
    const { program, env } = this.spec;
    this.#logSince = log.size();
    let started: HeldProcess;
    try {
      started = log.append((output) => startProcess({ ...program, env, cwd: projectFolder, output }));
    } catch (error) {
      throw explainFile(error, `Starting ${this.name} with its log ${log.file}`);
    }
    this.#hold(started);
    const { pid, start } = started;
    if (pid) onStart({ pid, start });
  }

  #startAgain(): void {
    try {
      this.#start();
    } catch (error) {
      this.#hold(neverStarted(error as Error));
    }
  }

  #hold(held: HeldProcess): void {
    this.#process = held;
    this.#startedAt = performance.now();
  }

  /** @returns undefined when `signal` aborts first */
  #nextEnding(signal: AbortSignal): Promise<Ending | undefined> {
    const { promise, resolve } = Promise.withResolvers<Ending | undefined>();
    const stop = (): void => resolve(undefined);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    void this.ended?.then(resolve);
    return promise.finally(() => signal.removeEventListener('abort', stop));
  }

  /** Works, ended before that, or neither within the time. @throws the reason of `signal` */
  async #readiness(signal: AbortSignal, withinMs?: number): Promise<Readiness> {
    const over = new AbortController();
    let ending: Ending | undefined;
    void this.ended?.then((how) => {
      ending = how;
      over.abort();
    });
    const timer = withinMs === undefined ? undefined : setTimeout(() => over.abort(), withinMs);
    try {
      return { note: await this.spec.ready(AbortSignal.any([signal, over.signal])) };
    } catch (error) {
      signal.throwIfAborted();
      return ending ? { ending } : { why: (error as Error).message };
    } finally {
      clearTimeout(timer);
    }
  }

  /** After another start: says when it works, or that it does not yet and goes on waiting. @throws the reason of `signal` */
  async #comeBack(signal: AbortSignal): Promise<void> {
    const { say, timings, log } = this.#options;
    let readiness = await this.#readiness(signal, timings.readyWithinMs);
    if ('why' in readiness) {
      // It may wait for another part that is away; to end it for that would only add to the trouble.
      say.marked('!', this.name, `runs again but does not work yet: ${readiness.why} (log: ${log.file})`);
      readiness = await this.#readiness(signal);
    }
    const afterMs = performance.now() - this.#startedAt;
    if ('note' in readiness) say.marked('✓', this.name, `back, ${readiness.note} (${seconds(afterMs)})`);
  }

  #sayEnded(ending: Ending, endings: number, waitMs: number): void {
    const { say, log } = this.#options;
    const what = `${describeEnding(ending)} at ${new Date().toLocaleTimeString('en-GB')}`;
    const next =
      endings < loopEndings
        ? `; starting it again in ${seconds(waitMs)}`
        : `, ${endings} times in a row; trying again in ${seconds(waitMs)} (log: ${log.file})`;
    say.marked('!', this.name, what + next);
  }

  #failedToStart(readiness: Exclude<Readiness, { note: string }>): Failure {
    const { log } = this.#options;
    const waited = seconds(performance.now() - this.#startedAt);
    const what =
      'ending' in readiness
        ? `${describeEnding(readiness.ending)} instead of starting`
        : `did not become ready in ${waited}: ${readiness.why}`;
    const details = lastLines(log, this.#logSince, shownLines);
    const shown = details && `The end of ${log.file}:\n${details}`;
    return new Failure(`${this.name} ${what}.`, remedyFor(details, log.file), { details: shown });
  }
}
