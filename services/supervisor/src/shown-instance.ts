import { hostname } from 'node:os';
import type { PluginInstance, Status } from '@bkg/sdk';
import type { ManagedInstance } from './managed-instance.ts';
import type { ShownInstance } from './registry-entry.ts';
import type { Sighting } from './sighting.ts';

/** The last instance that failed; shown until another is launched or somebody orders something. */
export interface FailedInstance {
  instance: string;
  version: string;
  startedAt: string;
  error: string;
}

export function shownManaged(one: ManagedInstance, sighting: Sighting | undefined): ShownInstance {
  const said = sighting?.status === 'error' ? (sighting.error ?? 'it says that it has failed') : undefined;
  return {
    instance: one.id,
    ...statusOf(said && one.status !== 'stopping' ? 'error' : one.status, one.silentSince, said),
    version: one.record.version,
    host: hostname(),
    ...(one.pid !== undefined && { pid: one.pid }),
    managed: true,
    started_at: one.record.launched_at,
    ...(one.isHeld && { held: true }),
    ...(sighting?.descriptor && { descriptor: sighting.descriptor }),
    ...(sighting?.telemetry && { telemetry: sighting.telemetry }),
  };
}

export function shownSighting(sighting: Sighting): ShownInstance {
  const { instance, status, version, host, pid, held, startedAt, error, silentSince } = sighting;
  const { descriptor, telemetry } = sighting;
  return {
    instance,
    ...statusOf(status, silentSince, error),
    version,
    host,
    ...(pid !== undefined && { pid }),
    managed: false,
    started_at: startedAt,
    ...(held && { held }),
    ...(descriptor && { descriptor }),
    ...(telemetry && { telemetry }),
  };
}

export function shownFailed({ instance, version, startedAt, error }: FailedInstance): ShownInstance {
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
