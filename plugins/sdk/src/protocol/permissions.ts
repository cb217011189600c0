/** What each identity may publish and subscribe to: the table of "At the broker" in PROTOCOL.md. */
import { buckets } from './plugin.ts';
import { accessPlugin } from './scopes.ts';
import type { Scope } from './scopes.ts';
import {
  coreInbox,
  inboxRoot,
  invokeQueue,
  patterns,
  serverInboxRoot,
  serviceVerbs,
  subjects,
} from './subjects.ts';

/**
 * As nats-server takes them: subjects with wildcards; in `subscribe` one with a queue group after it, and a space
 * between, may be subscribed to in that group only. A `deny` wins over an `allow`.
 */
export interface Permissions {
  publish: { allow: string[]; deny: string[] };
  subscribe: { allow: string[]; deny: string[] };
}

/** One entry of a manifest's `needs`, `<plugin>:<capability pattern>`. */
export interface Grant {
  plugin: string;
  capability: string;
}

export interface InstanceIdentity {
  plugin: string;
  instance: string;
  needs: readonly Grant[];
}

export interface KeyIdentity {
  /** The key's public part. */
  prefix: string;
  scopes: readonly Scope[];
}

/** Of an instance that the supervisor has launched. */
export function instancePermissions({ plugin, instance, needs }: InstanceIdentity): Permissions {
  const granted = needs.map((grant) => invokePermissions(grant));
  const keeps = plugin === accessPlugin ? keeperPermissions(instance) : nothing();
  return merged([servePermissions(plugin, instance), ...granted, keeps], {
    publish: { allow: [`${inboxRoot}>`], deny: [] },
    subscribe: { allow: [`${subjects.inbox(plugin, instance)}.>`], deny: [] },
  });
}

/** Of an API key with broker access. */
export function keyPermissions({ prefix, scopes }: KeyIdentity): Permissions {
  const own = subjects.inbox(prefix);
  const serves = scopes.some(({ verb }) => verb === 'serve');
  return merged(
    scopes.map((scope) => scopePermissions(scope, prefix)),
    {
      // The server takes an empty list for everything.
      publish: { allow: serves ? [`${inboxRoot}>`] : [`${own}.>`], deny: deniedToKeys(scopes) },
      subscribe: { allow: [`${own}.>`], deny: [] },
    },
  );
}

/** Of a gateway. */
export function gatewayPermissions(): Permissions {
  const kvReads = [buckets.registry, buckets.lease].flatMap((bucket) => [
    `$JS.API.CONSUMER.CREATE.KV_${bucket}.>`,
    `$JS.API.CONSUMER.DELETE.KV_${bucket}.>`,
    `$JS.API.CONSUMER.INFO.KV_${bucket}.>`,
    `$JS.API.STREAM.INFO.KV_${bucket}`,
    `$JS.FC.KV_${bucket}.>`,
  ]);
  return {
    publish: {
      allow: [
        'plugin.*.invoke',
        'plugin.*.invoke.>',
        'plugin.*.at.>',
        'plugin.*.cancel',
        'plugin.*.inflight',
        'plugin.*.flow.>',
        patterns.status,
        patterns.telemetry,
        patterns.logs,
        'bkg.registry.>',
        'bkg.control.>',
        subjects.auditEvent,
        subjects.auditList,
        subjects.spent('*'),
        ...kvReads,
      ],
      deny: [subjects.shutdown],
    },
    subscribe: {
      allow: [
        'plugin.*.events.>',
        subjects.spent('*'),
        `${subjects.inbox('gateway')}.>`,
        `${coreInbox('gateway')}.>`,
      ],
      deny: [],
    },
  };
}

/** What an instance answers, and says of itself. */
function servePermissions(plugin: string, instance: string): Permissions {
  return {
    publish: { allow: [`plugin.${plugin}.events.${instance}.>`], deny: [] },
    subscribe: {
      allow: [
        `${subjects.invoke(plugin)} ${invokeQueue}`,
        `${subjects.invokeAny(plugin)} ${invokeQueue}`,
        `plugin.${plugin}.at.${instance}.>`,
        subjects.status(plugin),
        subjects.telemetry(plugin),
        subjects.cancel(plugin),
        subjects.inflight(plugin),
        `plugin.${plugin}.ctl.${instance}.>`,
        `plugin.${plugin}.flow.${instance}.*`,
        ...serviceVerbs.flatMap((verb) => [
          subjects.service(verb),
          subjects.service(verb, plugin),
          subjects.service(verb, plugin, instance),
        ]),
      ],
      deny: [],
    },
  };
}

/** What one scope of a key adds. */
function scopePermissions(scope: Scope, prefix: string): Permissions {
  const { plugin } = scope;
  switch (scope.verb) {
    case 'read':
      return readPermissions(plugin);
    case 'invoke':
      return invokePermissions(scope);
    case 'control':
      return { ...nothing(), publish: { allow: [`bkg.control.*.${plugin}`], deny: [] } };
    case 'serve':
      return servePermissions(plugin, '*');
    case 'admin':
      return merged([readPermissions('*'), invokePermissions({ plugin: '*', capability: '*' })], {
        publish: {
          allow: ['bkg.control.*.*', subjects.controlBy('*', '*', prefix), subjects.auditList],
          deny: [],
        },
        subscribe: { allow: [], deny: [] },
      });
  }
}

function readPermissions(plugin: string): Permissions {
  const ofAll = plugin === '*';
  const services = serviceVerbs.flatMap((verb) =>
    ofAll
      ? [subjects.service(verb), subjects.service(verb, '>')]
      : [subjects.service(verb, plugin), subjects.service(verb, plugin, '*')],
  );
  const registry = ofAll ? ['bkg.registry.>'] : [subjects.registryGet(plugin), subjects.history(plugin)];
  return {
    publish: {
      allow: [
        subjects.status(plugin),
        subjects.telemetry(plugin),
        subjects.logs(plugin),
        ...registry,
        ...services,
      ],
      deny: [],
    },
    subscribe: { allow: [`plugin.${plugin}.events.>`], deny: [] },
  };
}

/** To invoke, to give up, to steer a stream, and to learn what was lost when an instance dies. */
function invokePermissions({ plugin, capability }: Grant): Permissions {
  const subject =
    capability === '*'
      ? [subjects.invoke(plugin), subjects.invokeAny(plugin)]
      : [subjects.invokeCapability(plugin, capability.replace(/\.\*$/, '.>'))];
  return {
    publish: {
      allow: [...subject, subjects.cancel(plugin), subjects.inflight(plugin), `plugin.${plugin}.flow.>`],
      deny: [],
    },
    subscribe: { allow: [subjects.events('status', plugin)], deny: [] },
  };
}

/** What keeps the API keys: its bucket, whom to tell, and who wants to connect. */
function keeperPermissions(instance: string): Permissions {
  const stream = `KV_${buckets.keys}`;
  return {
    publish: {
      allow: [
        subjects.auditEvent,
        subjects.accessInstance,
        `${serverInboxRoot}>`,
        `$KV.${buckets.keys}.>`,
        `$JS.API.STREAM.INFO.${stream}`,
        `$JS.API.STREAM.CREATE.${stream}`,
        `$JS.API.STREAM.UPDATE.${stream}`,
        // Of what it has removed only; the bucket would remember it for ever.
        `$JS.API.STREAM.PURGE.${stream}`,
        `$JS.API.STREAM.MSG.GET.${stream}`,
        `$JS.API.DIRECT.GET.${stream}`,
        `$JS.API.DIRECT.GET.${stream}.>`,
        `$JS.API.CONSUMER.CREATE.${stream}`,
        `$JS.API.CONSUMER.CREATE.${stream}.>`,
        `$JS.API.CONSUMER.DELETE.${stream}.>`,
        `$JS.API.CONSUMER.INFO.${stream}.>`,
        `$JS.API.INFO`,
        `$JS.FC.${stream}.>`,
      ],
      deny: [],
    },
    subscribe: {
      // Of other instances of its own: a key that one of them has changed.
      allow: [
        `${subjects.authorization} ${accessQueue}`,
        subjects.keyChanged('*'),
        `${coreInbox(accessPlugin, instance)}.>`,
      ],
      deny: [],
    },
  };
}

/** The queue group of those who answer the server's question who a client is. */
export const accessQueue = 'bkg';

/** Whoever may invoke everything may not invoke that, and only an admin may stop it. */
function deniedToKeys(scopes: readonly Scope[]): string[] {
  const isAdmin = scopes.some(({ verb }) => verb === 'admin');
  return [
    subjects.invoke(accessPlugin),
    subjects.invokeAny(accessPlugin),
    ...(isAdmin ? [] : [subjects.control('*', accessPlugin)]),
  ];
}

function nothing(): Permissions {
  return { publish: { allow: [], deny: [] }, subscribe: { allow: [], deny: [] } };
}

/** All of them; each subject once. */
function merged(parts: readonly Permissions[], own: Permissions): Permissions {
  const all = [own, ...parts];
  const unite = (of: (one: Permissions) => string[]): string[] => [...new Set(all.flatMap(of))];
  return {
    publish: {
      allow: unite(({ publish }) => publish.allow),
      deny: unite(({ publish }) => publish.deny),
    },
    subscribe: {
      allow: unite(({ subscribe }) => subscribe.allow),
      deny: unite(({ subscribe }) => subscribe.deny),
    },
  };
}
