import { hostname } from 'node:os';
import type { Descriptor, PluginInfo, PluginInstance, RegistryEntry, Status } from '@bkg/sdk';
import { now } from './clock.ts';
import { configOf } from './desired-state.ts';
import type { DesiredPlugin } from './desired-state.ts';
import type { ManagedInstance } from './managed-instance.ts';
import type { PluginSource } from './plugin-folders.ts';
import type { Desired, Observed } from './reconcile.ts';
import { pluginInfo, registryEntry } from './registry-entry.ts';
import type { ShownInstance } from './registry-entry.ts';
import type { Sighting } from './sighting.ts';

/** The last instance that failed; shown until another is launched or somebody orders something. */
export interface FailedInstance {
  instance: string;
  version: string;
  startedAt: string;
  error: string;
}

/** What failed in a row, and what follows from it. */
export interface Setback {
  failures: number;
  /** Nothing is launched before this; Infinity: not until somebody orders it, or changes its folder. */
  launchFrom: number;
  /** When the last of them was, ms since the epoch by the system's clock, as times of files are. */
  failedAt: number;
}

export const noSetback: Setback = { failures: 0, launchFrom: 0, failedAt: 0 };

/** The last order that was given for a plugin. */
export interface Order {
  verb: 'start' | 'stop' | 'restart';
}

/** All that is known of one plugin. */
export class Plugin {
  readonly id: string;
  /** Where its code lies; undefined when nobody here can start it. */
  source: PluginSource | undefined;
  /** Other folders with its id, which do not count as long as that of `source` is there. */
  heirs: readonly string[] = [];
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
  setback: Setback = noSetback;
  /** Failures since the supervisor started: an order that waits sees whether there is a new one. */
  failureCount = 0;
  order: Order | undefined;
  /** The last write of what is wanted: they are made one after the other. */
  writing: Promise<void> | undefined;
  /** When what is shown of it changed last, RFC 3339. */
  observedAt = new Date().toISOString();
  /** Since when nothing speaks for it any more, ms as `now()` gives them. */
  goneSince: number | undefined;
  #saidBefore: Descriptor | undefined;

  constructor(id: string) {
    this.id = id;
  }

  get isWanted(): boolean {
    const { config, run } = this.desired ?? {};
    return !this.isRemoved && config !== undefined && config.value.enabled && run?.value.want === 'running';
  }

  /** How many instances an order to run it means. */
  get replicas(): number {
    return this.desired?.config.value.replicas ?? 0;
  }

  get notBefore(): number {
    return Date.parse(this.desired?.run.value.not_before ?? '') || 0;
  }

  /** Why it cannot be launched; undefined when it can. */
  get problem(): string | undefined {
    return this.source?.problem ?? this.desiredProblem;
  }

  /** Instances that are ready, heard of, and stay. */
  get ready(): ManagedInstance[] {
    return [...this.managed.values()].filter(
      (one) =>
        one.status === 'running' &&
        !one.isLeaving &&
        one.silentSince === undefined &&
        one.launchedAt >= this.notBefore,
    );
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

  /** An instance has gone: its plugin is shown for a while more, with what it said of itself. */
  forget(instance: string): void {
    this.#saidBefore = this.sightings.get(instance)?.descriptor ?? this.#saidBefore;
    this.sightings.delete(instance);
  }

  /** @param mayRun false while the mesh shuts down */
  desiredState(mayRun: boolean): Desired {
    return {
      instances: mayRun && this.isWanted ? this.replicas : 0,
      notBefore: this.notBefore,
      launchable: this.#isLaunchable && this.desired !== undefined,
    };
  }

  observedState(natsUrl: string): Observed {
    return {
      instances: [...this.managed.values()].map((one) => one.observed(natsUrl)),
      launchFrom: this.setback.launchFrom,
    };
  }

  entry(mayRun: boolean): RegistryEntry {
    return registryEntry({
      id: this.id,
      ...(this.source?.manifest && { manifest: this.source.manifest }),
      ...(this.problem && { problem: this.problem }),
      ...(this.desired && { config: configOf(this.desired.config) }),
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
    return this.source?.manifest !== undefined && this.source.problem === undefined;
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

function shownManaged(one: ManagedInstance, sighting: Sighting | undefined): ShownInstance {
  const said = sighting?.status === 'error' ? (sighting.error ?? 'it says that it has failed') : undefined;
  return {
    instance: one.id,
    ...statusOf(said && one.status !== 'stopping' ? 'error' : one.status, one.silentSince, said),
    version: one.record.version,
    host: hostname(),
    ...(one.pid !== undefined && { pid: one.pid }),
    managed: true,
    started_at: one.record.launched_at,
    ...(sighting?.descriptor && { descriptor: sighting.descriptor }),
    ...(sighting?.telemetry && { telemetry: sighting.telemetry }),
  };
}

function shownSighting(sighting: Sighting): ShownInstance {
  const { instance, status, version, host, pid, startedAt, error, silentSince, descriptor, telemetry } =
    sighting;
  return {
    instance,
    ...statusOf(status, silentSince, error),
    version,
    host,
    ...(pid !== undefined && { pid }),
    managed: false,
    started_at: startedAt,
    ...(descriptor && { descriptor }),
    ...(telemetry && { telemetry }),
  };
}

function shownFailed({ instance, version, startedAt, error }: FailedInstance): ShownInstance {
  return {
    instance,
    status: 'error',
    error,
    version,
    host: hostname(),
    managed: true,
    started_at: startedAt,
  };
}

function statusOf(
  status: Status,
  silentSince: number | undefined,
  error: string | undefined,
): Pick<PluginInstance, 'status' | 'error'> {
  if (silentSince !== undefined && status !== 'stopping') {
    return { status: 'error', error: `no heartbeat since ${new Date(silentSince).toISOString()}` };
  }
  return status === 'error' ? { status, error: error ?? 'it says that it has failed' } : { status };
}
