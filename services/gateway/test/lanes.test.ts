import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RegistryEntry } from '@bkg/sdk';
import { eventually, silentLogger, startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import type { Lane } from '../src/invoke/lane.ts';
import { Lanes } from '../src/invoke/lanes.ts';
import { Broker } from '../src/mesh/broker.ts';
import { entryOf } from './mesh.ts';

const withinMs = 2_000;
const known = new Map<string, RegistryEntry>();

let nats: TestServer;
let broker: Broker;
let lanes: Lanes;

beforeEach(async () => {
  nats = await startNatsServer({ jetstream: false, monitor: true });
  broker = new Broker({ servers: [nats.url], credentials: nats.credentials, log: silentLogger });
  await eventually(() => broker.connected);
  known.clear();
  for (const id of ['a', 'b']) known.set(id, entryOf(id));
  lanes = createLanes();
});
afterEach(async () => {
  lanes.cutOff(new Error('the test is over'));
  await broker.close();
  await nats.stop();
});

function open(id: string, { signal } = new AbortController()): Promise<Lane> {
  return lanes.open(id, withinMs, signal);
}

function createLanes(restMs?: number): Lanes {
  return new Lanes({ broker, catalog: known, ...(restMs !== undefined && { restMs }) });
}

async function connections(): Promise<string[]> {
  const response = await fetch(`${nats.monitorUrl}/connz`);
  const { connections: all } = (await response.json()) as { connections: { name: string }[] };
  return all.map(({ name }) => name).sort();
}

/** Has its connection made again. */
async function reconnect({ broker: { nats: own } }: Lane): Promise<void> {
  await own?.reconnect();
}

describe('the connection of a plugin', () => {
  it('is opened by the first who needs it, for all of its invocations and no other', async () => {
    expect(lanes.ready('a')).toBeUndefined();
    const [one, same, other] = await Promise.all(['a', 'a', 'b'].map((id) => open(id)));
    expect(one).toBe(same);
    expect(one).not.toBe(other);
    expect([lanes.ready('a'), lanes.ready('b')]).toEqual([one, other]);
    expect(await connections()).toEqual(['bkg gateway', 'bkg gateway, a', 'bkg gateway, b']);
  });

  it('is that of everything else for a plugin that the registry does not know', async () => {
    const lane = await open('unknown');
    expect(lane.broker).toBe(broker);
    expect(lanes.ready('unknown')).toBeUndefined();
    expect(await connections()).toEqual(['bkg gateway']);
  });

  it('is waited for while it is made again', async () => {
    const lane = await open('a');
    await reconnect(lane);
    await eventually(() => !lane.broker.connected);
    expect(lanes.ready('a')).toBeUndefined();
    expect(await open('a')).toBe(lane);
    expect(lane.broker.connected).toBe(true);
  });

  it('is not waited for while the broker is away, nor any longer when it goes', async () => {
    const lane = await open('a');
    await nats.kill();
    await eventually(() => !broker.connected && !lane.broker.connected);
    const since = performance.now();
    expect(await open('a')).toBe(lane);
    expect(lane.broker.connected).toBe(false);
    await nats.restart();
    await eventually(() => broker.connected);
    // Not known yet, and so its connection has to be made.
    const waiting = open('b');
    await nats.kill();
    await waiting;
    expect(performance.now() - since).toBeLessThan(withinMs);
  });

  it('is not waited for by who has been cancelled', async () => {
    const lane = await open('a');
    await reconnect(lane);
    await eventually(() => !lane.broker.connected);
    const controller = new AbortController();
    const waiting = open('a', controller);
    controller.abort();
    expect(await waiting).toBe(lane);
    expect(await open('a', controller)).toBe(lane);
    expect(lane.broker.connected).toBe(false);
  });

  it('is not needed to cancel what was sent over it', async () => {
    const lane = await open('a');
    const heard: string[] = [];
    const peer = await nats.connect('peer');
    peer.subscribe('plugin.a.cancel', { callback: (_error, msg) => void heard.push(msg.string()) });
    await peer.flush();
    await reconnect(lane);
    await eventually(() => !lane.broker.connected);
    expect(lane.cancel('a', 'one')).toBe(true);
    expect(lanes.cancel('a', 'two')).toBe(true);
    await eventually(() => heard.length === 2);
    expect(heard).toEqual(['{"invocation_id":"one"}', '{"invocation_id":"two"}']);
  });

  it('closes when nobody has needed it for a while, and is opened again', async () => {
    lanes.cutOff(new Error('this one has others'));
    lanes = createLanes(50);
    const lane = await open('a');
    lane.enter();
    await open('b');
    await eventually(async () => !(await connections()).includes('bkg gateway, b'));
    expect(await connections()).toEqual(['bkg gateway', 'bkg gateway, a']);
    expect(lanes.ready('a')).toBe(lane);
    lane.leave();
    await eventually(async () => (await connections()).length === 1);
    expect((await open('a')).broker.connected).toBe(true);
  });

  it('closes with the first, also when it has not been there yet', async () => {
    await open('a');
    const opening = open('b');
    lanes.cutOff(new Error('the gateway is stopping'));
    await broker.close();
    await opening;
    await eventually(async () => (await connections()).length === 0);
  });
});
