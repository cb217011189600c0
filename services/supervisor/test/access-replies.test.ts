/** A reply subject is the asker's choice: whoever answers publishes to none that is no inbox. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buckets, serviceVerbs, subjects } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { jetstreamManager } from '@nats-io/jetstream';
import { startKeyMesh } from './access-kit.ts';
import { manifest } from './mesh.ts';
import type { Mesh } from './mesh.ts';

const hostile = [
  '$JS.API.STREAM.DELETE.KV_bkg_keys',
  '$JS.API.STREAM.PURGE.KV_bkg_keys',
  '$KV.bkg_keys.key.Kaaaaaaaaa',
  '$KV.bkg_desired.run.echo',
  '$SYS._INBOX.x',
  'plugin.echo.invoke.crash',
  'plugin.apikeys.invoke.key.create',
  'plugin.other.events.i.status',
  'bkg.audit.event',
  '_CORE.supervisor.x',
  '_CORE.gateway.x',
  '_INBOX',
  '_INBOXES.x',
  'elsewhere',
];

let mesh: Mesh;
const instances: Record<string, string> = {};

beforeAll(async () => {
  ({ mesh } = await startKeyMesh([manifest('echo', 'echo.mjs')]));
  await mesh.order('start', 'echo');
  for (const id of ['echo', 'apikeys']) instances[id] = (await mesh.get(id)).instances[0]?.instance ?? '';
}, 30_000);
afterAll(() => mesh[Symbol.asyncDispose]());

const ofInstance = (id: string, capability: string): string[] => {
  const instance = instances[id] ?? '';
  return [
    subjects.invoke(id),
    subjects.invokeCapability(id, capability),
    subjects.invokeAt(id, instance, capability),
    subjects.status(id),
    subjects.telemetry(id),
    subjects.inflight(id),
    subjects.cancel(id),
    subjects.drain(id, instance),
    subjects.admit(id, instance),
    subjects.configure(id, instance),
    ...serviceVerbs.flatMap((verb) => [
      subjects.service(verb),
      subjects.service(verb, id),
      subjects.service(verb, id, instance),
    ]),
  ];
};
const ofSupervisor = (): string[] => [
  subjects.logs('echo'),
  subjects.registryList,
  subjects.registryGet('echo'),
  subjects.history('echo'),
  ...['start', 'stop', 'restart', 'swap', 'scale', 'rollback', 'configure'].flatMap((verb) => [
    subjects.control(verb, 'echo'),
    subjects.controlBy(verb, 'echo', 'Kaaaaaaaaa'),
  ]),
  subjects.shutdown,
  subjects.auditList,
  subjects.accessInstance,
];

it.each([
  ['a plugin', () => ofInstance('echo', 'text.say')],
  ['the plugin that keeps the API keys', () => ofInstance('apikeys', 'role.list')],
  ['the supervisor', ofSupervisor],
])('%s answers to no subject that is no inbox, and does nothing for who asks so', async (_who, of) => {
  const heard: string[] = [];
  const spy = await mesh.server.connect('spy');
  spy.nats.subscribe('>', {
    callback: (_, msg) => {
      if (hostile.includes(msg.subject)) heard.push(`${msg.subject}: ${msg.string()}`);
    },
  });
  await spy.flush();
  const bodyOf = (question: string): string =>
    question === subjects.invoke('echo') ? '{"capability":"text.say"}' : '{}';
  for (const question of of())
    for (const reply of hostile) mesh.caller.nats.publish(question, bodyOf(question), { reply });
  await mesh.caller.flush();
  await allGoesOn();
  await spy.flush();
  expect(heard).toEqual([]);
  await spy.close();
});

it('what JetStream delivers, to whatever subject a consumer names, is no order', async () => {
  const manager = await jetstreamManager(mesh.caller.nats);
  const stream = `KV_${buckets.registry}`;
  const { state } = await manager.streams.info(stream);
  expect(state.messages).toBeGreaterThan(0);
  const instance = instances['echo'] ?? '';
  const delivered: string[] = [];
  for (const order of [
    subjects.shutdown,
    subjects.control('stop', 'echo'),
    subjects.drain('echo', instance),
  ]) {
    const spy = mesh.caller.nats.subscribe(order, { callback: () => void delivered.push(order) });
    await mesh.caller.flush();
    await manager.consumers.add(stream, {
      deliver_subject: order,
      ack_policy: 'none',
      deliver_policy: 'last',
    });
    await eventually(() => delivered.includes(order));
    spy.unsubscribe();
  }
  await allGoesOn();
});

/** Each answers an honest question, which comes after all that were not. */
async function allGoesOn(): Promise<void> {
  for (const [id, instance] of Object.entries(instances)) {
    expect(await mesh.ask(subjects.status(id))).toMatchObject({ id, instance, status: 'running' });
    const { status, instances: known } = await mesh.get(id);
    expect([status, known.map((one) => one.instance)]).toEqual(['running', [instance]]);
  }
  expect(await mesh.invoke('apikeys', 'role.list')).toMatchObject({ roles: expect.any(Array) });
  expect(await mesh.invoke('echo', 'text.say', { text: 'x' })).toEqual({ text: 'x' });
}
