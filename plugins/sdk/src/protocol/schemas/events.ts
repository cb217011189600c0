import { instanceEndings } from '../event.ts';
import type { Heartbeat, OtherInstance, StatusEvent } from '../event.ts';
import { statuses } from '../status.ts';
import { latencyBucketCount } from '../telemetry.ts';
import type { PluginTelemetry } from '../telemetry.ts';
import { ref } from './ref.ts';
import { count, flag, listOf, number, object, oneOf, text } from './schema.ts';
import type { SchemaOf } from './schema.ts';

export const status = oneOf(statuses, 'One of the five states.');
const host = text('The name of its machine.');
const pid = count('Its process there.');
const held = flag('It is `starting`, could take invocations, and waits until it is let in.');

/** Just what `isStatusEvent` and `isHeartbeat` take: a reader does not insist on more than it needs. */
export const eventSchemas = {
  StatusEvent: object<StatusEvent>(
    {
      id: text('The plugin id.'),
      instance: text('The instance id; "" when the supervisor answers for a plugin that has none.'),
      status,
      version: text('Its version.'),
      started_at: text('The time it started, RFC 3339; "" when there is no instance.'),
    },
    {
      host,
      pid,
      held,
      error: text('Why its status is `error`, for people.'),
      ended: oneOf(instanceEndings, 'From the supervisor: its process is gone, and how.'),
      others: listOf(
        object<OtherInstance>({
          instance: text('The instance id.'),
          inflight: flag('Whether it answers `plugin.<id>.inflight`.'),
        }),
        'With `ended`: the other instances that may hold what was sent before.',
      ),
    },
  ),
  Heartbeat: object<Heartbeat>(
    {
      seq: count('0, 1, 2, …'),
      status,
      version: text('Its version.'),
      started_at: text('The time it started, RFC 3339.'),
      descriptor: text('Changes when what `INFO` says of this instance changes.'),
      telemetry: ref('PluginTelemetry'),
    },
    {
      host,
      pid,
      held,
      every_ms: count('Until the next one, jittered by a tenth; 2000 when it is absent.'),
      by: text('`supervisor` when it is published in the name of an instance that publishes no events.'),
    },
  ),
  PluginTelemetry: object<PluginTelemetry>({
    plugin_id: text('The plugin id.'),
    cpu_percent: number('Of one core, children included: 200 is two cores busy.'),
    memory_mb: number('Resident, children included.'),
    uptime_secs: number('Whole seconds; of several instances the longest.'),
    request_count: count('Invocations answered since the start.'),
    error_count: count('Of these, failed.'),
    last_error: text('`CODE: detail`, "" for none.'),
    in_flight: count('Invocations held, waiting ones included.'),
    queue_depth: count('Of these, waiting for a place.'),
    event_loop_lag_ms: number('99th percentile since the last heartbeat; 0 where there is no event loop.'),
    instances: count('How many instances this is the sum of.'),
    latency_ms: {
      ...object<PluginTelemetry['latency_ms']>({
        p50: number('Half of all took at most this.'),
        p95: number('95 of 100 took at most this.'),
        p99: number('99 of 100 took at most this.'),
      }),
      description: 'The upper bounds of the buckets in which the percentiles lie.',
    },
    latency_buckets: listOf(
      bucket(),
      'Pairs [i, n]: n invocations took at most 0.1 ms · 2^(i/2), and longer than the bound of i − 1.',
    ),
  }),
};

function bucket(): SchemaOf<[number, number]> {
  const pair = [
    count('The number of the bucket.', 0, latencyBucketCount - 1),
    count('How many invocations lie in it.'),
  ];
  return { type: 'array', prefixItems: pair, minItems: 2, items: false };
}
