import { BkgError, createToken, headerNames, NoRespondersError, problemOfMsg, subjects } from '@bkg/sdk';
import type { Connection, Descriptor, Manifest } from '@bkg/sdk';
import { now } from '../clock.ts';
import { compareContracts } from './contract.ts';
import { fitContract } from './fit-contract.ts';
import type { ManagedInstance } from '../managed-instance.ts';
import type { Plugin } from '../plugin.ts';
import type { Plugins } from '../plugins.ts';
import type { Rollout } from './rollout.ts';
import type { Timings } from '../timings.ts';
import { seconds } from '../seconds.ts';

export interface TrialsOptions {
  connection: Connection;
  plugins: Plugins;
  timings: Pick<Timings, 'selfTestMs' | 'admitMs'>;
  signal: AbortSignal;
}

/** Tries instances that shall take the place of others, and lets in those that are good enough. */
export class Trials {
  readonly #options: TrialsOptions;
  readonly #running = new Set<string>();

  constructor(options: TrialsOptions) {
    this.#options = options;
  }

  /** Unless it is tried already. */
  begin(plugin: Plugin, instance: ManagedInstance): void {
    if (this.#running.has(instance.id)) return;
    this.#running.add(instance.id);
    void this.#try(plugin, instance).finally(() => {
      this.#running.delete(instance.id);
      this.#options.plugins.changed(plugin.id);
    });
  }

  async #try(plugin: Plugin, instance: ManagedInstance): Promise<void> {
    const { plugins, signal } = this.#options;
    const { rollout } = plugin;
    rollout?.ready(instance.id);
    plugins.changed(plugin.id);
    try {
      const descriptor = await this.#descriptorOf(plugin, instance);
      const { contract } = rollout?.plan ?? {};
      if (rollout && contract && !rollout.failure) compare(rollout, contract, descriptor);
      const manifest = plugin.source?.manifest;
      if (manifest?.self_test) await this.#selfTest(plugin, instance, manifest.self_test);
      await this.#admit(plugin, instance);
      if (instance.isLeaving) return;
      instance.passTrial();
      rollout?.passed(instance.id);
    } catch (error) {
      // What ended it is told by its end, and a successor goes on from its record.
      if (signal.aborted || instance.isLeaving) return;
      const { text, refusal } = rejectionOf(error);
      const crash = new BkgError('PLUGIN_CRASHED', `${plugin.id} ${instance.record.version} ${text}.`);
      rollout?.fail(refusal ?? crash, refusal ? undefined : instance.id);
      instance.reject(text);
    }
  }

  /** What it can do, which is asked when it is first heard of. */
  async #descriptorOf(plugin: Plugin, { id }: ManagedInstance): Promise<Descriptor> {
    const { plugins, timings, signal } = this.#options;
    return plugins.until(plugin.id, () => plugin.sightings.get(id)?.descriptor, {
      withinMs: timings.admitMs,
      onLate: () => new Rejection(`did not say within ${seconds(timings.admitMs)} what it can do`),
      signal,
    });
  }

  /** @throws Rejection */
  async #selfTest(
    plugin: Plugin,
    instance: ManagedInstance,
    { capability, payload }: NonNullable<Manifest['self_test']>,
  ): Promise<void> {
    const { connection, timings, signal } = this.#options;
    const timeoutMs = Math.min(
      timings.selfTestMs,
      (plugin.config?.resources.timeout_secs ?? Infinity) * 1_000,
    );
    const from = now();
    const answered = (hasPassed: boolean): void =>
      plugin.rollout?.selfTested(instance.id, now() - from, hasPassed);
    try {
      const reply = await connection.request(
        subjects.invokeAt(plugin.id, instance.id, capability),
        JSON.stringify(payload ?? {}),
        {
          timeoutMs,
          headers: {
            [headerNames.invocationId]: createToken(),
            [headerNames.timeoutMs]: String(timeoutMs),
          },
          signal,
        },
      );
      const problem = problemOfMsg(reply);
      answered(problem === undefined);
      if (problem) throw failedTest(`${capability} answered ${problem.code}: ${problem.detail}`);
    } catch (error) {
      if (error instanceof NoRespondersError) {
        instance.note('warn', 'it has no subject of its own: its self-test is left out');
        return;
      }
      if (error instanceof BkgError && error.code === 'DEADLINE_EXCEEDED')
        throw failedTest(`${capability} did not answer within ${seconds(timeoutMs)}`);
      throw error;
    }
    instance.note('info', `its self-test ${capability} has passed`);
  }

  /**
   * Also asks one that seems to run already: it may be held, and what it said of that not be heard yet. Who knows nothing of
   * being held takes invocations as it is.
   * @throws Rejection
   */
  async #admit(plugin: Plugin, instance: ManagedInstance): Promise<void> {
    const { connection, plugins, timings, signal } = this.#options;
    let problem: string | undefined;
    try {
      const reply = await connection.request(subjects.admit(plugin.id, instance.id), '{}', {
        timeoutMs: timings.admitMs,
        signal,
      });
      problem = problemOfMsg(reply)?.detail;
    } catch (error) {
      if (error instanceof NoRespondersError && !instance.isHeld) return;
      problem = (error as Error).message;
    }
    if (problem !== undefined) throw new Rejection(`could not be let in: ${problem}`);
    await plugins.until(plugin.id, () => instance.status === 'running' || instance.isLeaving || undefined, {
      withinMs: timings.admitMs,
      onLate: () => new Rejection(`did not say within ${seconds(timings.admitMs)} that it takes invocations`),
      signal,
    });
  }
}

/** An instance is no good. */
class Rejection extends Error {
  override name = 'Rejection';
  readonly refusal: BkgError | undefined;

  /** @param text why, as the end of a sentence that begins with the plugin @param refusal what to answer instead */
  constructor(text: string, refusal?: BkgError) {
    super(text);
    this.refusal = refusal;
  }
}

/** @throws Rejection */
function compare(rollout: Rollout, before: Descriptor, after: Descriptor): void {
  const { pluginId, force } = rollout.plan;
  const report = compareContracts(before, after);
  rollout.contract = fitContract(report);
  const { breaks } = report;
  if (breaks.length === 0 || force) return;
  const list = breaks.slice(0, 5).map(({ capability, detail }) => `${capability} ${detail}`);
  const more = breaks.length > list.length ? `; and ${breaks.length - list.length} more` : '';
  const refusal = new BkgError(
    'CONFLICT',
    `${pluginId} ${after.version} breaks the contract of ${before.version}: ${list.join('; ')}${more}. ` +
      `${before.version} goes on serving. To replace it all the same, order it with "force": true.`,
    {
      errors: breaks.map(({ capability, path, rule, detail }) => ({
        path: `/${capability}${path}`,
        message: `${detail} (${rule})`,
      })),
    },
  );
  throw new Rejection(`breaks the contract of ${before.version}`, refusal);
}

function failedTest(text: string): Rejection {
  return new Rejection(`failed its self-test: ${text}`);
}

function rejectionOf(error: unknown): { text: string; refusal: BkgError | undefined } {
  const { message } = error as Error;
  // It becomes a part of longer sentences.
  const words = message.replace(/[.\s]+$/, '');
  if (error instanceof Rejection) return { text: words, refusal: error.refusal };
  return { text: `could not be tried: ${words}`, refusal: undefined };
}
