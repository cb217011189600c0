import { timeoutMostMs } from '../headers.ts';
import { subjectTokenPattern } from '../names.ts';
import { frameIdMostLength, topics } from '../socket.ts';
import { windowMost } from '../stream.ts';
import type {
  CancelFrame,
  ChunkFrame,
  ClientFrame,
  CreditFrame,
  DroppedFrame,
  ErrorFrame,
  FeedFrame,
  GatewayFrame,
  HelloFrame,
  InvokeFrame,
  ResultFrame,
  SnapshotFrame,
  DataFrame,
  SubscribeFrame,
  Topic,
  Topics,
  UnsubscribedFrame,
  UnsubscribeFrame,
} from '../socket.ts';
import { ref } from './ref.ts';
import type { Wire, WireName } from './ref.ts';
import { anything, count, exactly, listOf, object, oneOf, orNull, text } from './schema.ts';
import type { SchemaOf } from './schema.ts';

const id = text('The subscription or invocation, as the client named it.', {
  minLength: 1,
  maxLength: frameIdMostLength,
});
const topic = oneOf(topics, 'What is subscribed to.');
const seq = count('Grows strictly within a subscription, with gaps.');
const invocationId = text('The invocation id.', { pattern: subjectTokenPattern.source });

const clientFrames = {
  SubscribeFrame: object<SubscribeFrame>(
    { op: exactly('subscribe'), id, topic },
    {
      plugins: listOf(text('A plugin id.'), 'Only these; for `plugin` exactly one.'),
      after_seq: count('After a reconnection: the last `seq` of this subscription.'),
      gateway: text('After a reconnection: the gateway that had sent it.'),
    },
  ),
  UnsubscribeFrame: object<UnsubscribeFrame>({ op: exactly('unsubscribe'), id }),
  InvokeFrame: object<InvokeFrame>(
    {
      op: exactly('invoke'),
      id,
      plugin: text('The plugin id.'),
      capability: text('The capability id.'),
    },
    {
      payload: anything("The capability's payload; absent means {}."),
      invocation_id: invocationId,
      timeout_ms: count('The time that the caller has left.', 1, timeoutMostMs),
      traceparent: text('W3C trace context.'),
      tracestate: text('W3C trace context.'),
      stream: count(
        'Takes the answer as chunks, so many before it gives more credit. Without it there is one result.',
        1,
        windowMost,
      ),
    },
  ),
  CreditFrame: object<CreditFrame>({
    op: exactly('credit'),
    id,
    credit: count('So many more chunks of a running `invoke` are taken.', 0, windowMost),
  }),
  CancelFrame: object<CancelFrame>({ op: exactly('cancel'), id }),
};

/** What a subscription gets, by its topic. */
const contents: {
  [T in Topic]: { snapshot: SchemaOf<Topics[T]['snapshot']>; data: SchemaOf<Topics[T]['data']> };
} = {
  plugins: {
    snapshot: listOf(ref('PluginInfo')),
    data: {
      anyOf: [
        object<{ plugin: Wire['PluginInfo'] }>({ plugin: ref('PluginInfo') }),
        object<{ removed: string }>({ removed: text('The id of the plugin that is gone.') }),
      ],
    },
  },
  plugin: { snapshot: orNull(ref('PluginInfo')), data: orNull(ref('PluginInfo')) },
  telemetry: { snapshot: listOf(ref('PluginTelemetry')), data: ref('PluginTelemetry') },
  logs: { snapshot: { type: 'array', maxItems: 0 }, data: ref('LogRecord') },
};

/** Which content a frame may have is decided by its topic. */
function perTopic(member: 'snapshot' | 'data'): Record<string, unknown> {
  const cases = topics.map((one) => ({
    properties: { topic: exactly(one), [member]: contents[one][member] },
  }));
  return { oneOf: cases };
}

const gatewayFrames = {
  HelloFrame: object<HelloFrame>({
    type: exactly('hello'),
    gateway: text("A random id of this gateway's process."),
    protocol: text('The version of the protocol.'),
  }),
  SnapshotFrame: {
    ...object<SnapshotFrame>({
      type: exactly('snapshot'),
      id,
      topic,
      seq,
      snapshot: anything('All there is, as the topic has it.') as SchemaOf<Topics[Topic]['snapshot']>,
    }),
    ...perTopic('snapshot'),
  },
  DataFrame: {
    ...object<DataFrame>({
      type: exactly('data'),
      id,
      topic,
      seq,
      data: anything('What has changed, as the topic has it.') as SchemaOf<Topics[Topic]['data']>,
    }),
    ...perTopic('data'),
  },
  DroppedFrame: object<DroppedFrame>({
    type: exactly('dropped'),
    id,
    topic,
    count: {
      type: ['integer', 'null'],
      minimum: 1,
      description: 'How many records are missing here; `null` when nobody knows.',
    },
  }),
  UnsubscribedFrame: object<UnsubscribedFrame>({ type: exactly('unsubscribed'), id }),
  ChunkFrame: object<ChunkFrame>({
    type: exactly('chunk'),
    id,
    invocation_id: invocationId,
    seq: count('From 0, without gaps.'),
    chunk: anything('A part of the answer.'),
  }),
  ResultFrame: object<ResultFrame>({
    type: exactly('result'),
    id,
    invocation_id: invocationId,
    output: anything("The capability's output."),
  }),
  ErrorFrame: object<ErrorFrame>(
    { type: exactly('error'), problem: ref('Problem') },
    { id, invocation_id: invocationId },
  ),
};

const anyOf = <T>(names: readonly WireName[]): SchemaOf<T> => ({ oneOf: names.map((name) => ref(name)) });

export const socketSchemas = {
  ...clientFrames,
  ...gatewayFrames,
  ClientFrame: anyOf<ClientFrame>(Object.keys(clientFrames) as WireName[]),
  GatewayFrame: anyOf<GatewayFrame>(Object.keys(gatewayFrames) as WireName[]),
  FeedFrame: {
    oneOf: [
      object<Extract<FeedFrame, { type: 'status' }>>({ type: exactly('status'), plugin: ref('PluginInfo') }),
      object<Extract<FeedFrame, { type: 'telemetry' }>>({
        type: exactly('telemetry'),
        telemetry: ref('PluginTelemetry'),
      }),
      { allOf: [ref('LogRecord')], properties: { type: exactly('log') }, required: ['type'] },
      object<Extract<FeedFrame, { type: 'dropped' }>>({
        type: exactly('dropped'),
        count: count('How many log records are missing here.', 1),
      }),
    ],
  } as SchemaOf<FeedFrame>,
};
