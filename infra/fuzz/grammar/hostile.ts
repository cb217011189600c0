import { between } from '../../chaos/random.ts';
import type { Random } from '../../chaos/random.ts';
import type { Grammar } from '../lineage.ts';
import { chance, mutateBytes, pick, weighted } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import { makeJson, mutateJson } from './json.ts';
import { makeNatsHeaders } from './nats-headers.ts';

/** One message with which a plugin answers. */
export interface HostileReply {
  /** What follows `NATS/1.0`; undefined without headers. */
  headers?: Bytes;
  body: Bytes;
  /** Where it wants credit: `{flow}` is a flow subject as it should be. */
  flow?: Bytes;
}

export const hostileCapabilities = ['plain', 'stream', 'bytes', 'upload'] as const;
const askers = ['post', 'events', 'socket'] as const;

/** How somebody asks for a capability, and what the plugin does instead of what it should. */
export interface HostileCall {
  kind: 'call';
  asker: (typeof askers)[number];
  capability: (typeof hostileCapabilities)[number];
  replies: HostileReply[];
}

/** What a plugin says of itself when it is asked. */
export interface HostileDescriptor {
  kind: 'descriptor';
  info: Bytes;
  /** Its event that it is there. */
  event: Bytes;
}

export type HostileInput = HostileCall | HostileDescriptor;

const headed = (...lines: string[]): Bytes => `\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const problem =
  '{"type":"urn:bkg:error:busy","title":"Busy","status":429,"detail":"x","code":"BUSY","retryable":true}';

const conversations: readonly (readonly HostileReply[])[] = [
  [{ body: '{"a":1}' }],
  [
    {
      body: problem,
      headers: headed('Nats-Service-Error: BUSY: x', 'Nats-Service-Error-Code: 429', 'Bkg-Instance: x'),
    },
  ],
  [{ body: '', headers: headed('Nats-Service-Error: FOO: x', 'Nats-Service-Error-Code: 409') }],
  [
    { body: '1', headers: headed('Bkg-Seq: 0'), flow: '{flow}' },
    { body: '2', headers: headed('Bkg-Seq: 1'), flow: '{flow}' },
    { body: '{"to":2}', headers: headed('Bkg-Seq: 2', 'Bkg-End: 3') },
  ],
  [
    { body: 'abc', headers: headed('Bkg-Seq: 0', 'Content-Type: image/png') },
    { body: 'null', headers: headed('Bkg-Seq: 1', 'Bkg-End: 2') },
  ],
  [
    { body: '1', headers: headed('Bkg-Seq: 0') },
    {
      body: problem,
      headers: headed(
        'Bkg-Seq: 1',
        'Bkg-End: 2',
        'Nats-Service-Error: BUSY: x',
        'Nats-Service-Error-Code: 429',
      ),
    },
  ],
  [{ body: '{"credit":2}', flow: '{flow}' }, { body: '{"bytes":1}' }],
  [],
];
const flows = [
  '{flow}',
  'plugin.steady.flow.x.y',
  'plugin.target.ctl.x.drain',
  '_INBOX.x',
  '*',
  '>',
  'bkg.control.shutdown',
];
const types = [
  'text/html',
  'image/png',
  'application/json',
  '',
  '\xff',
  'a/b; c="\xff"',
  'x'.repeat(20_000),
  'text/event-stream',
  'a/b\x01',
];

/** What a plugin with everything says of itself. Schemas are texts in a text. */
const info = JSON.stringify({
  type: 'io.nats.micro.v1.info_response',
  name: '{plugin}',
  id: '{evil}',
  version: '1.0.0',
  metadata: {
    'bkg.name': 'Evil',
    'bkg.protocol': '1',
    'bkg.settings_schema': '{"type":"object"}',
    'bkg.settings_live': '1',
  },
  description: 'd',
  endpoints: [
    {
      name: 'a_b',
      subject: 'plugin.{plugin}.invoke.a.b',
      queue_group: 'q',
      metadata: {
        'bkg.input_schema':
          '{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"string","pattern":"^a$"}}}',
        'bkg.output_schema': '{"anyOf":[{"type":"string"},{"type":"null"}]}',
        'bkg.errors': '{"EVIL_X":{"number":409,"retryable":false,"description":"x"}}',
        'bkg.stream': '1',
        'bkg.upload': '1',
        'bkg.idempotent': '1',
        'bkg.chunk_schema': '{}',
      },
    },
    {
      name: 'c',
      subject: 'plugin.{plugin}.invoke.c',
      metadata: { 'bkg.input_type': 'image/*', 'bkg.chunk_type': '*/*' },
    },
  ],
});
const event = JSON.stringify({
  id: '{plugin}',
  instance: '{evil}',
  status: 'running',
  version: '1.0.0',
  started_at: '2026-11-24T08:00:00.000Z',
});

const schemas = [
  '{"$ref":"#"}',
  '{"$ref":"http://127.0.0.1:1/x"}',
  '{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}',
  '{"$id":"x","$dynamicRef":"#x","$anchor":"x"}',
  '{"pattern":"(a+)+$","type":"string"}',
  '{"pattern":"[","type":"string"}',
  '{"type":"__proto__","properties":{"__proto__":{"type":"string"},"constructor":false}}',
  '{"enum":[],"const":{"__proto__":1}}',
  '{"minimum":1e400,"multipleOf":0,"maxLength":-1}',
  `{"allOf":[${'{"not":{}},'.repeat(2_000)}true]}`,
  '{"items":'.repeat(70) + 'true' + '}'.repeat(70),
  '{"description":"<script>alert(1)</script>","title":"\\u202e","examples":["</script>"],"default":{"__proto__":{"a":1}}}',
  'true',
  'false',
  'null',
  '[]',
  '1',
];

export const hostileGrammar: Grammar<HostileInput> = {
  make: (random) => {
    if (chance(random, 0.3))
      return {
        kind: 'descriptor',
        info: makeInfo(random),
        event: chance(random, 0.8) ? event : mutateJson(event, random),
      };
    const replies = [...pick(random, conversations)];
    const call = {
      kind: 'call' as const,
      asker: pick(random, askers),
      capability: pick(random, hostileCapabilities),
      replies,
    };
    return chance(random, 0.3) ? call : changeCall(call, random);
  },
  mutate: (input, random) => {
    if (input.kind === 'call') return changeCall(input, random);
    return chance(random, 0.85)
      ? { ...input, info: changeInfo(input.info, random) }
      : { ...input, event: mutateJson(input.event, random) };
  },
};

const makeInfo = (random: Random): Bytes => changeInfo(info, random);

/** Another schema in the place of one, or something else anywhere. */
function changeInfo(text: Bytes, random: Random): Bytes {
  if (chance(random, 0.6)) {
    const places = [...text.matchAll(/"bkg\.(?:\w+_schema|errors)":("(?:[^"\\]|\\.)*")/g)];
    if (places.length > 0) {
      const place = pick(random, places);
      const old = place[1] ?? '';
      const schema = chance(random, 0.6) ? pick(random, schemas) : mutateJson(pick(random, schemas), random);
      const at = place.index + place[0].length - old.length;
      return text.slice(0, at) + JSON.stringify(schema) + text.slice(at + old.length);
    }
  }
  return mutateJson(text, random);
}

function changeCall(call: HostileCall, random: Random): HostileCall {
  const { replies } = call;
  const at = between(random, 0, Math.max(0, replies.length - 1));
  const reply = replies[at];
  const added = (): HostileReply => ({
    body: makeJson(random),
    headers: makeNatsHeaders(random),
    flow: pick(random, flows),
  });
  if (!reply) return { ...call, replies: [added()] };
  const replaced = (...by: HostileReply[]): HostileCall => ({
    ...call,
    replies: replies.toSpliced(at, 1, ...by),
  });
  return weighted<() => HostileCall>(random, [
    [3, () => replaced({ ...reply, headers: makeNatsHeaders(random) })],
    [
      3,
      () =>
        replaced({
          ...reply,
          headers: (reply.headers ?? headed()).replace(/\d+/, String(between(random, -1, 4))),
        }),
    ],
    [2, () => replaced({ ...reply, headers: headed(`Content-Type: ${pick(random, types)}`) + '' })],
    [2, () => replaced({ ...reply, body: mutateJson(reply.body, random) })],
    [1, () => replaced({ ...reply, body: makeJson(random) })],
    [2, () => replaced(reply, reply)],
    [2, () => replaced(reply, added())],
    [1, () => replaced()],
    [1, () => replaced({ ...reply, flow: pick(random, flows) })],
    [1, () => replaced({ ...reply, headers: mutateBytes(reply.headers ?? '', random) })],
    [1, () => ({ ...call, replies: replies.toReversed() })],
    [1, () => ({ ...call, asker: pick(random, askers), capability: pick(random, hostileCapabilities) })],
    // More than anybody has asked for.
    [
      0.2,
      () => ({
        ...call,
        replies: Array.from({ length: 2_000 }, (_, i) => ({ ...reply, headers: headed(`Bkg-Seq: ${i}`) })),
      }),
    ],
  ])();
}
