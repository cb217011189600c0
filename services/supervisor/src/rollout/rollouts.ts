import { isDeepStrictEqual } from 'node:util';
import { BkgError } from '@bkg/sdk';
import type { Connection, Logger, Rollout as Receipt } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { now } from '../clock.ts';
import { configOf } from '../desired-state.ts';
import type { DesiredState, RunOrder } from '../desired-state.ts';
import { configureInTurn, orderInTurn } from '../in-turn.ts';
import { InvocationTally } from './invocation-tally.ts';
import { refuseDuringRollout, shutsDown } from '../known-plugin.ts';
import { lastWords } from '../last-words.ts';
import type { Plugin, Target } from '../plugin.ts';
import type { PluginLogs } from '../plugin-logs.ts';
import type { Plugins } from '../plugins.ts';
import type { Questions } from '../questions.ts';
import type { ReconcileLoop } from '../reconcile-loop.ts';
import { Rollout } from './rollout.ts';
import type { RolloutPlan } from './rollout-plan.ts';
import type { Timings } from '../timings.ts';
import { seconds } from '../seconds.ts';

export interface RolloutsOptions {
  connection: Connection;
  plugins: Plugins;
  desiredState: Pick<DesiredState, 'order' | 'configure' | 'keep'>;
  loop: Pick<ReconcileLoop, 'mayRun' | 'pass'>;
  questions: Pick<Questions, 'ask' | 'mayAsk'>;
  logs: Pick<PluginLogs, 'lastOutput'>;
  timings: Timings;
  log: Logger;
  /** Aborts when this supervisor ends: what is under way is its successor's. */
  signal: AbortSignal;
}

export interface BegunRollout {
  /** Ends when it has; throws BkgError when it has failed, and all is as it was before. */
  done: Promise<void>;
}

const whyMostChars = 500;

/**
 * Carries rollouts through, to their end or back to their beginning. What they do to instances the reconcile loop does.
 * A supervisor that is killed leaves one half done: as long as it is not written that its version is wanted its instances
 * are not what is wanted, and go; after that those before it are not, and go.
 */
export class Rollouts {
  readonly #options: RolloutsOptions;

  constructor(options: RolloutsOptions) {
    this.#options = options;
  }

  /**
   * Begins one; until it has ended no other may begin.
   * @param write what has to be written first
   * @throws what `write` throws: then nothing has begun
   */
  async begin(plugin: Plugin, plan: RolloutPlan, write: () => Promise<unknown>): Promise<BegunRollout> {
    const { connection, loop, plugins, questions, log } = this.#options;
    refuseDuringRollout(plugin, plan.verb);
    const rollout = new Rollout(plan);
    plugin.rollout = rollout;
    const tally = new InvocationTally(plugin, connection, questions);
    const counting = tally.begin([...plugin.managed.keys()]);
    try {
      await write();
    } catch (error) {
      tally.close();
      plugin.rollout = undefined;
      plugins.changed(plugin.id);
      throw error;
    }
    plugin.clearSetback();
    rollout.begin();
    const { verb, from, target } = plan;
    log.info({ plugin_id: plugin.id, verb, from, to: target.version }, `a ${verb} of ${plugin.id} begins`);
    loop.pass();
    plugins.changed(plugin.id);
    const done = this.#carry(plugin, rollout, tally, counting).finally(() => tally.close());
    // Not everybody waits for it.
    done.catch(() => undefined);
    return { done };
  }

  async #carry(
    plugin: Plugin,
    rollout: Rollout,
    tally: InvocationTally,
    counting: Promise<void>,
  ): Promise<void> {
    const { plugins, signal, log } = this.#options;
    let isWhole = true;
    try {
      await this.#until(plugin, rollout, () => rollout.hasArrived || isAsWanted(plugin));
      if (!rollout.wasCommitted) await this.#commit(plugin, rollout);
      await this.#until(plugin, rollout, () => isAsWanted(plugin));
      await this.#count(plugin, rollout, tally, counting);
      // One may have crashed meanwhile.
      if (rollout.failure) throw rollout.failure;
    } catch (error) {
      if (signal.aborted) throw error;
      rollout.fail(error instanceof BkgError ? error : unexpected(error));
      plugins.changed(plugin.id);
      isWhole = await this.#takeBack(plugin, rollout);
      await this.#count(plugin, rollout, tally, counting);
    }
    rollout.end();
    plugin.clearSetback();
    plugin.receipt = rollout.receipt;
    plugin.rollout = undefined;
    // Read without a rollout, what is half swapped is taken back.
    if (!isWhole) plugin.desired = undefined;
    plugins.changed(plugin.id);
    this.#keep(plugin, plugin.receipt);
    const { verb, state, error, duration_ms } = plugin.receipt;
    log.info(
      { plugin_id: plugin.id, verb, duration_ms },
      state === 'done'
        ? `the ${verb} of ${plugin.id} is done`
        : `the ${verb} of ${plugin.id} failed: ${error}`,
    );
    if (rollout.failure) throw await this.#explained(plugin, rollout, rollout.failure);
  }

  async #count(
    plugin: Plugin,
    rollout: Rollout,
    tally: InvocationTally,
    counting: Promise<void>,
  ): Promise<void> {
    await counting;
    rollout.invocations = await tally.end([...plugin.managed.keys()], rollout);
  }

  /** To be shown by a successor, too; nobody waits for it. */
  #keep({ id }: Plugin, receipt: Receipt): void {
    const { desiredState, log } = this.#options;
    desiredState.keep(id, receipt).catch((error: unknown) => {
      log.warn({ error, plugin_id: id }, 'what has become of a rollout could not be kept');
    });
  }

  /** @throws BkgError the rollout's failure, or that it takes too long */
  async #until(plugin: Plugin, rollout: Rollout, isReached: () => boolean): Promise<void> {
    const { loop, plugins, signal } = this.#options;
    const withinMs = this.#longestMs(plugin);
    await plugins.until(
      plugin.id,
      () => {
        if (!loop.mayRun) rollout.cancel(shutsDown());
        const { version } = rollout.plan.target;
        if (rollout.isOfVersion && !plugin.sources.some((one) => one.version === version))
          rollout.fail(new BkgError('CONFLICT', `Version ${version} of ${plugin.id} has gone.`));
        if (rollout.failure) throw rollout.failure;
        return isReached() || undefined;
      },
      {
        withinMs,
        onLate: () => new BkgError('DEADLINE_EXCEEDED', `It was not done within ${seconds(withinMs)}.`),
        signal,
      },
    );
  }

  /** Every step has a deadline of its own; this is beyond all of them. */
  #longestMs({ replicas, source }: Plugin): number {
    const { startTimeoutMs, admitMs, selfTestMs, graceMs } = this.#options.timings;
    const startMs = Math.max(startTimeoutMs, (source?.manifest?.start_timeout_secs ?? 0) * 1_000);
    return (replicas + 1) * 2 * (startMs + 2 * admitMs + selfTestMs + graceMs);
  }

  /** From here on the new version is wanted. @throws BkgError */
  async #commit(plugin: Plugin, rollout: Rollout): Promise<void> {
    const { by, target } = rollout.plan;
    await this.#order(plugin, (run) => {
      if (rollout.failure) throw rollout.failure;
      return { ...runOf(run, target), by };
    });
    rollout.commit();
    this.#options.loop.pass();
    this.#options.plugins.changed(plugin.id);
  }

  /**
   * Makes everything as it was before; the loop does so with the instances.
   * @returns whether it could be written
   */
  async #takeBack(plugin: Plugin, rollout: Rollout): Promise<boolean> {
    const { log, plugins, loop, timings, signal } = this.#options;
    const until = now() + timings.takeBackMs;
    let isWhole = false;
    for (let tries = 0; !isWhole && !signal.aborted && (tries === 0 || now() < until); tries += 1) {
      try {
        await this.#writeBack(plugin, rollout);
        isWhole = true;
      } catch (error) {
        // The broker may be away, or somebody else has written it, and it is being read again.
        if (tries === 0) log.warn({ error, plugin_id: plugin.id }, 'a rollout cannot be taken back yet');
        // Its one failure is the signal's, which ends the loop.
        await delay(timings.scanEveryMs, signal).catch(() => undefined);
      }
    }
    if (!isWhole) log.error({ plugin_id: plugin.id }, 'a rollout that failed was not taken back as a whole');
    plugin.clearSetback();
    loop.pass();
    plugins.changed(plugin.id);
    await this.#settled(plugin);
    return isWhole;
  }

  /** What is as before already is not written again: an answer may have been lost. @throws BkgError */
  async #writeBack(plugin: Plugin, rollout: Rollout): Promise<void> {
    const { plan, isCancelled, wasCommitted, failure } = rollout;
    const { verb, before } = plan;
    // Only what leads to another version is committed later than it begins.
    const isOfVersion = !plan.isCommitted;
    // What was stopped after its version was wanted is stopped in that version.
    if (isCancelled && (wasCommitted || !isOfVersion)) return;
    if (verb === 'restart' || isOfVersion)
      await this.#order(plugin, (run) => ({ ...runOf(run, before.target), by: 'supervisor' }));
    // Last: a successor that finds only the first of the two sees by `from_version` that the other is missing.
    const why = `the ${verb} failed: ${failure?.message ?? ''}`.slice(0, whyMostChars);
    if (verb !== 'restart') await this.#configureBack(plugin, rollout, why);
  }

  /** Those of before serve again, or it turns out that they cannot. */
  async #settled(plugin: Plugin): Promise<void> {
    const { loop, plugins, timings, signal } = this.#options;
    const late = new BkgError('DEADLINE_EXCEEDED', 'It is not as before yet.');
    try {
      await plugins.until(
        plugin.id,
        () => isAsWanted(plugin) || plugin.setback.failures > 0 || !loop.mayRun || undefined,
        { withinMs: timings.controlWaitMs, onLate: () => late, signal },
      );
    } catch (error) {
      if (error !== late) throw error;
    }
  }

  async #configureBack(plugin: Plugin, { plan }: Rollout, why: string): Promise<void> {
    const { config, circumstances } = plan.before;
    await configureInTurn(plugin, this.#options.desiredState, ({ config: { value } }) => {
      const isSame = isDeepStrictEqual({ ...configOf(value), revision: config.revision }, config);
      if (isSame && value.version === circumstances.version) return undefined;
      return { config, circumstances: { ...circumstances, by: 'supervisor', why } };
    });
  }

  async #order(plugin: Plugin, next: (run: RunOrder) => RunOrder): Promise<void> {
    await orderInTurn(plugin, this.#options.desiredState, ({ run }) => {
      const { by: _by, at: _at, ...before } = run.value;
      const { by, at: _then, ...after } = next(run.value);
      return isDeepStrictEqual(after, before) ? undefined : { ...after, by, at: new Date().toISOString() };
    });
  }

  /** What to answer who has ordered it: with its last words, and who serves now. */
  async #explained(plugin: Plugin, { plan, failed }: Rollout, failure: BkgError): Promise<BkgError> {
    if (failure.code !== 'PLUGIN_CRASHED') return failure;
    const serves = plugin.ready.length > 0 ? ` ${plan.from} goes on serving.` : '';
    const words = failed ? await lastWords(this.#options.logs, plugin.id, failed) : '';
    return new BkgError('PLUGIN_CRASHED', `${failure.message}${serves}${words}`);
  }
}

/**
 * Waits for a rollout, and no longer than an order may be waited for.
 * @throws what it fails with; BkgError DEADLINE_EXCEEDED while it goes on; the reason of `signal`
 */
export async function within(
  done: Promise<void>,
  plugin: Plugin,
  waitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const impatient = Promise.withResolvers<never>();
  const abort = (): void => impatient.reject(signal.reason as Error);
  const timer = setTimeout(() => {
    const step = plugin.rollout?.step ?? 'ending';
    const detail = `The rollout of ${plugin.id} goes on after ${seconds(waitMs)}: it is ${step}.`;
    impatient.reject(new BkgError('DEADLINE_EXCEEDED', detail));
  }, waitMs);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    await Promise.race([done, impatient.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

/** As many instances as are wanted serve, and each is as it is wanted. */
function isAsWanted(plugin: Plugin): boolean {
  const { managed, ready, isWanted, replicas } = plugin;
  if (!isWanted) return managed.size === 0;
  return (
    ready.length === managed.size &&
    ready.length === replicas &&
    !ready.some((one) => plugin.isUnconfigured(one))
  );
}

/** The same order for other instances. */
export function runOf(run: RunOrder, { version, notBefore }: Target): RunOrder {
  const { not_before: _before, ...rest } = run;
  return {
    ...rest,
    version: version ?? run.version,
    ...(notBefore > 0 && { not_before: new Date(notBefore).toISOString() }),
  };
}

function unexpected(error: unknown): BkgError {
  return new BkgError('INTERNAL', `It could not be carried through: ${(error as Error).message}`, {
    cause: error,
  });
}
