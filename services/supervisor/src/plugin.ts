import type {
  Descriptor,
  InstanceEnd,
  Isolation,
  OtherInstance,
  PluginConfig,
  PluginInfo,
  RegistryEntry,
  Restarts,
  Rollout as Receipt,
  Sandbox,
} from '@bkg/sdk';
import { now } from './clock.ts';
import { configStep } from './config/config-step.ts';
import type { ConfigStep } from './config/config-step.ts';
import { configOf } from './desired-state.ts';
import type { DesiredPlugin } from './desired-state.ts';
import { isKeyKeeper } from './key-keeper.ts';
import type { ManagedInstance } from './managed-instance.ts';
import type { PluginSource } from './plugin-folders.ts';
import type { Desired, Observed } from './reconcile.ts';
import { pluginInfo, registryEntry } from './registry-entry.ts';
import type { ShownInstance } from './registry-entry.ts';
import type { Rollout } from './rollout/rollout.ts';
import { strictProblem } from './strict-problem.ts';
import { shownFailed, shownManaged, shownSighting } from './shown-instance.ts';
import type { FailedInstance } from './shown-instance.ts';
import type { Sighting } from './sighting.ts';

/** What failed in a row, and what follows from it. */
export interface Setback {
  failures: number;
  /** Nothing is launched before this; Infinity: not until somebody orders it, or changes its folder. */
  launchFrom: number;
  /** When the last of them was, ms since the epoch by the system's clock, as times of files are. */
  failedAt: number;
}

export interface Target {
  /** Undefined while it is not known. */
  version: string | undefined;
  /** Instances launched before this are replaced, ms since the epoch. */
  notBefore: number;
}

/** @returns undefined while it is not known */
export type IsolationOf = (id: string, sandbox: Sandbox) => Isolation | undefined;

const endsMost = 5;
const othersMost = 256;

export const noSetback: Setback = { failures: 0, launchFrom: 0, failedAt: 0 };

/** The last order that was given for a plugin. */
export interface Order {
  verb: 'start' | 'stop' | 'restart';
  /** Who has given it, as it says itself. */
  by: string;
}

/** All that is known of one plugin. */
export class Plugin {
  readonly id: string;
  /** Where its code lies, in every version; none when nobody here can start it. */
  sources: readonly PluginSource[] = [];
  /** Its folder has gone: nobody could start it again, so what still runs of it is ended. */
  isRemoved = false;
  /** Since when its folder is not found any more, ms as `now()` gives them. */
  missingSince: number | undefined;
  /** Undefined until it is read. */
  desired: DesiredPlugin | undefined;
  /** Why what is wanted of it cannot be read. */
  desiredProblem: string | undefined;
  readonly managed = new Map<string, ManagedInstance>();
  readonly sightings = new Map<string, Sighting>();
  failed: FailedInstance | undefined;
  /** Its last ends that were not wanted, the latest first. */
  ends: readonly InstanceEnd[] = [];
  setback: Setback = noSetback;
  /** Failures since the supervisor started: an order that waits sees whether there is a new one. */
  failureCount = 0;
  order: Order | undefined;
  /** The one that is under way. */
  rollout: Rollout | undefined;
  /** Of the last one that has ended. */
  receipt: Receipt | undefined;
  /** The last write of what is wanted: they are made one after the other. */
  writing: Promise<void> | undefined;
  /** When what is shown of it changed last, RFC 3339. */
  observedAt = new Date().toISOString();
  /** Since when nothing speaks for it any more, ms as `now()` gives them. */
  goneSince: number | undefined;
  readonly #isolationOf: IsolationOf;
  #saidBefore: Descriptor | undefined;
  /** Its last end was for what the machine lacks. */
  #lastWasMachines = false;

  /** @param isolationOf what the machine can do for a plugin */
  constructor(id: string, isolationOf: IsolationOf = () => undefined) {
    this.id = id;
    this.#isolationOf = isolationOf;
  }

  /** What keeps its instances within their limits; undefined when nobody here can start it. */
  get isolation(): Isolation | undefined {
    return this.source && this.#isolationOf(this.id, this.config?.sandbox ?? 'off');
  }

  /**
   * An instance has ended that was not to end.
   * @param isMachines the machine lacks something, and it is tried for ever: in a row that is one end, the last
   */
  addEnd(end: InstanceEnd, isMachines = false): void {
    const isOneMore = isMachines && this.#lastWasMachines;
    const earlier = this.ends.slice(isOneMore ? 1 : 0).map(({ output: _output, ...rest }) => rest);
    this.#lastWasMachines = isMachines;
    this.ends = [end, ...earlier].slice(0, endsMost);
  }

  /** What the latest of them has printed last. */
  setOutput(instance: string, output: string[]): void {
    this.ends = this.ends.map((one, i) => (i === 0 && one.instance === instance ? { ...one, output } : one));
  }

  /** Forgets what failed before: somebody has looked, and says what to do. */
  clearSetback(): void {
    this.setback = noSetback;
    this.failed = undefined;
  }

  /** Instances that may hold invocations, besides one. */
  othersThan(instance: string): OtherInstance[] {
    const others = [...this.sightings.values()]
      .filter((one) => one.instance !== instance && one.status !== 'stopped')
      .map((one) => ({ instance: one.instance, inflight: one.speaks }));
    if (others.length <= othersMost) return others;
    // A list that is not whole must not let anybody think that those on it are all.
    return others.slice(0, othersMost).map((one) => ({ ...one, inflight: false }));
  }

  /** Where the code lies that counts: of the wanted version, or else the first that is there. */
  get source(): PluginSource | undefined {
    return this.sourceAmong(this.sources) ?? this.sources[0];
  }

  /** @returns that of the wanted version */
  sourceAmong(sources: readonly PluginSource[]): PluginSource | undefined {
    const { version } = this.target;
    return sources.find((one) => one.version === version);
  }

  /** Those that can be launched, the one that counts first. */
  get versions(): string[] {
    const usable = [this.source, ...this.sources].filter((one) => one?.manifest && !one.problem);
    return [...new Set(usable.flatMap((one) => one?.version ?? []))];
  }

  /** What instances must be to stay. */
  get target(): Target {
    if (this.rollout) return this.rollout.target;
    const { version, not_before = '' } = this.desired?.run.value ?? {};
    return { version, notBefore: Date.parse(not_before) || 0 };
  }

  /** What instances are to be given; undefined until it is read. */
  get config(): PluginConfig | undefined {
    return this.rollout?.config ?? (this.desired && configOf(this.desired.config.value));
  }

  get isSingleWriter(): boolean {
    const { source, sources } = this;
    const present = new Set([...this.managed.values()].map(({ record }) => record.version));
    // Also as long as one of a version that is: the other must not start beside it.
    return [source, ...sources].some(
      (one) => one?.manifest?.single_writer === true && (one === source || present.has(one.version ?? '')),
    );
  }

  get isWanted(): boolean {
    const { config, run } = this.desired ?? {};
    if (this.isRemoved || !config?.value.enabled) return false;
    // Whatever was ordered before it was what decides who may order anything.
    return run?.value.want === 'running' || (run !== undefined && isKeyKeeper(this.id));
  }

  /** How many instances an order to run it means. */
  get replicas(): number {
    const replicas = this.desired?.config.value.replicas ?? 0;
    return this.isSingleWriter ? Math.min(1, replicas) : replicas;
  }

  /** Why it cannot be launched; undefined when it can. */
  get problem(): string | undefined {
    return this.source?.problem ?? this.desiredProblem ?? this.#sandboxProblem;
  }

  get #sandboxProblem(): string | undefined {
    return this.config?.sandbox === 'strict' && this.isolation ? strictProblem(this.isolation) : undefined;
  }

  get #restarts(): Restarts | undefined {
    const { failures, launchFrom } = this.setback;
    if (failures === 0) return undefined;
    if (launchFrom === Infinity) return { failures, stays_down: true };
    const isAhead = this.managed.size === 0 && launchFrom > now();
    return { failures, ...(isAhead && { next_at: new Date(launchFrom).toISOString() }) };
  }

  /** Instances that are ready, heard of, and stay. */
  get ready(): ManagedInstance[] {
    return [...this.managed.values()].filter(
      (one) =>
        one.status === 'running' &&
        !one.isLeaving &&
        !one.isOnTrial &&
        !one.isUseless &&
        !this.isOutdated(one),
    );
  }

  /** Whether another shall run instead of it. */
  isOutdated(one: ManagedInstance): boolean {
    const { version, notBefore } = this.target;
    // Where the wanted version does not lie any more, whatever else is launched is as good.
    const isOther = one.record.version !== version && this.sourceAmong(this.sources) !== undefined;
    return (
      isOther || one.launchedAt < notBefore || one.obsolete !== undefined || this.#step(one) === 'restart'
    );
  }

  /** It runs with another configuration, and might take over that of today. */
  isUnconfigured(one: ManagedInstance): boolean {
    return this.#step(one) === 'live';
  }

  /** What it would take until the instances that run have another configuration. */
  stepTo(config: PluginConfig): ConfigStep {
    const steps = [...this.managed.values()].map((one) => {
      const current = one.config ?? this.config;
      // How many there are they are told beside: it is not waited for, and makes no rollout of an order to scale.
      const { replicas } = current ?? config;
      return one.isLeaving ? 'none' : this.#step(one, { ...config, replicas, revision: Infinity }, current);
    });
    return steps.find((step) => step === 'restart') ?? steps.find((step) => step === 'live') ?? 'none';
  }

  #step(one: ManagedInstance, config = this.config, current = one.config): ConfigStep {
    // The usual case, and the cheap one.
    if (!config || current?.revision === config.revision) return 'none';
    const isLive = this.sightings.get(one.id)?.descriptor?.settings_live === true;
    const step = current ? configStep(current, config, isLive) : this.#stepOfUnknown;
    return step === 'live' && one.notTakenOver === config.revision ? 'restart' : step;
  }

  /**
   * What an instance was given cannot be read, so it is given that of today. Not in a rollout: that may change what no
   * process takes over, as its environment, and nobody could tell.
   */
  get #stepOfUnknown(): ConfigStep {
    return this.rollout?.hasBegun ? 'restart' : 'live';
  }

  /** Every instance that is ready has said what it can do. */
  get isDescribed(): boolean {
    return this.ready.every(({ id }) => this.sightings.get(id)?.descriptor !== undefined);
  }

  /** Whether an instance answers `plugin.<id>.status`: those without events do not; what only starts yet may. */
  get speaksForItself(): boolean {
    return [...this.sightings.values()].some(
      ({ speaks, status, silentSince }) =>
        silentSince === undefined && (speaks ? status !== 'stopped' : status === 'starting'),
    );
  }

  /** What it said of itself last: as it was kept, or else by an instance that is silent, has failed or has gone. */
  get lastDescriptor(): Descriptor | undefined {
    if (this.desired?.descriptor) return this.desired.descriptor;
    const described = [...this.sightings.values()].filter(({ descriptor }) => descriptor !== undefined);
    const newest = described.toSorted((a, b) => (a.startedAt < b.startedAt ? 1 : -1))[0];
    return newest?.descriptor ?? this.#saidBefore;
  }

  /** What its newest instance says of itself, or else the last one said. */
  get lastSaid(): Descriptor | undefined {
    const [newest] = this.ready.toSorted((a, b) => b.launchedAt - a.launchedAt);
    return (newest && this.sightings.get(newest.id)?.descriptor) ?? this.lastDescriptor;
  }

  /** An instance has gone: its plugin is shown for a while more, with what it said of itself. */
  forget(instance: string): void {
    this.#saidBefore = this.sightings.get(instance)?.descriptor ?? this.#saidBefore;
    this.sightings.delete(instance);
  }

  /** @param mayRun false while the mesh shuts down */
  desiredState(mayRun: boolean): Desired {
    return {
      instances: mayRun && this.isWanted ? this.replicas : 0,
      launchable: this.#isLaunchable && this.desired !== undefined,
      singleWriter: this.isSingleWriter,
      onTrial: this.rollout?.hasBegun === true,
      committed: this.rollout?.isCommitted ?? true,
    };
  }

  /** @param natsUrl the broker of today */
  observedState(natsUrl: string): Observed {
    return {
      instances: [...this.managed.values()].map((one) => ({
        ...one.observed(),
        // One that holds on to another broker cannot do its work there.
        outdated: one.record.nats_url !== natsUrl || this.isOutdated(one),
        unconfigured: this.isUnconfigured(one),
      })),
      launchFrom: this.setback.launchFrom,
    };
  }

  entry(mayRun: boolean): RegistryEntry {
    return registryEntry({
      id: this.id,
      ...(this.source?.manifest && { manifest: this.source.manifest }),
      ...(this.problem && { problem: this.problem }),
      ...(this.desired && { config: configOf(this.desired.config.value) }),
      versions: this.versions,
      isSingleWriter: this.isSingleWriter,
      ...(this.isolation && { isolation: this.isolation }),
      ...(this.ends.length > 0 && { ends: this.ends }),
      ...(this.#restarts && { restarts: this.#restarts }),
      ...((this.rollout ?? this.receipt) && { rollout: this.rollout?.receipt ?? this.receipt }),
      wanted: mayRun && this.isWanted && this.replicas > 0,
      isDue: this.#isLaunchable && this.setback.launchFrom <= now(),
      instances: this.#shown(),
      ...(this.lastDescriptor && { lastDescriptor: this.lastDescriptor }),
      observedAt: this.observedAt,
    });
  }

  info(mayRun: boolean): PluginInfo {
    return pluginInfo(this.entry(mayRun), this.#shown());
  }

  get #isLaunchable(): boolean {
    const { source, rollout } = this;
    if (!source?.manifest || source.problem !== undefined || this.#sandboxProblem) return false;
    // Nothing but what was ordered.
    return !rollout?.isOfVersion || source.version === rollout.target.version;
  }

  #shown(): ShownInstance[] {
    const managed = [...this.managed.values()].map((one) => shownManaged(one, this.sightings.get(one.id)));
    const others = [...this.sightings.values()]
      .filter(({ instance, status }) => !this.managed.has(instance) && status !== 'stopped')
      .map(shownSighting);
    const failed = this.failed ? [shownFailed(this.failed)] : [];
    return [...managed, ...others, ...failed];
  }
}
