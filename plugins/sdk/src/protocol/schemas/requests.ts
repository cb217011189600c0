import { heartbeatLeastMs, heartbeatMostMs } from '../event.ts';
import type {
  Acknowledgement,
  Cancel,
  ControlOptions,
  Flow,
  HeartbeatOrder,
  InflightQuery,
  InflightReply,
  InvokeEnvelope,
} from '../requests.ts';
import { windowMost } from '../stream.ts';
import { by, wait, why } from './rollout.ts';
import { anything, closed, count, exactly, listOf, object, text } from './schema.ts';

const capability = text('The capability id.');
const payload = anything("The capability's payload; absent or null means {}.");
const invocationIds = listOf(text('An invocation id.'));

export const requestSchemas = {
  InvokeEnvelope: object<InvokeEnvelope>({ capability }, { payload }),
  Cancel: object<Cancel>({ invocation_id: text('The invocation that is no longer wanted.') }),
  Flow: object<Flow>(
    {},
    {
      credit: count('So many more chunks are taken; 0 is a sign of life.', 0, windowMost),
      cancel: exactly(true),
    },
  ),
  InflightQuery: object<InflightQuery>({ invocation_ids: invocationIds }),
  InflightReply: object<InflightReply>({
    instance: text('The instance that answers.'),
    invocation_ids: { ...invocationIds, description: 'Those that it holds.' },
  }),
  ControlOptions: object<ControlOptions>({}, { wait, by, why }),
  HeartbeatOrder: closed(
    object<HeartbeatOrder>({
      heartbeat_ms: count('Between two heartbeats, jittered by a tenth.', heartbeatLeastMs, heartbeatMostMs),
    }),
  ),
  Acknowledgement: object<Acknowledgement>({ ok: exactly(true) }),
};
