/**
 * Every subject of the mesh. But for `permissions.ts`, which says who may use which, no other file of bkg writes one down.
 * `<id>` is a plugin id, `<instance>` the id of one process of it.
 */

import { isPluginId, isSubjectToken } from './names.ts';

/** The queue group of all invoke subjects: each message reaches one instance. */
export const invokeQueue = 'q';

export const inboxRoot = '_INBOX.';

/**
 * Where gateway, supervisor and the keeper of the keys take what JetStream answers: no plugin may publish there, and
 * nats.js chooses reply subjects that can be guessed.
 */
export const coreInbox = (...identity: string[]): string => `_CORE.${identity.join('.')}`;

/** Whether a text is one that `coreInbox` gives. */
export function isCoreInbox(text: string): boolean {
  const [root, ...identity] = text.split('.');
  return root === '_CORE' && identity.length > 0 && identity.every(isSubjectToken);
}

/** Where nats-server itself takes answers. */
export const serverInboxRoot = '$SYS._INBOX.';

export const subjects = {
  /** Request: `{capability, payload}` → output, answered by one instance. */
  invoke: (id: string) => `plugin.${id}.invoke`,
  /** Request: payload → output. Broker permissions can grant exactly this subject. */
  invokeCapability: (id: string, capability: string) => `plugin.${id}.invoke.${capability}`,
  invokeAny: (id: string) => `plugin.${id}.invoke.>`,
  /** Request: payload → output, answered by that instance only. */
  invokeAt: (id: string, instance: string, capability: string) =>
    `plugin.${id}.at.${instance}.invoke.${capability}`,
  invokeAtAny: (id: string, instance: string) => `plugin.${id}.at.${instance}.invoke.>`,

  /** Request, every instance answers. */
  status: (id: string) => `plugin.${id}.status`,
  telemetry: (id: string) => `plugin.${id}.telemetry`,
  inflight: (id: string) => `plugin.${id}.inflight`,
  /** Publish, every instance hears. */
  cancel: (id: string) => `plugin.${id}.cancel`,

  /** Publish, that instance hears: credit, cancellation and chunks of one stream. The token is a secret of its two ends. */
  flow: (id: string, instance: string, token: string) => `plugin.${id}.flow.${instance}.${token}`,

  /** Request, answered by the supervisor. */
  logs: (id: string) => `plugin.${id}.logs`,
  registryList: 'bkg.registry.list',
  registryGet: (id: string) => `bkg.registry.get.${id}`,
  history: (id: string) => `bkg.registry.history.${id}`,
  control: (verb: string, id: string) => `bkg.control.${verb}.${id}`,
  /** The same, where the broker vouches for who orders it: the public part of a key. */
  controlBy: (verb: string, id: string, prefix: string) => `bkg.control.${verb}.${id}.by.${prefix}`,
  /** Request without an id: drain every managed plugin, start none any more. For who stops the whole mesh. */
  shutdown: 'bkg.control.shutdown',

  /** Request to one instance, by whoever ends it; the supervisor sends a signal. */
  drain: (id: string, instance: string) => `plugin.${id}.ctl.${instance}.drain`,
  /** The body is the new configuration. */
  configure: (id: string, instance: string) => `plugin.${id}.ctl.${instance}.configure`,
  /** Takes invocations from now on. */
  admit: (id: string, instance: string) => `plugin.${id}.ctl.${instance}.admit`,

  event: (id: string, instance: string, kind: EventKind) => `plugin.${id}.events.${instance}.${kind}`,
  /** All events of one kind, of one plugin or of all. */
  events: (kind: EventKind | '*' = '*', id = '*') => `plugin.${id}.events.*.${kind}`,

  /** ADR-32. `service('PING')`, `service('INFO', id)`, `service('STATS', id, instance)`. */
  service: (verb: ServiceVerb, ...rest: string[]) => ['$SRV', verb, ...rest].join('.'),

  /** Request, stored: one thing that somebody has done or was refused. */
  auditEvent: 'bkg.audit.event',
  /** Request, answered by the supervisor: what is stored. */
  auditList: 'bkg.audit.list',
  /** Request, answered by the supervisor: whether an instance that it has launched is still wanted. */
  accessInstance: 'bkg.access.instance',
  /** Event: the key has changed, or is of no use any more. */
  keyChanged: (instance: string) => `plugin.apikeys.events.${instance}.key`,
  /** Event: what one gateway has let through since it last said so. */
  spent: (gateway: string) => `bkg.spent.${gateway}`,
  /** Request of nats-server: who a client is that wants to connect. */
  authorization: '$SYS.REQ.USER.AUTH',
  /** Request, in the system's account, answered by every nats-server: its connections. */
  connections: '$SYS.REQ.SERVER.PING.CONNZ',
  /** Request, in the system's account, of one nats-server: close a connection. */
  kick: (server: string) => `$SYS.REQ.SERVER.${server}.KICK`,

  /** The inbox prefix of one identity; nobody may listen to another's. */
  inbox: (...identity: string[]) => `${inboxRoot}${identity.join('.')}`,
} as const;

/** The same subjects with `*` in the places of ids, for those who answer for every plugin. */
export const patterns = {
  logs: 'plugin.*.logs',
  status: 'plugin.*.status',
  telemetry: 'plugin.*.telemetry',
  registryGet: 'bkg.registry.get.*',
  history: 'bkg.registry.history.*',
  control: (verb: string) => `bkg.control.${verb}.*`,
  controlBy: (verb: string) => `bkg.control.${verb}.*.by.*`,
} as const;

export const serviceVerbs = ['PING', 'INFO', 'STATS'] as const;
export type ServiceVerb = (typeof serviceVerbs)[number];

export const eventKinds = ['status', 'telemetry', 'log'] as const;
export type EventKind = (typeof eventKinds)[number];

export interface EventSubject {
  id: string;
  instance: string;
  kind: EventKind;
}

/** Takes `plugin.<id>.events.<instance>.<kind>` apart; undefined for anything else, impossible ids included. */
export function parseEventSubject(subject: string): EventSubject | undefined {
  const [root, id, events, instance, kind, ...rest] = subject.split('.');
  if (root !== 'plugin' || events !== 'events' || rest.length > 0) return undefined;
  if (!id || !isPluginId(id) || !instance || !isSubjectToken(instance) || !isEventKind(kind))
    return undefined;
  return { id, instance, kind };
}

function isEventKind(kind: string | undefined): kind is EventKind {
  return eventKinds.some((known) => known === kind);
}

/** Whether a subject is one of a stream with an instance of that plugin: who answers chooses it, and we publish there. */
export function isFlowOf(id: string, subject: string): boolean {
  const tokens = subject.split('.');
  return tokens.length === 5 && subject.startsWith(`plugin.${id}.flow.`) && tokens.every(isSubjectToken);
}

/** The plugin id of `plugin.<id>.…`, `bkg.….<id>` or `bkg.control.<verb>.<id>.by.<key prefix>`. */
export function pluginIdOf(subject: string): string {
  const tokens = subject.split('.');
  return tokens[tokens[0] === 'plugin' ? 1 : 3] ?? '';
}

/** Who orders it, of whom the broker is sure: the public part of a key; undefined where the subject does not say. */
export function ordererOf(subject: string): string | undefined {
  const tokens = subject.split('.');
  return tokens[4] === 'by' ? tokens[5] : undefined;
}

/** Whether a reply subject is under `_INBOX.`, and one that the broker takes: no token of it is empty. */
export function isInbox(subject: string): boolean {
  return subject.startsWith(inboxRoot) && !subject.endsWith('.') && !subject.includes('..');
}

/** The capability in an invoke subject: what follows `.invoke.`; undefined for the bare one and for other subjects. */
export function capabilityOf(subject: string): string | undefined {
  const tokens = subject.split('.');
  const start = tokens[2] === 'at' ? 5 : 3;
  if (tokens[0] !== 'plugin' || tokens[start - 1] !== 'invoke') return undefined;
  return tokens.length > start ? tokens.slice(start).join('.') : undefined;
}
