import { nuid } from '@nats-io/nats-core';
import { BkgError } from '@bkg/sdk';
import type { Logger } from '@bkg/sdk';
import { now } from './clock.ts';
import { isKeyKeeper } from './key-keeper.ts';
import type { Launcher } from './launcher.ts';
import type { Lease } from './lease.ts';
import type { ManagedInstance } from './managed-instance.ts';
import { noSetback } from './plugin.ts';
import type { Plugin } from './plugin.ts';
import type { Plugins } from './plugins.ts';
import { reconcile } from './reconcile.ts';
import type { Action } from './reconcile.ts';
import { planRestart } from './restart-policy.ts';
import { isShortage } from './shortage.ts';
import type { Timings } from './timings.ts';
import type { LiveConfig } from './config/live-config.ts';
import type { Trials } from './rollout/trials.ts';
import { seconds } from './seconds.ts';
import type { Verdict } from './verdict.ts';

export interface ReconcileLoopOptions {
  plugins: Plugins;
  launcher: Pick<Launcher, 'launch'>;
  lease: Pick<Lease, 'isHeld'>;
  trials: Pick<Trials, 'begin'>;
  liveConfig: Pick<LiveConfig, 'begin'>;
  /** As in BKG_NATS_URL: instances that were given another are replaced. */
  natsUrl: string;
  timings: Timings;
  log: Logger;
}

/** Of launches in one pass: each takes a moment, and neither the lease nor answers must wait for all of them. */
const launchingMostMs = 100;

/** A timer takes no more, and would ring at once: then it is looked again, and waited on. */
const timerMostMs = 2 ** 31 - 1;

/** Carries out what `reconcile` decides, after each change and when a time has come. */
export class ReconcileLoop {
  readonly #options: ReconcileLoopOptions;
  #mayRun = true;
  #closed = false;
  #isDue = false;
  #isPassing = false;
  #saidShortage = false;
  /** Plugins whose pass has failed, which was said. */
  readonly #failing = new Set<string>();
  /** In this pass. */
  #launchingMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ReconcileLoopOptions) {
    this.#options = options;
  }

  /** False while the mesh shuts down: then nothing is wanted, whatever was ordered. */
  get mayRun(): boolean {
    return this.#mayRun;
  }

  /** Ends everything, and starts nothing any more. */
  wantNothing(): void {
    this.#mayRun = false;
    this.pass();
  }

  /** Something has changed. */
  kick(): void {
    if (this.#isDue || this.#closed) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.pass();
    });
  }

  /** At once. */
  pass(): void {
    // What a pass changes kicks the next one.
    if (this.#closed || this.#isPassing) return;
    this.#isPassing = true;
    this.#launchingMs = 0;
    let next = Infinity;
    try {
      for (const plugin of this.#options.plugins.all()) next = Math.min(next, this.#tryPass(plugin));
    } finally {
      this.#isPassing = false;
    }
    clearTimeout(this.#timer);
    if (next === Infinity) return;
    const waitMs = Math.min(timerMostMs, Math.max(1, Math.ceil(next - now())));
    this.#timer = setTimeout(() => this.pass(), waitMs);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** An instance is gone. @returns what becomes of the plugin now, as the end of a sentence; "" for nothing special */
  ended(plugin: Plugin, instance: ManagedInstance, verdict: Verdict): string {
    if (verdict.status === 'stopped') {
      plugin.rollout?.ended(instance, verdict);
      plugin.failed = undefined;
      return '';
    }
    const { text, isMachines } = verdict;
    const { instance: id, version, launched_at: startedAt } = instance.record;
    const at = new Date().toISOString();
    plugin.addEnd({ instance: id, version, at, verdict: verdict.verdict, text }, isMachines);
    if (plugin.rollout?.ended(instance, verdict)) return 'those before it go on';
    const consequence = instance.wasAskedToStop ? '' : this.#setBack(plugin, instance.ranMs, isMachines);
    plugin.failed = {
      instance: id,
      version,
      startedAt,
      error: consequence ? `${text}; ${consequence}` : text,
    };
    return consequence;
  }

  /** One that cannot be dealt with keeps nobody from looking after the others. @returns when to look again */
  #tryPass(plugin: Plugin): number {
    const { log, timings } = this.#options;
    try {
      const next = this.#passPlugin(plugin);
      this.#failing.delete(plugin.id);
      return next;
    } catch (error) {
      // Once, until it works again.
      if (!this.#failing.has(plugin.id))
        log.error(
          { error, plugin_id: plugin.id },
          'what is wanted of a plugin cannot be done; it is tried again',
        );
      this.#failing.add(plugin.id);
      return now() + timings.restartFirstMs;
    }
  }

  /** @returns when to look again */
  #passPlugin(plugin: Plugin): number {
    const { natsUrl, timings, lease } = this.#options;
    // What is wanted is not known yet, which is not the same as nothing.
    if (!plugin.desired && !plugin.isRemoved && this.#mayRun) return Infinity;
    const actions = reconcile(
      plugin.desiredState(this.#mayRun || this.#isLast(plugin)),
      plugin.observedState(natsUrl),
      { graceMs: timings.graceMs },
      now(),
    );
    let next = this.#forgetFailures(plugin);
    for (const action of actions) {
      if (action.type === 'wait') next = Math.min(next, action.until);
      else if (action.type === 'launch' && !this.#mayRun) continue;
      else if (action.type === 'launch' && this.#launchingMs > launchingMostMs) next = now();
      else if (lease.isHeld) this.#act(plugin, action);
      else next = Math.min(next, now() + timings.leaseEveryMs / 3);
    }
    return next;
  }

  /** Somebody may have to be let in until the others have ended: who decides that goes after them. */
  #isLast(plugin: Plugin): boolean {
    if (!isKeyKeeper(plugin.id)) return false;
    return this.#options.plugins.all().some((one) => one !== plugin && one.managed.size > 0);
  }

  /** What has run for long is not one that fails any more. @returns when to look again */
  #forgetFailures(plugin: Plugin): number {
    if (plugin.setback.failures === 0) return Infinity;
    const { steadyMs } = this.#options.timings;
    const { ready } = plugin;
    if (ready.length === 0 || ready.length < plugin.replicas) return Infinity;
    const leftMs = Math.max(...ready.map(({ ranMs }) => steadyMs - ranMs));
    if (leftMs > 0) return now() + leftMs;
    plugin.setback = noSetback;
    this.#options.plugins.changed(plugin.id);
    return Infinity;
  }

  #act(plugin: Plugin, action: Exclude<Action, { type: 'wait' }>): void {
    const instance = action.type === 'launch' ? undefined : plugin.managed.get(action.instance);
    switch (action.type) {
      case 'launch':
        this.#launch(plugin, action.held);
        return;
      case 'try':
        if (instance) this.#options.trials.begin(plugin, instance);
        return;
      case 'configure':
        if (instance) this.#options.liveConfig.begin(plugin, instance);
        return;
      case 'drain':
        if (action.why === 'outdated') plugin.rollout?.draining(action.instance);
        instance?.drain(instance.obsolete ?? this.#reasonToDrain(plugin, action.why));
        return;
      case 'kill':
        instance?.kill(action.why);
        return;
    }
  }

  #launch(plugin: Plugin, held: boolean): void {
    const { launcher, plugins, log } = this.#options;
    const from = performance.now();
    try {
      const instance = launcher.launch(plugin, { held });
      plugin.rollout?.launched(instance);
      plugin.failed = undefined;
      this.#saidShortage = false;
    } catch (error) {
      const isMachines = isShortage(error);
      // The machine's own lack is said once, not at each try.
      if (!isMachines || !this.#saidShortage)
        log.error({ error, plugin_id: plugin.id }, 'a plugin cannot be launched');
      this.#saidShortage ||= isMachines;
      const text = `could not be launched (${(error as Error).message})`;
      plugin.rollout?.fail(new BkgError('PLUGIN_CRASHED', `${plugin.id} ${text}.`));
      const version = plugin.source?.manifest?.version ?? '0.0.0';
      const at = new Date().toISOString();
      const instance = nuid.next();
      plugin.addEnd({ instance, version, at, verdict: 'not_started', text }, isMachines);
      plugin.failed = {
        instance,
        version,
        startedAt: at,
        error: `${text}; ${this.#setBack(plugin, 0, isMachines)}`,
      };
    }
    this.#launchingMs += performance.now() - from;
    plugins.changed(plugin.id);
  }

  /** Plans the next try. @param isMachines it was no fault of the plugin: it is tried for ever @returns it in words */
  #setBack(plugin: Plugin, ranMs: number, isMachines = false): string {
    const { restartFirstMs: firstMs, restartMostMs: mostMs, steadyMs } = this.#options.timings;
    const plan = isMachines
      ? { failures: Math.max(1, plugin.setback.failures), waitMs: Math.min(mostMs, 8 * firstMs) }
      : planRestart(plugin.setback.failures, ranMs, { firstMs, mostMs, steadyMs });
    const { failures } = plan;
    // Nobody may be let in who could order it to start again.
    const waitMs = isKeyKeeper(plugin.id) ? Math.min(mostMs, plan.waitMs) : plan.waitMs;
    plugin.setback = { failures, launchFrom: now() + waitMs, failedAt: Date.now() };
    plugin.failureCount += 1;
    if (!this.#mayRun || !plugin.isWanted) return '';
    if (waitMs < Infinity) return `starting it again in ${seconds(waitMs)}`;
    return `it failed ${failures} times in a row and stays down until it is started again or its folder changes`;
  }

  #reasonToDrain(plugin: Plugin, why: 'not wanted' | 'outdated'): string {
    if (!this.#mayRun) return 'the mesh shuts down';
    if (plugin.isRemoved) return 'its folder was removed, and without it nobody could start it again';
    if (why === 'outdated') return reasonToReplace(plugin);
    if (plugin.desired && !plugin.desired.config.value.enabled) return 'the plugin is disabled';
    return plugin.order?.verb === 'stop' ? 'it was ordered to stop' : 'it is not wanted any more';
  }
}

function reasonToReplace({ rollout, order }: Plugin): string {
  if (!rollout) return order?.verb === 'restart' ? 'a restart was ordered' : 'it is out of date';
  const { plan, failure } = rollout;
  if (failure) return `the ${plan.verb} is taken back`;
  switch (plan.verb) {
    case 'restart':
      return 'a restart was ordered';
    case 'configure':
      return 'its configuration has changed';
    case 'swap':
    case 'rollback':
      return `${plan.target.version} takes its place`;
  }
}
