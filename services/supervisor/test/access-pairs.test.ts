/** Two plugins that a supervisor has launched: with the credentials of the one nothing of the other can be had. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coreInbox, serviceVerbs, subjects } from '@bkg/sdk';
import type { Connection, Credentials } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { errors } from '@nats-io/nats-core';
import { manifest, Mesh } from './mesh.ts';

const ids = ['one', 'two', 'three'] as const;
const pairs = ids.flatMap((who) =>
  ids.filter((other) => other !== who).map((other) => [who, other] as const),
);

let mesh: Mesh;
const instances: Record<string, string> = {};

beforeAll(async () => {
  // The third one needs something of the first: it gets that and no more.
  const needs = { three: { needs: ['one:text.say'] } } as Record<string, object>;
  mesh = await Mesh.create(
    ids.map((id) => manifest(id, 'echo.mjs', needs[id])),
    { access: true },
  );
  await mesh.supervise();
  for (const id of ids) instances[id] = (await mesh.order('start', id)).instances[0]?.instance ?? '';
}, 30_000);
afterAll(() => mesh[Symbol.asyncDispose]());

/** Somebody with the credentials of an instance, and no library of ours that would keep it from something. */
async function withCredentialsOf(id: string): Promise<{ connection: Connection; violations: string[] }> {
  const instance = instances[id] ?? '';
  const file = path.join(mesh.home, 'run', `${instance}.credentials.json`);
  const credentials = JSON.parse(readFileSync(file, 'utf8')) as Credentials;
  const connection = await mesh.server.connect('thief', { credentials, identity: [id, instance] });
  const violations: string[] = [];
  void (async () => {
    for await (const status of connection.nats.status()) {
      if (status.type !== 'error' || !(status.error instanceof errors.PermissionViolationError)) continue;
      const { operation, subject, queue } = status.error;
      violations.push([operation, subject, ...(queue === undefined ? [] : [queue])].join(' '));
    }
  })();
  return { connection, violations };
}

/** Which of them the server lets through. */
async function publishable(id: string, list: readonly string[]): Promise<string[]> {
  const { connection, violations } = await withCredentialsOf(id);
  const mark = `from a thief ${Math.random()}`;
  const arrived: string[] = [];
  const spy = mesh.caller.nats.subscribe('>', {
    callback: (_, msg) => {
      if (msg.string() === mark) arrived.push(msg.subject);
    },
  });
  await mesh.caller.flush();
  for (const subject of list) connection.nats.publish(subject, mark);
  await connection.flush();
  await mesh.caller.flush();
  spy.unsubscribe();
  await eventually(() => violations.length >= list.length - arrived.length);
  await connection.close();
  expect(violations.toSorted()).toEqual(
    list
      .filter((subject) => !arrived.includes(subject))
      .map((subject) => `publish ${subject}`)
      .toSorted(),
  );
  return arrived;
}

/** Which of them the server lets through: outside of a queue, in that of invocations, in another one. */
async function subscribable(id: string, list: readonly string[]): Promise<string[]> {
  const { connection, violations } = await withCredentialsOf(id);
  const tried = list.flatMap((subject) => [subject, `${subject} q`, `${subject} bkg`]);
  const subscriptions = tried.map((one) => {
    const [subject = '', queue] = one.split(' ');
    const subscription = connection.nats.subscribe(subject, {
      ...(queue !== undefined && { queue }),
      callback: () => undefined,
    });
    return { one, subscription };
  });
  await connection.flush();
  await eventually(() => violations.length >= subscriptions.filter((s) => s.subscription.isClosed()).length);
  const allowed = subscriptions.filter(({ subscription }) => !subscription.isClosed()).map(({ one }) => one);
  await connection.close();
  const refused = tried.filter((one) => !allowed.includes(one)).map((one) => `subscription ${one}`);
  expect([...new Set(violations)].toSorted()).toEqual(refused.toSorted());
  return allowed;
}

describe.each(pairs)('with the credentials of %s, of %s', (who, other) => {
  it('nothing can be said in its name, nothing ordered, and nothing asked but what is needed', async () => {
    const [own, its] = [instances[who] ?? '', instances[other] ?? ''];
    const asOther = (['status', 'telemetry', 'log'] as const).flatMap((kind) => [
      subjects.event(other, its, kind),
      subjects.event(other, own, kind),
    ]);
    const toOther = [
      subjects.invoke(other),
      subjects.invokeCapability(other, 'text.say'),
      subjects.invokeCapability(other, 'text.shout'),
      subjects.invokeAny(other),
      subjects.invokeAt(other, its, 'text.say'),
      subjects.cancel(other),
      subjects.inflight(other),
      subjects.status(other),
      subjects.telemetry(other),
      subjects.logs(other),
      subjects.drain(other, its),
      subjects.configure(other, its),
      subjects.admit(other, its),
      ...serviceVerbs.map((verb) => subjects.service(verb, other, its)),
      subjects.control('stop', other),
      subjects.controlBy('stop', other, 'Kaaaaaaaaa'),
      subjects.registryGet(other),
      subjects.history(other),
    ];
    const ofTheMesh = [
      subjects.shutdown,
      subjects.registryList,
      subjects.auditEvent,
      subjects.auditList,
      subjects.accessInstance,
      subjects.keyChanged(own),
      subjects.spent('x'),
      subjects.authorization,
      subjects.connections,
      subjects.kick('x'),
      subjects.invokeCapability('apikeys', 'key.create'),
      `${coreInbox('gateway')}.x`,
      `${coreInbox('supervisor')}.x`,
      '$SYS._INBOX.x',
      '$JS.API.STREAM.DELETE.x',
      '$JS.API.STREAM.DELETE.KV_bkg_keys',
      '$JS.API.CONSUMER.CREATE.KV_bkg_registry.x.y',
      '$KV.bkg_keys.x',
      '$KV.bkg_desired.x',
      '$KV.bkg_registry.x',
    ];
    const needed =
      who === 'three' && other === 'one'
        ? [subjects.invokeCapability('one', 'text.say'), subjects.cancel('one'), subjects.inflight('one')]
        : [];
    // That it may speak for itself shows that it is heard.
    const itsOwn = subjects.event(who, own, 'log');
    expect(await publishable(who, [itsOwn, ...asOther, ...toOther, ...ofTheMesh])).toEqual([
      itsOwn,
      ...needed,
    ]);
  });

  it('nothing can be heard, taken, answered or read', async () => {
    const [own, its] = [instances[who] ?? '', instances[other] ?? ''];
    const ofOther = [
      subjects.invoke(other),
      subjects.invokeAny(other),
      subjects.invokeCapability(other, 'text.say'),
      subjects.invokeAtAny(other, its),
      subjects.invokeAtAny(other, own),
      subjects.status(other),
      subjects.telemetry(other),
      subjects.cancel(other),
      subjects.inflight(other),
      subjects.drain(other, its),
      `plugin.${other}.ctl.>`,
      `plugin.${other}.flow.${its}.*`,
      `plugin.${other}.events.>`,
      subjects.events('log', other),
      `plugin.${other}.>`,
      ...serviceVerbs.flatMap((verb) => [
        subjects.service(verb, other),
        subjects.service(verb, other, its),
        subjects.service(verb, other, own),
        subjects.service(verb, '>'),
      ]),
      `${subjects.inbox(other, its)}.>`,
      `${subjects.inbox(other)}.>`,
      `${subjects.inbox(other, own)}.>`,
      `${subjects.inbox('gateway')}.>`,
      `${subjects.inbox('supervisor')}.>`,
    ];
    const ofAll = ['>', 'plugin.>', 'plugin.*.invoke.>', '_INBOX.>', '_INBOX.*.*.>', '_CORE.>', 'bkg.>'];
    const ofServer = ['$JS.>', '$KV.>', '$SYS.>', '$SRV.>', subjects.authorization];
    const itsOwn = subjects.invokeAny(who);
    const needed =
      who === 'three' && other === 'one' ? [subjects.events('status', other)].flatMap(inAnyQueue) : [];
    const tried = [itsOwn, ...ofOther, subjects.events('status', other), ...ofAll, ...ofServer];
    expect(await subscribable(who, tried)).toEqual([`${itsOwn} q`, ...needed]);
  });
});

const inAnyQueue = (subject: string): string[] => [subject, `${subject} q`, `${subject} bkg`];

it('who says to be an instance of another, when all are asked who is there, is believed by nobody', async () => {
  const { connection } = await withCredentialsOf('one');
  let asked = 0;
  connection.nats.subscribe(subjects.service('PING'), {
    callback: (_, msg) => {
      asked += 1;
      msg.respond(JSON.stringify({ name: 'two', id: 'forged', version: '9.9.9', metadata: {} }));
    },
  });
  await connection.flush();
  await eventually(() => asked > 0);
  // Whom it has named is asked directly then.
  await delay(800);
  expect((await mesh.get('two')).instances.map(({ instance }) => instance)).toEqual([instances['two']]);
  await connection.close();
});
