import { heartbeatMostMs, isVersion } from '@bkg/sdk';
import type { Descriptor, Heartbeat, PluginTelemetry, Status, StatusEvent } from '@bkg/sdk';
import type { StatsReading } from './stats-telemetry.ts';

/** What an instance has shown of itself on the bus. */
export interface Sighting {
  readonly instance: string;
  status: Status;
  version: string;
  startedAt: string;
  host: string;
  pid?: number;
  /** It could take invocations, and waits until it is let in. */
  held: boolean;
  error?: string;
  /** It publishes events; one that does not is asked now and then. */
  speaks: boolean;
  /** Between two heartbeats, as it says itself; undefined for one that says nothing of it. */
  beatMs?: number;
  /** When it was heard last, ms as `now()` gives them. */
  heardAt: number;
  /** When it was asked last whether it is there. */
  askedAt?: number;
  /** Since when it is silent, and did not answer when it was asked. */
  silentSince?: number;
  /** Changes when the descriptor does. */
  descriptorHash?: string;
  /** Of which hash the descriptor is; "" for an instance that has none. */
  describedHash?: string;
  describedAt?: number;
  descriptor?: Descriptor;
  telemetry?: PluginTelemetry;
  /** What its statistics said last; only one without events is asked for them. */
  stats?: StatsReading;
  /** How often in a row nobody was there to be asked. */
  vacancies?: number;
}

const textMost = 1_000;

/** Of an instance that is known to be there, and has not been heard yet. */
export function expected(
  known: Pick<Sighting, 'instance' | 'status' | 'version' | 'speaks'>,
  at: number,
): Sighting {
  return { ...blank(known.instance), ...known, heardAt: at };
}

/** The sighting after a status event. */
export function afterStatus(before: Sighting | undefined, event: StatusEvent, at: number): Sighting {
  const { silentSince: _silent, error: _error, ...kept } = before ?? blank(event.instance);
  return {
    ...kept,
    ...placeOf(event),
    status: event.status,
    held: event.held === true,
    ...(event.error && { error: event.error.slice(0, textMost) }),
    speaks: true,
    heardAt: at,
  };
}

/** The sighting after a heartbeat. */
export function afterHeartbeat(
  before: Sighting | undefined,
  instance: string,
  heartbeat: Heartbeat,
  at: number,
): Sighting {
  const { silentSince: _silent, error, ...kept } = before ?? blank(instance);
  return {
    ...kept,
    ...placeOf(heartbeat),
    // A status event may have been lost.
    ...(error && heartbeat.status === 'error' && { error }),
    status: heartbeat.status,
    held: heartbeat.held === true,
    ...(heartbeat.every_ms !== undefined && { beatMs: Math.min(heartbeat.every_ms, heartbeatMostMs) }),
    descriptorHash: heartbeat.descriptor.slice(0, 128),
    telemetry: heartbeat.telemetry,
    speaks: true,
    heardAt: at,
  };
}

/**
 * The sighting of a service that has answered; one without events runs as long as it answers.
 * @param version as the answer gives it, whatever that is
 */
export function afterAnswer(
  before: Sighting | undefined,
  instance: string,
  version: unknown,
  at: number,
): Sighting {
  const {
    silentSince: _silent,
    vacancies: _vacancies,
    ...kept
  } = before ?? {
    ...blank(instance),
    startedAt: new Date(at).toISOString(),
  };
  const isKnown = typeof version === 'string' && isVersion(version);
  const sighting = { ...kept, heardAt: at, version: isKnown ? version : kept.version };
  return kept.speaks ? sighting : { ...sighting, status: 'running' };
}

/** Whether two sightings look the same to who reads the registry. */
export function looksTheSame(a: Sighting | undefined, b: Sighting): boolean {
  return (
    a !== undefined &&
    a.status === b.status &&
    a.version === b.version &&
    a.startedAt === b.startedAt &&
    a.host === b.host &&
    a.pid === b.pid &&
    a.held === b.held &&
    a.error === b.error &&
    a.silentSince === b.silentSince &&
    a.descriptor === b.descriptor
  );
}

function blank(instance: string): Sighting {
  return {
    instance,
    status: 'starting',
    version: '0.0.0',
    startedAt: '',
    host: '',
    held: false,
    speaks: false,
    heardAt: 0,
  };
}

/** Texts that anybody may have written. */
function placeOf(said: Pick<Heartbeat, 'version' | 'started_at' | 'host' | 'pid'>) {
  const startedAt = new Date(said.started_at);
  return {
    version: isVersion(said.version) ? said.version.slice(0, 128) : '0.0.0',
    startedAt: Number.isNaN(startedAt.getTime()) ? '' : startedAt.toISOString(),
    host: (said.host ?? '').slice(0, 255),
    ...(said.pid !== undefined && { pid: said.pid }),
  };
}
