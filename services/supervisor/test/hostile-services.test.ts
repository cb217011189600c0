import { afterAll, beforeAll, expect, it } from 'vitest';
import { buckets, isHeartbeat, subjects } from '@bkg/sdk';
import type { Connection, PluginInfo, RegistryEntry } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import type { Msg } from '@nats-io/nats-core';
import { Kvm } from '@nats-io/kv';
import { hostile, randomOf } from './hostile.ts';
import { hostileInfo } from './hostile-info.ts';
import { manifest, Mesh } from './mesh.ts';

const services = 1_000;
const odd = ['sdk', 'api', 'bkg-x', 'candle', 'constructor', 'UP', 'a b', '', '__proto__', 'x'.repeat(64)];
/** One in a hundred is called so. */
const nameOf = (seed: number): string => (seed % 100 === 99 ? odd[Math.floor(seed / 100)]! : `h${seed}`);

let mesh: Mesh;
let connection: Connection;
const asked = new Set<string>();

/** All of them on one connection, with six subscriptions. */
async function serveHostile(): Promise<void> {
  connection = await mesh.server.connect('hostile');
  const on = (subject: string, answer: (msg: Msg) => void): void => {
    connection.subscribe(subject, { callback: (_, msg) => answer(msg) });
  };
  const seedOf = (msg: Msg): number => Number(msg.subject.split('.').at(-1)?.slice(1));
  const ping = (seed: number): string =>
    JSON.stringify({ name: nameOf(seed), id: `i${seed}`, version: '1.0.0' });
  on('$SRV.PING', (msg) => {
    for (let seed = 0; seed < services; seed += 1) msg.respond(ping(seed));
  });
  on('$SRV.PING.*.*', (msg) => void msg.respond(ping(seedOf(msg))));
  on('$SRV.INFO.*.*', (msg) => {
    const seed = seedOf(msg);
    asked.add(nameOf(seed));
    // Some never say what they are.
    if (seed % 50 !== 49) msg.respond(hostileInfo(seed, nameOf(seed), `i${seed}`));
  });
  on('$SRV.STATS.*', (msg) => {
    const name = msg.subject.split('.').at(-1) ?? '';
    const random = randomOf(Number(name.slice(1)) || 0);
    const endpoints = [{ subject: `plugin.${name}.invoke.text.say`, num_requests: 3, num_errors: 1 }];
    const stats = hostile(random, {
      name,
      id: `i${name.slice(1)}`,
      started: '2026-11-24T08:00:00Z',
      endpoints,
    });
    msg.respond(JSON.stringify(stats) ?? '');
  });
  await connection.flush();
}

beforeAll(async () => {
  mesh = await Mesh.create([manifest('echo', 'echo.mjs'), manifest('plain', 'service.mjs')]);
  await serveHostile();
  await mesh.supervise({ pingLeastMs: 300, pingEveryMs: 300, answerMs: 1_000 });
}, 30_000);
afterAll(() => mesh[Symbol.asyncDispose]());

const list = () => mesh.ask<PluginInfo[]>(subjects.registryList);

it('a thousand hostile services do not keep the others from being listed, started and stopped', async () => {
  const heartbeats: unknown[] = [];
  mesh.caller.subscribe(subjects.events('telemetry'), {
    callback: (_, msg) => void heartbeats.push(msg.json()),
  });
  const slowest: number[] = [];
  await eventually(
    async () => {
      const startedAt = performance.now();
      await mesh.get('echo');
      slowest.push(performance.now() - startedAt);
      return asked.size > 980;
    },
    { withinMs: 60_000, everyMs: 50 },
  );
  const shown = await list();
  expect(shown.length).toBeGreaterThan(400);
  expect(shown.map(({ id }) => id).filter((id) => odd.slice(0, 3).includes(id))).toEqual([]);
  expect(shown).toContainEqual(expect.objectContaining({ id: 'plain', status: 'stopped' }));
  expect(Math.max(...slowest)).toBeLessThan(5_000);

  const started = await mesh.order('start', 'plain');
  expect(started).toMatchObject({ status: 'running' });
  expect(await mesh.order('start', 'echo')).toMatchObject({ status: 'running' });
  await eventually(async () => {
    const echo = (await list()).find(({ id }) => id === 'echo');
    return echo?.capabilities.some(({ id }) => id === 'text.say');
  });
  await eventually(() => heartbeats.length > 50);
  expect(heartbeats.every(isHeartbeat)).toBe(true);
  expect(await mesh.order('stop', 'echo')).toMatchObject({ status: 'stopped' });
}, 90_000);

it('a good service that comes after them is found', async () => {
  const good = await mesh.server.connect('good');
  const identity = { name: 'good', id: 'g', version: '1.0.0', metadata: {} };
  const endpoints = [{ name: 'do', subject: 'plugin.good.invoke.do' }];
  for (const [subject, answer] of [
    ['$SRV.PING', identity],
    ['$SRV.PING.good.g', identity],
    ['$SRV.INFO.good.g', { ...identity, endpoints }],
  ] as const)
    good.subscribe(subject, { callback: (_, msg) => void msg.respond(JSON.stringify(answer)) });
  const info = await eventually(() => mesh.get('good'), { withinMs: 30_000 });
  expect(info.capabilities.map(({ id }) => id)).toEqual(['do']);
  await good.close();
}, 40_000);

it('what is too large is cut, and said in the log of that plugin only', async () => {
  const kv = await new Kvm(mesh.caller.nats).open(buckets.registry, { bindOnly: true });
  const watch = await kv.watch();
  const entries = new Map<string, RegistryEntry>();
  const reading = (async () => {
    for await (const entry of watch) {
      if (entry.operation === 'PUT') entries.set(entry.key, entry.json<RegistryEntry>());
    }
  })();
  const shown = (await list()).map(({ id }) => id);
  await eventually(() => shown.every((id) => entries.has(id)), { withinMs: 20_000 });
  watch.stop();
  await reading;
  const sizes = [...entries.values()].map((entry) => Buffer.byteLength(JSON.stringify(entry)));
  expect(Math.max(...sizes)).toBeLessThan(500_000);
  const logs = await Promise.all(shown.map(async (id) => [id, await mesh.messages(id)] as const));
  const cut = logs.filter(([, lines]) =>
    lines.some((line) => line.includes('is too large for the registry')),
  );
  // The last of whom anything is kept.
  expect(cut.length).toBeGreaterThan(10);
  expect(cut.every(([id]) => id.startsWith('h'))).toBe(true);
}, 60_000);
