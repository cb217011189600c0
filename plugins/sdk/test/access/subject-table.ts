/** Who may do what on every subject, written down by hand: nothing here is derived from what the code grants. */
import { coreInbox, patterns, subjects } from '../../src/protocol/subjects.ts';

/** Keys by their scopes. Each is known by a prefix of its own, so that it can stand in the table. */
export const keys = {
  nothing: { prefix: 'Knothingaa', scopes: [] },
  read: { prefix: 'Kreadaaaaa', scopes: ['read'] },
  'read:a': { prefix: 'Kreadatoaa', scopes: ['read:a'] },
  'read:b': { prefix: 'Kreadbtoaa', scopes: ['read:b'] },
  invoke: { prefix: 'Kinvokeaaa', scopes: ['invoke'] },
  'invoke:a': { prefix: 'Kinvokeata', scopes: ['invoke:a'] },
  'invoke:a:say': { prefix: 'Kinvokesay', scopes: ['invoke:a:say'] },
  'invoke:a:other': { prefix: 'Kinvokeoth', scopes: ['invoke:a:other'] },
  'invoke:a:text.*': { prefix: 'Kinvoketex', scopes: ['invoke:a:text.*'] },
  'invoke:b': { prefix: 'Kinvokebta', scopes: ['invoke:b'] },
  control: { prefix: 'Kcontrolaa', scopes: ['control'] },
  'control:a': { prefix: 'Kcontrolat', scopes: ['control:a'] },
  'control:b': { prefix: 'Kcontrolbt', scopes: ['control:b'] },
  // Of what keeps the keys a scope gives nothing that the one for everything does not.
  'invoke:apikeys': { prefix: 'Kinvokekey', scopes: ['invoke:apikeys'] },
  'invoke:apikeys:key.create': { prefix: 'Kcreatekey', scopes: ['invoke:apikeys:key.create'] },
  'control:apikeys': { prefix: 'Kcontrolky', scopes: ['control:apikeys'] },
  'serve:a': { prefix: 'Kserveaaaa', scopes: ['serve:a'] },
  'serve:b': { prefix: 'Kservebaaa', scopes: ['serve:b'] },
  admin: { prefix: 'Kadminaaaa', scopes: ['admin'] },
} as const;
export type KeyName = keyof typeof keys;

/** `<plugin>.<instance>`; a.j is the one that needs b:say. */
export const instances = ['a.i', 'a.j', 'b.i', 'apikeys.i'] as const;

/** Who is let in nowhere. */
export const strangers = [
  'nobody',
  'malformed',
  'unknown',
  'wrong',
  'expired',
  'revoked',
  'http',
  // One that nobody can be given, and that is in the bucket all the same.
  'serve:apikeys',
] as const;

/** Names out of `keys` and `instances`, and `gateway`, with a space between. Whoever is not named is refused. */
export interface Row {
  subject: string;
  publish?: string;
  /** With and without a queue. */
  subscribe?: string;
  /** In the queue `q` only. */
  q?: string;
  /** In the queue `bkg` only. */
  bkg?: string;
}

const row = (subject: string, may: Omit<Row, 'subject'> = {}): Row => ({ subject, ...may });

const invokeAnyOfA = 'invoke invoke:a invoke:a:say invoke:a:other invoke:a:text.*';
const invokeAnyOfKeeper = 'invoke invoke:apikeys invoke:apikeys:key.create';
const answering = 'serve:a serve:b a.i a.j b.i apikeys.i';

/** Three questions that each instance answers. */
const askedOfInstances = (of: (id: string) => string): Row[] => [
  row(of('a'), { publish: 'read read:a admin gateway', subscribe: 'serve:a a.i a.j' }),
  row(of('b'), { publish: 'read read:b admin gateway', subscribe: 'serve:b b.i' }),
  row(of('apikeys'), { publish: 'read admin gateway', subscribe: 'apikeys.i' }),
];

/** What goes with an invocation. */
const besideInvocations = (of: (id: string) => string): Row[] => [
  row(of('a'), { publish: `${invokeAnyOfA} admin gateway`, subscribe: 'serve:a a.i a.j' }),
  row(of('b'), { publish: 'invoke invoke:b a.j admin gateway', subscribe: 'serve:b b.i' }),
  row(of('apikeys'), { publish: `${invokeAnyOfKeeper} admin gateway`, subscribe: 'apikeys.i' }),
];

const askedOfSupervisor = (of: (id: string) => string): Row[] => [
  row(of('a'), { publish: 'read read:a admin gateway' }),
  row(of('b'), { publish: 'read read:b admin gateway' }),
  row(of('apikeys'), { publish: 'read admin gateway' }),
];

/** From the supervisor to one instance. */
const orders = (of: (id: string, instance: string) => string): Row[] => [
  row(of('a', 'i'), { subscribe: 'serve:a a.i' }),
  row(of('a', 'j'), { subscribe: 'serve:a a.j' }),
  row(of('b', 'i'), { subscribe: 'serve:b b.i' }),
  row(of('apikeys', 'i'), { subscribe: 'apikeys.i' }),
];

export const rowsOfSubjects: Record<keyof typeof subjects, Row[]> = {
  invoke: [
    row(subjects.invoke('a'), { publish: 'invoke invoke:a admin gateway', q: 'serve:a a.i a.j' }),
    row(subjects.invoke('b'), { publish: 'invoke invoke:b admin gateway', q: 'serve:b b.i' }),
    row(subjects.invoke('apikeys'), { publish: 'gateway', q: 'apikeys.i' }),
  ],
  invokeCapability: [
    row(subjects.invokeCapability('a', 'say'), {
      publish: 'invoke invoke:a invoke:a:say admin gateway',
      q: 'serve:a a.i a.j',
    }),
    row(subjects.invokeCapability('a', 'other'), {
      publish: 'invoke invoke:a invoke:a:other admin gateway',
      q: 'serve:a a.i a.j',
    }),
    row(subjects.invokeCapability('a', 'text.say'), {
      publish: 'invoke invoke:a invoke:a:text.* admin gateway',
      q: 'serve:a a.i a.j',
    }),
    row(subjects.invokeCapability('a', 'text'), {
      publish: 'invoke invoke:a admin gateway',
      q: 'serve:a a.i a.j',
    }),
    row(subjects.invokeCapability('a', 'say.more'), {
      publish: 'invoke invoke:a admin gateway',
      q: 'serve:a a.i a.j',
    }),
    row(subjects.invokeCapability('b', 'say'), {
      publish: 'invoke invoke:b a.j admin gateway',
      q: 'serve:b b.i',
    }),
    row(subjects.invokeCapability('b', 'other'), {
      publish: 'invoke invoke:b admin gateway',
      q: 'serve:b b.i',
    }),
    row(subjects.invokeCapability('apikeys', 'key.create'), { publish: 'gateway', q: 'apikeys.i' }),
  ],
  flow: [
    row(subjects.flow('a', 'i', 'x'), {
      publish: `${invokeAnyOfA} admin gateway`,
      subscribe: 'serve:a a.i',
    }),
    row(subjects.flow('b', 'i', 'x'), {
      publish: 'invoke invoke:b a.j admin gateway',
      subscribe: 'serve:b b.i',
    }),
  ],
  invokeAny: [
    row(subjects.invokeAny('a'), { publish: 'invoke invoke:a admin gateway', q: 'serve:a a.i a.j' }),
    row(subjects.invokeAny('b'), { publish: 'invoke invoke:b admin gateway', q: 'serve:b b.i' }),
    row(subjects.invokeAny('apikeys'), { publish: 'gateway', q: 'apikeys.i' }),
    // To publish there reaches who listens to all plugins, which is nobody.
    row(subjects.invokeAny('*'), { publish: 'invoke admin gateway' }),
  ],
  invokeAt: [
    row(subjects.invokeAt('a', 'i', 'say'), { publish: 'gateway', subscribe: 'serve:a a.i' }),
    row(subjects.invokeAt('a', 'j', 'say'), { publish: 'gateway', subscribe: 'serve:a a.j' }),
    row(subjects.invokeAt('b', 'i', 'say'), { publish: 'gateway', subscribe: 'serve:b b.i' }),
    row(subjects.invokeAt('apikeys', 'i', 'key.create'), { publish: 'gateway', subscribe: 'apikeys.i' }),
  ],
  invokeAtAny: [
    row(subjects.invokeAtAny('a', 'i'), { publish: 'gateway', subscribe: 'serve:a a.i' }),
    row(subjects.invokeAtAny('a', '*'), { publish: 'gateway', subscribe: 'serve:a' }),
    row(subjects.invokeAtAny('b', 'i'), { publish: 'gateway', subscribe: 'serve:b b.i' }),
    row(subjects.invokeAtAny('apikeys', 'i'), { publish: 'gateway', subscribe: 'apikeys.i' }),
  ],
  status: askedOfInstances(subjects.status),
  telemetry: askedOfInstances(subjects.telemetry),
  inflight: besideInvocations(subjects.inflight),
  cancel: besideInvocations(subjects.cancel),
  logs: askedOfSupervisor(subjects.logs),
  registryList: [row(subjects.registryList, { publish: 'read admin gateway' })],
  registryGet: askedOfSupervisor(subjects.registryGet),
  history: askedOfSupervisor(subjects.history),
  control: [
    row(subjects.control('stop', 'a'), { publish: 'control control:a admin gateway' }),
    row(subjects.control('configure', 'b'), { publish: 'control control:b admin gateway' }),
    row(subjects.control('stop', 'apikeys'), { publish: 'admin gateway' }),
  ],
  controlBy: [
    row(subjects.controlBy('stop', 'a', keys.admin.prefix), { publish: 'admin gateway' }),
    row(subjects.controlBy('stop', 'apikeys', keys.admin.prefix), { publish: 'admin gateway' }),
    row(subjects.controlBy('stop', 'a', keys.control.prefix), { publish: 'gateway' }),
    row(subjects.controlBy('stop', 'a', keys['control:a'].prefix), { publish: 'gateway' }),
    row(subjects.controlBy('stop', 'a', 'Kaaaaaaaaa'), { publish: 'gateway' }),
  ],
  shutdown: [row(subjects.shutdown)],
  drain: orders(subjects.drain),
  configure: orders(subjects.configure),
  admit: orders(subjects.admit),
  event: [
    row(subjects.event('a', 'i', 'status'), {
      publish: 'serve:a a.i',
      subscribe: `read read:a ${invokeAnyOfA} admin gateway`,
    }),
    row(subjects.event('a', 'j', 'status'), {
      publish: 'serve:a a.j',
      subscribe: `read read:a ${invokeAnyOfA} admin gateway`,
    }),
    row(subjects.event('a', 'i', 'log'), {
      publish: 'serve:a a.i',
      subscribe: 'read read:a admin gateway',
    }),
    row(subjects.event('a', 'i', 'telemetry'), {
      publish: 'serve:a a.i',
      subscribe: 'read read:a admin gateway',
    }),
    row(subjects.event('b', 'i', 'status'), {
      publish: 'serve:b b.i',
      subscribe: 'read read:b invoke invoke:b a.j admin gateway',
    }),
    row(subjects.event('b', 'i', 'log'), {
      publish: 'serve:b b.i',
      subscribe: 'read read:b admin gateway',
    }),
    row(subjects.event('apikeys', 'i', 'status'), {
      publish: 'apikeys.i',
      subscribe: `read ${invokeAnyOfKeeper} admin gateway`,
    }),
    row(subjects.event('apikeys', 'i', 'log'), { publish: 'apikeys.i', subscribe: 'read admin gateway' }),
  ],
  events: [
    row(subjects.events('status', 'a'), {
      publish: 'serve:a',
      subscribe: `read read:a ${invokeAnyOfA} admin gateway`,
    }),
    row(subjects.events('log', 'a'), { publish: 'serve:a', subscribe: 'read read:a admin gateway' }),
    row(subjects.events('status', 'b'), {
      publish: 'serve:b',
      subscribe: 'read read:b invoke invoke:b a.j admin gateway',
    }),
    row(subjects.events('*', 'b'), { publish: 'serve:b', subscribe: 'read read:b admin gateway' }),
    row(subjects.events('status'), { subscribe: 'read invoke admin gateway' }),
    row(subjects.events(), { subscribe: 'read admin gateway' }),
  ],
  service: [
    row(subjects.service('PING'), { publish: 'read admin', subscribe: answering }),
    row(subjects.service('INFO'), { publish: 'read admin', subscribe: answering }),
    row(subjects.service('STATS'), { publish: 'read admin', subscribe: answering }),
    row(subjects.service('PING', 'a'), { publish: 'read read:a admin', subscribe: 'serve:a a.i a.j' }),
    row(subjects.service('INFO', 'a'), { publish: 'read read:a admin', subscribe: 'serve:a a.i a.j' }),
    row(subjects.service('INFO', 'a', 'i'), { publish: 'read read:a admin', subscribe: 'serve:a a.i' }),
    row(subjects.service('INFO', 'a', 'j'), { publish: 'read read:a admin', subscribe: 'serve:a a.j' }),
    row(subjects.service('STATS', 'b'), { publish: 'read read:b admin', subscribe: 'serve:b b.i' }),
    row(subjects.service('STATS', 'b', 'i'), { publish: 'read read:b admin', subscribe: 'serve:b b.i' }),
    row(subjects.service('PING', 'apikeys', 'i'), { publish: 'read admin', subscribe: 'apikeys.i' }),
    row(subjects.service('PING', '*'), { publish: 'read admin' }),
    row(subjects.service('PING', '>'), { publish: 'read admin' }),
  ],
  auditEvent: [row(subjects.auditEvent, { publish: 'apikeys.i gateway' })],
  auditList: [row(subjects.auditList, { publish: 'admin gateway' })],
  accessInstance: [row(subjects.accessInstance, { publish: 'apikeys.i' })],
  keyChanged: [
    row(subjects.keyChanged('i'), { publish: 'apikeys.i', subscribe: 'read admin gateway apikeys.i' }),
    row(subjects.keyChanged('j'), { subscribe: 'read admin gateway apikeys.i' }),
    row(subjects.keyChanged('*'), { subscribe: 'read admin gateway apikeys.i' }),
  ],
  spent: [
    row(subjects.spent('one'), { publish: 'gateway', subscribe: 'gateway' }),
    row(subjects.spent('*'), { publish: 'gateway', subscribe: 'gateway' }),
  ],
  authorization: [row(subjects.authorization, { bkg: 'apikeys.i' })],
  connections: [row(subjects.connections)],
  kick: [row(subjects.kick('any'))],
  inbox: [
    row(`${subjects.inbox('a', 'i')}.x`, { publish: answering, subscribe: 'a.i' }),
    row(`${subjects.inbox('a', 'j')}.x`, { publish: answering, subscribe: 'a.j' }),
    row(`${subjects.inbox('b', 'i')}.x`, { publish: answering, subscribe: 'b.i' }),
    row(`${subjects.inbox('apikeys', 'i')}.x`, { publish: answering, subscribe: 'apikeys.i' }),
    row(`${subjects.inbox('gateway')}.x`, { publish: answering, subscribe: 'gateway' }),
    row(`${subjects.inbox('supervisor')}.x`, { publish: answering }),
    row(`${subjects.inbox(keys.admin.prefix)}.x`, { publish: `${answering} admin`, subscribe: 'admin' }),
    row(`${subjects.inbox(keys.nothing.prefix)}.x`, {
      publish: `${answering} nothing`,
      subscribe: 'nothing',
    }),
    row(`${subjects.inbox(keys['serve:a'].prefix)}.x`, { publish: answering, subscribe: 'serve:a' }),
    row(subjects.inbox('a', 'i'), { publish: answering }),
    row(`${subjects.inbox('a')}.>`, { publish: answering }),
    row(subjects.inbox('*', '>'), { publish: answering }),
    row(subjects.inbox('>'), { publish: answering }),
  ],
};

export const rowsOfPatterns: Record<keyof typeof patterns, Row[]> = {
  logs: [row(patterns.logs, { publish: 'read admin gateway' })],
  status: [row(patterns.status, { publish: 'read admin gateway' })],
  telemetry: [row(patterns.telemetry, { publish: 'read admin gateway' })],
  registryGet: [row(patterns.registryGet, { publish: 'read admin gateway' })],
  history: [row(patterns.history, { publish: 'read admin gateway' })],
  control: [row(patterns.control('stop'), { publish: 'control admin gateway' })],
  controlBy: [row(patterns.controlBy('stop'), { publish: 'gateway' })],
};

/** What nobody builds: wildcards over everything, and what nats-server and JetStream keep for themselves. */
export const rowsOfOthers: Row[] = [
  ...['>', '*', '*.>', 'plugin.>', 'plugin.a.>', 'plugin.*.>', 'bkg.>', '$SRV.>', '_CORE.>'].map((subject) =>
    row(subject),
  ),
  ...['$JS.>', '$KV.>', '$SYS.>', '$SYS.REQ.>', '$JS.API.>', '$KV.bkg_keys.>'].map((subject) =>
    row(subject, subject === '$KV.bkg_keys.>' ? { publish: 'apikeys.i' } : {}),
  ),
  row(`${coreInbox('gateway')}.x`, { subscribe: 'gateway' }),
  row(`${coreInbox('supervisor')}.x`),
  row(`${coreInbox('apikeys', 'i')}.x`, { subscribe: 'apikeys.i' }),
  row(`${coreInbox('apikeys', 'j')}.x`),
  row('$SYS._INBOX.server.x', { publish: 'apikeys.i' }),
  row('bkg.registry.anything', { publish: 'read admin gateway' }),
  row('bkg.control.stop.a.by', { publish: 'gateway' }),
  // nats-server takes a `*` at the end of what may be subscribed to for a `>`, too: it stays within one instance.
  row('plugin.a.flow.i.>', { publish: `${invokeAnyOfA} admin gateway`, subscribe: 'serve:a a.i' }),
  row('$SRV.PING.a.>', { publish: 'read read:a admin', subscribe: 'serve:a' }),
  row('plugin.*.events.>', { subscribe: 'read admin gateway' }),
  row('$KV.bkg_keys.key.Kadminaaaa', { publish: 'apikeys.i' }),
  row('$KV.bkg_desired.config.a'),
  row('$KV.bkg_registry.a'),
  row('$KV.bkg_lease.lease'),
  row('$JS.API.INFO', { publish: 'apikeys.i' }),
  row('$JS.API.STREAM.LIST'),
  row('$JS.API.STREAM.DELETE.KV_bkg_keys'),
  row('$JS.API.STREAM.PURGE.KV_bkg_keys', { publish: 'apikeys.i' }),
  row('$JS.API.STREAM.MSG.GET.KV_bkg_keys', { publish: 'apikeys.i' }),
  row('$JS.API.DIRECT.GET.KV_bkg_keys.x', { publish: 'apikeys.i' }),
  row('$JS.API.STREAM.MSG.GET.KV_bkg_desired'),
  row('$JS.API.DIRECT.GET.KV_bkg_desired.x'),
  row('$JS.API.STREAM.MSG.DELETE.bkg_audit'),
  row('$JS.API.STREAM.PURGE.bkg_audit'),
  row('$JS.API.CONSUMER.CREATE.KV_bkg_keys', { publish: 'apikeys.i' }),
  row('$JS.API.CONSUMER.CREATE.KV_bkg_registry.x.y', { publish: 'gateway' }),
  row('$JS.API.CONSUMER.CREATE.KV_bkg_desired.x.y'),
  row('$JS.ACK.KV_bkg_keys.x.1.1.1.1.0'),
];
