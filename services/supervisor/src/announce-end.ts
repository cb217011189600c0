import { hostname } from 'node:os';
import { subjects } from '@bkg/sdk';
import type { Connection, OtherInstance, StatusEvent } from '@bkg/sdk';
import type { InstanceRecord } from './instance-record.ts';
import type { Verdict } from './verdict.ts';

/** Who waits for its answer hears at once that there will be none. */
export function announceEnd(
  connection: Pick<Connection, 'publish'>,
  { plugin_id, instance, version, launched_at, process }: InstanceRecord,
  { status, text, ended }: Verdict,
  others: OtherInstance[],
): void {
  const event: StatusEvent = {
    id: plugin_id,
    instance,
    status,
    version,
    started_at: launched_at,
    host: hostname(),
    ...(process && { pid: process.pid }),
    ...(status === 'error' && { error: text }),
    ended,
    others,
  };
  connection.publish(subjects.event(plugin_id, instance, 'status'), JSON.stringify(event));
}
