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
  await broker.connectsWithin(10_000);
  known.clear();
  for (const id of ['a', 'b']) known.set(id, entryOf(id));
  lanes = createLanes();
});
afterEach(async () => {
  await lanes.close();
  await broker.close();
  await nats.stop();
});

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
    const [one, same, other] = await Promise.all(['a', 'a', 'b'].map((id) => lanes.open(id, withinMs)));
    expect(one).toBe(same);
    expect(one).not.toBe(other);
    expect([lanes.ready('a'), lanes.ready('b')]).toEqual([one, other]);
    expect(await connections()).toEqual(['bkg gateway', 'bkg gateway, a', 'bkg gateway, b']);
  });

  it('is that of everything else for a plugin that the registry does not know', async () => {
    const lane = await lanes.open('unknown', withinMs);
    expect(lane.broker).toBe(broker);
    expect(lanes.ready('unknown')).toBeUndefined();
    expect(await connections()).toEqual(['bkg gateway']);
  });

  it('is waited for while it is made again', async () => {
    const lane = await lanes.open('a', withinMs);
    await reconnect(lane);
    await eventually(() => !lane.broker.connected);
    expect(lanes.ready('a')).toBeUndefined();
    expect(await lanes.open('a', withinMs)).toBe(lane);
    expect(lane.broker.connected).toBe(true);
  });

  it('is not waited for longer than it may take, nor at all while the broker is away', async () => {
    const lane = await lanes.open('a', withinMs);
    await nats.kill();
    await eventually(() => !broker.connected && !lane.broker.connected);
    const since = performance.now();
    const away = await lanes.open('a', withinMs);
    expect(performance.now() - since).toBeLessThan(withinMs / 2);
    await expect(away.broker.request('plugin.a.invoke.x', '', { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'PLUGIN_UNAVAILABLE',
    });
  });

  it('closes when nobody has needed it for a while, and is opened again', async () => {
    await lanes.close();
    lanes = createLanes(50);
    const lane = await lanes.open('a', withinMs);
    lane.enter();
    await lanes.open('b', withinMs);
    await eventually(async () => !(await connections()).includes('bkg gateway, b'));
    expect(await connections()).toEqual(['bkg gateway', 'bkg gateway, a']);
    expect(lanes.ready('a')).toBe(lane);
    lane.leave();
    await eventually(async () => (await connections()).length === 1);
    expect((await lanes.open('a', withinMs)).broker.connected).toBe(true);
  });

  it('closes with the gateway, also when it has not been there yet', async () => {
    const opening = lanes.open('a', withinMs);
    await lanes.close();
    await opening;
    await eventually(async () => (await connections()).length === 1);
    expect((await lanes.open('b', withinMs)).broker).toBe(broker);
  });
});
