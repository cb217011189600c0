import { schemaOf, sampleOf } from '@bkg/sdk/protocol';
import { between } from '../../chaos/random.ts';
import type { Random } from '../../chaos/random.ts';
import type { Grammar } from '../lineage.ts';
import { chance, mutateBytes, pick, utf8, weighted } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import { makeJson, mutateJson } from './json.ts';
import { makeNatsHeaders } from './nats-headers.ts';

/** One message: `{instance}` in its subject is that of `target`, `{flow}` where its last chunk wants an answer. */
export interface NatsMessage {
  subject: Bytes;
  /** `own`: an inbox of its own; else as it is. */
  reply?: Bytes;
  /** Everything after `NATS/1.0`, its last empty line included; undefined without headers. */
  headers?: Bytes;
  body: Bytes;
}

export interface NatsInput {
  messages: NatsMessage[];
}

export const ownReply = 'own';
export const flowSubject = '{flow}';

const capabilities = [
  'echo',
  'echo',
  'strict.say',
  'wait',
  'fail',
  'count',
  'bytes',
  'take',
  'rows',
  'nothing',
  '__proto__',
  'constructor',
  'ECHO',
  'x'.repeat(200),
];
const verbs = ['start', 'stop', 'restart', 'swap', 'scale', 'configure', 'rollback', '__proto__', 'nothing'];
const strangers = ['spare', 'ghost', 'ghost2', '__proto__', 'constructor', 'sdk', 'x'.repeat(64), 'Ä', 'bkg'];
const kinds = ['status', 'telemetry', 'log', 'key', 'nothing', '__proto__'];
const instances = ['nobody', '{instance}x', '__proto__', 'x'.repeat(129)];

/** Where it goes; nothing of it ends `target`, `steady` or the mesh when it is taken. */
function makeSubject(random: Random): Bytes {
  const stranger = pick(random, strangers);
  return weighted<() => string>(random, [
    [10, () => `plugin.target.invoke.${pick(random, capabilities)}`],
    [3, () => 'plugin.target.invoke'],
    [3, () => `plugin.target.at.{instance}.invoke.${pick(random, capabilities)}`],
    [2, () => 'plugin.target.cancel'],
    [2, () => 'plugin.target.inflight'],
    [1, () => 'plugin.target.status'],
    [1, () => 'plugin.target.telemetry'],
    [1, () => `plugin.${pick(random, ['target', ...strangers])}.logs`],
    [1, () => `plugin.${stranger}.status`],
    [3, () => `plugin.target.flow.{instance}.${pick(random, ['x', '0'.repeat(32), '__proto__'])}`],
    [5, () => flowSubject],
    [1, () => `plugin.target.ctl.{instance}.${pick(random, ['configure', 'admit', 'nothing'])}`],
    [
      2,
      () =>
        [
          '$SRV',
          pick(random, ['PING', 'INFO', 'STATS', 'NOTHING']),
          ...pick(random, [[], ['target'], ['target', '{instance}'], ['ghost']]),
        ].join('.'),
    ],
    [
      2,
      () =>
        pick(random, [
          'bkg.registry.list',
          'bkg.audit.list',
          'bkg.access.instance',
          'bkg.spent.x',
          'bkg.spent.__proto__',
        ]),
    ],
    [2, () => `bkg.registry.${pick(random, ['get', 'history'])}.${pick(random, ['target', ...strangers])}`],
    [2, () => `bkg.control.${pick(random, verbs)}.${stranger}`],
    [
      1,
      () =>
        `bkg.control.${pick(random, verbs)}.${stranger}.by.${pick(random, ['Kabcdefghi', '__proto__', 'x'])}`,
    ],
    [
      3,
      () =>
        `plugin.${pick(random, ['target', 'ghost', 'ghost2'])}.events.${pick(random, instances)}.${pick(random, kinds)}`,
    ],
    [1, () => `plugin.apikeys.events.${pick(random, instances)}.key`],
    [1, () => `plugin.apikeys.invoke.${pick(random, ['keys.nothing', '__proto__', 'keys.verify'])}`],
  ])();
}

type Sampled = 'StatusEvent' | 'Heartbeat' | 'LogRecord' | 'KeyEvent' | 'AuditQuery';

/** Good bodies of what has a type, by a part of the subject. */
const samples: readonly (readonly [part: string, bodies: readonly Bytes[]])[] = [
  [
    '.events.',
    (['StatusEvent', 'Heartbeat', 'LogRecord', 'KeyEvent'] as const).map((name) => sampleText(name)),
  ],
  ['.inflight', ['{"invocation_ids":["a","b"]}', '{"invocation_ids":[]}']],
  ['.cancel', ['{"invocation_id":"a"}', '{"invocation_id":"0123456789abcdef"}']],
  ['.flow.', ['{"credit":1}', '{"credit":1025}', '{"credit":-1}', '{"cancel":true}']],
  [
    flowSubject,
    [
      '{"credit":1}',
      '{"credit":1}',
      '{"credit":1024}',
      '{"credit":1e9}',
      '{"credit":0}',
      '{"cancel":true}',
      '{"cancel":1}',
      '',
    ],
  ],
  [
    'bkg.control.',
    ['{"wait":false}', '{"version":"2.0.0","wait":false}', '{"replicas":-1}', '{"revision":0,"wait":false}'],
  ],
  ['.logs', ['{"lines":10}', '{"level":"info","since":"15m"}']],
  ['bkg.spent', [sampleText('AuditQuery'), '{"at":1,"spent":{}}']],
  ['bkg.audit', [sampleText('AuditQuery'), '{"most":1}']],
  ['bkg.access', ['{"instance":"x"}', '{"instance":"{instance}"}']],
  ['strict', ['{"text":"hi"}']],
  ['wait', ['{"ms":1}', '{"ms":50}']],
  ['count', ['{"to":3}', '{"to":40}']],
  ['bytes', ['{"pieces":2}']],
  ['rows', ['[1,2]']],
  ['invoke', ['{"capability":"echo","payload":{"a":1}}', '{"a":1}']],
];

function sampleText(name: Sampled): Bytes {
  return utf8(JSON.stringify(sampleOf(schemaOf(name))));
}

function makeMessage(random: Random): NatsMessage {
  const subject = makeSubject(random);
  const some = samples.find(([part]) => subject.includes(part))?.[1] ?? ['{}'];
  const body = weighted<() => Bytes>(random, [
    [6, () => pick(random, some)],
    [4, () => mutateJson(pick(random, some), random)],
    [2, () => makeJson(random)],
    [1, () => ''],
    [0.02, () => `"${'x'.repeat(900_000)}"`],
  ])();
  const headers = chance(random, 0.5) ? makeNatsHeaders(random) : undefined;
  const reply = chance(random, 0.85) ? ownReply : pick(random, replies);
  return { subject, body, ...(headers !== undefined && { headers }), ...(reply && { reply }) };
}

/** Where an answer would do harm, or cannot go. */
const replies: readonly Bytes[] = [
  '',
  'plugin.target.invoke.echo',
  'plugin.target.ctl.{instance}.drain',
  'bkg.control.shutdown',
  '_INBOX.nobody',
  '_INBOX.',
  '$SRV.PING',
  '$JS.API.INFO',
  '_CORE.gateway.x',
];

const headed = (...lines: string[]): Bytes => `\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const upload = ['Bkg-Upload: -', 'Bkg-Flow: {inbox}.flow'];
const flows = '{inbox}.flow';

/** A stream that is read, and payloads that come in chunks, as they should be. */
const conversations: readonly (readonly NatsMessage[])[] = [
  [
    {
      subject: 'plugin.target.invoke.count',
      reply: ownReply,
      headers: headed('Bkg-Stream: 2'),
      body: '{"to":10}',
    },
    { subject: flowSubject, body: '{"credit":2}' },
    { subject: flowSubject, body: '{"credit":8}' },
  ],
  [
    {
      subject: 'plugin.target.invoke.bytes',
      reply: ownReply,
      headers: headed('Bkg-Stream: 1'),
      body: '{"pieces":3}',
    },
    { subject: flowSubject, body: '{"credit":1}' },
    { subject: flowSubject, body: '{"cancel":true}' },
  ],
  [
    {
      subject: 'plugin.target.invoke.take',
      reply: ownReply,
      headers: headed(...upload, 'Content-Type: image/png'),
      body: '',
    },
    { subject: flowSubject, reply: flows, headers: headed('Bkg-Seq: 0'), body: 'abc' },
    { subject: flowSubject, headers: headed('Bkg-Seq: 1', 'Bkg-End: 2'), body: 'd' },
  ],
  [
    {
      subject: 'plugin.target.at.{instance}.invoke.rows',
      reply: ownReply,
      headers: headed(...upload),
      body: '',
    },
    { subject: flowSubject, reply: flows, headers: headed('Bkg-Seq: 0'), body: '[1,' },
    { subject: flowSubject, headers: headed('Bkg-Seq: 1', 'Bkg-End: 2'), body: '2]' },
  ],
];

export const natsGrammar: Grammar<NatsInput> = {
  make: (random) => {
    if (chance(random, 0.2)) return { messages: [...pick(random, conversations)] };
    return { messages: Array.from({ length: between(random, 1, 5) }, () => makeMessage(random)) };
  },
  mutate: ({ messages }, random) => {
    const at = between(random, 0, Math.max(0, messages.length - 1));
    const message = messages[at];
    if (!message) return { messages: [makeMessage(random)] };
    const replaced = (...by: NatsMessage[]): NatsInput => ({ messages: messages.toSpliced(at, 1, ...by) });
    return weighted<() => NatsInput>(random, [
      [4, () => replaced({ ...message, body: mutateJson(message.body, random) })],
      [3, () => replaced({ ...message, headers: makeNatsHeaders(random) })],
      [2, () => replaced({ ...message, headers: mutateBytes(message.headers ?? '', random) })],
      [2, () => replaced(message, makeMessage(random))],
      [1, () => ({ messages: messages.toReversed() })],
      [1, () => replaced(message, message)],
      [
        2,
        () =>
          replaced(message, {
            subject: flowSubject,
            body: pick(random, ['{"credit":1}', '{"cancel":true}', '{}', '{"credit":1024}']),
          }),
      ],
      [1, () => replaced()],
    ])();
  },
};
