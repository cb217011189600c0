import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../src/connection.ts';
import { NoRespondersError } from '../src/request-failures.ts';
import type { Heartbeat, StatusEvent } from '../src/protocol/event.ts';
import { isHeartbeat, isStatusEvent } from '../src/protocol/event.ts';
import { decodeDescriptor } from '../src/protocol/micro.ts';
import { configDefaults } from '../src/protocol/plugin.ts';
import { parseEventSubject, subjects } from '../src/protocol/subjects.ts';
import { isProblem } from '../src/protocol/errors.ts';
import { eventually, simulateMesh, startNatsServer } from '../src/testing.ts';
import type { SimulatedInstance, SimulatedMesh, TestServer } from '../src/testing.ts';

let nats: TestServer;
let peer: Connection;
let mesh: SimulatedMesh;
const statuses: StatusEvent[] = [];
const heartbeats: (Heartbeat & { instance: string; bytes: number })[] = [];
/** Events whose body is none of that kind. */
const misfits: string[] = [];

async function ask<T>(subject: string, body: unknown = ''): Promise<T> {
  const text = body === '' ? '' : JSON.stringify(body);
  return (await peer.request(subject, text, { timeoutMs: 5_000 })).json<T>();
}

/** @param most ends the collection when so many have come */
async function askAll(subject: string, most: number, forMs = 5_000): Promise<Record<string, unknown>[]> {
  const replies = await peer.requestMany(subject, '', { forMs, most });
  return replies.map((reply) => reply.json<Record<string, unknown>>());
}

function first(pluginId: string): SimulatedInstance {
  const [instance] = mesh.instancesOf(pluginId);
  if (!instance) throw new Error(`${pluginId} has no instance`);
  return instance;
}

beforeAll(async () => {
  nats = await startNatsServer({ jetstream: false });
  peer = await nats.connect('peer');
  peer.subscribe(subjects.events(), {
    callback: (_error, msg) => {
      const body: unknown = msg.json();
      const { kind, instance = '' } = parseEventSubject(msg.subject) ?? {};
      if (kind === 'status' && isStatusEvent(body)) statuses.push(body);
      else if (kind === 'telemetry' && isHeartbeat(body))
        heartbeats.push({ ...body, instance, bytes: msg.data.length });
      else misfits.push(msg.subject);
    },
  });
  await peer.flush();
  mesh = await simulateMesh({
    servers: [nats.url],
    credentials: nats.credentials,
    plugins: 3,
    instances: 6,
    connections: 2,
    heartbeatMs: 60_000,
  });
  await peer.flush();
});

afterAll(async () => {
  await mesh.end();
  await nats.stop();
});

describe('a simulated mesh', () => {
  it('has begun as instances do: each says starting, beats, and says running', () => {
    expect(mesh.plugins).toEqual(['simulated-0000', 'simulated-0001', 'simulated-0002']);
    for (const { id, pluginId } of mesh.instances) {
      const said = statuses.filter(({ instance }) => instance === id);
      expect(said.map((event) => [event.id, event.status])).toEqual([
        [pluginId, 'starting'],
        [pluginId, 'running'],
      ]);
      const [heartbeat] = heartbeats.filter(({ instance }) => instance === id);
      expect(heartbeat).toMatchObject({ seq: 0, every_ms: 60_000, telemetry: { plugin_id: pluginId } });
      // As large as one of a plugin at work.
      expect(heartbeat?.bytes).toBeGreaterThan(450);
    }
    expect(mesh.heartbeats).toBeGreaterThanOrEqual(6);
    expect(misfits).toEqual([]);
  });

  it('is found by discovery, as a whole, by plugin and by instance', async () => {
    expect(await askAll(subjects.service('PING'), 6)).toHaveLength(6);
    const infos = await askAll(subjects.service('INFO', 'simulated-0001'), 2);
    expect(infos).toHaveLength(2);
    const { id } = first('simulated-0001');
    const info = await ask(subjects.service('INFO', 'simulated-0001', id));
    expect(info).toMatchObject({ name: 'simulated-0001', id });
    expect(decodeDescriptor(info)?.capabilities.map((one) => one.id)).toEqual(['echo', 'numbers.add']);
    const stats = await ask(subjects.service('STATS', 'simulated-0001', id));
    expect(stats).toHaveProperty('endpoints.0.num_requests');
  });

  it('answers questions and invocations', async () => {
    const id = 'simulated-0001';
    expect(await askAll(subjects.status(id), 2)).toHaveLength(2);
    expect(await askAll(subjects.telemetry(id), 2)).toHaveLength(2);
    expect(await ask(subjects.inflight(id), { invocation_ids: ['one'] })).toMatchObject({
      invocation_ids: [],
    });
    expect(await ask(subjects.invokeCapability(id, 'echo'), { text: 'hello' })).toEqual({ text: 'hello' });
    const add = { capability: 'numbers.add', payload: { numbers: [1, 2, 3] } };
    expect(await ask(subjects.invoke(id), add)).toEqual({ sum: 6 });
    const refused = await ask(subjects.invokeAt(id, first(id).id, 'echo'), { text: 7 });
    expect(isProblem(refused)).toBe(true);
  });

  it('beats as it is told, at once and from then on', async () => {
    const id = 'simulated-0001';
    const instance = first(id);
    const subject = subjects.configure(id, instance.id);
    const beats = () => heartbeats.filter((one) => one.instance === instance.id);
    const before = beats().length;
    expect(await ask(subject, { heartbeat_ms: 500 })).toEqual({ ok: true });
    await eventually(() => beats().length >= before + 3);
    expect(beats().at(-1)).toMatchObject({ every_ms: 500 });
    expect(await ask(subject, { heartbeat_ms: 60_000 })).toEqual({ ok: true });
    expect(instance.heartbeatMs).toBe(60_000);
    for (const body of [{ heartbeat_ms: 499 }, { heartbeat_ms: 120_001 }, { heartbeat_ms: 500, id }, {}]) {
      expect(await ask(subject, body)).toMatchObject({ code: 'INVALID_PAYLOAD' });
    }
    expect(await ask(subject, { id, ...configDefaults })).toEqual({ ok: true });
  });

  it('changes the status of one instance', async () => {
    const instance = first('simulated-0002');
    instance.say('error', 'It has no luck.');
    await eventually(() =>
      statuses.some(
        (event) =>
          event.instance === instance.id && event.status === 'error' && event.error === 'It has no luck.',
      ),
    );
    instance.say('running');
    expect(instance.status).toBe('running');
  });

  it('lets one fall silent, whose subscriptions stay, as those of a process that hangs', async () => {
    const { id } = first('simulated-0002');
    first('simulated-0002').silence();
    const question = peer.request(subjects.service('PING', 'simulated-0002', id), '', { timeoutMs: 200 });
    await expect(question).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const replies = await askAll(subjects.service('PING', 'simulated-0002'), 2, 500);
    expect(replies.map((reply) => reply['id'])).not.toContain(id);
  });

  it('ends one in order, be it that it is asked to, and nobody answers for it then', async () => {
    const { id } = first('simulated-0000');
    expect(await ask(subjects.drain('simulated-0000', id))).toEqual({ ok: true });
    await eventually(() => statuses.some(({ instance, status }) => instance === id && status === 'stopped'));
    const question = peer.request(subjects.service('PING', 'simulated-0000', id), '', { timeoutMs: 5_000 });
    await expect(question).rejects.toBeInstanceOf(NoRespondersError);
    expect(await askAll(subjects.service('PING', 'simulated-0000'), 1)).toHaveLength(1);
  });

  it('is gone without a word when its signal aborts', async () => {
    const machine = new AbortController();
    const gone = await simulateMesh({
      servers: [nats.url],
      credentials: nats.credentials,
      plugins: 1,
      instances: 1,
      connections: 1,
      prefix: 'gone',
      signal: machine.signal,
    });
    machine.abort();
    await eventually(async () => (await askAll(subjects.service('PING', 'gone-0000'), 1, 200)).length === 0);
    await gone.end();
    expect(statuses.filter(({ id }) => id === 'gone-0000').map(({ status }) => status)).toEqual([
      'starting',
      'running',
    ]);
  });
});
