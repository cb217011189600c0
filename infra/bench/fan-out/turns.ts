import { fork } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { subjects } from '@bkg/sdk';
import type { RegistryEntry } from '@bkg/sdk';
import { eventually, silentLogger, startNatsServer } from '@bkg/sdk/testing';
import { createServer } from '../../../services/gateway/dist/server.js';
import { beat, entryOf, FakeSupervisor } from '../../../services/gateway/test/mesh.ts';

/**
 * What a thousand clients of `/ws` that follow all plugins cost the gateway, which runs in a process of its own: how
 * long it works without giving its event loop a turn (in CPU time of its thread, so that other programs on the machine do
 * not count), and how much later it answers others meanwhile (in which they do).
 *
 *   node infra/bench/fan-out/turns.ts [clients] [plugins]
 *
 * Ends with code 1 when it worked for longer than 50 ms without a turn.
 */
const limitMs = 50;
const answerMostMs = 60_000;
const clientCount = Number(process.argv[2] ?? 1_000);
const pluginCount = Number(process.argv[3] ?? 20);

interface Cost {
  /** The longest work between two turns of the event loop. */
  turnMostMs: number;
  cpuMs: number;
  rssMb: number;
}

if (process.send) await gateway();
else process.exitCode = (await measure()) ? 0 : 1;

/** The child: a gateway that says on request what has become of its event loop since it was asked last. */
async function gateway(): Promise<void> {
  const [, , url = '', user = '', password = ''] = process.argv;
  const app = await createServer({
    log: silentLogger,
    settings: {
      home: tmpdir(),
      servers: [url],
      credentials: { user, password },
      host: '127.0.0.1',
      port: 0,
      dashboard: tmpdir(),
      noAuth: true,
    },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  let turn = process.threadCpuUsage();
  let turnMostMs = 0;
  setInterval(() => {
    const { user: userUs, system } = process.threadCpuUsage(turn);
    turnMostMs = Math.max(turnMostMs, (userUs + system) / 1_000);
    turn = process.threadCpuUsage();
  }, 1);
  let cpu = process.cpuUsage();
  process.on('message', () => {
    const { user: userUs, system } = process.cpuUsage(cpu);
    const cost: Cost = {
      turnMostMs,
      cpuMs: (userUs + system) / 1_000,
      rssMb: process.memoryUsage().rss / 1e6,
    };
    turnMostMs = 0;
    cpu = process.cpuUsage();
    process.send?.(cost);
  });
  process.on('disconnect', () => process.exit());
  process.send?.((app.server.address() as AddressInfo).port);
}

async function measure(): Promise<boolean> {
  await using nats = await startNatsServer();
  const supervisor = new FakeSupervisor(await nats.connect('supervisor'));
  await supervisor.start();
  for (let i = 0; i < pluginCount; i += 1) await supervisor.put(entryOfSize(i, 0));
  const { user, password } = nats.credentials;
  const child = fork(import.meta.filename, [nats.url, user, password]);
  const [port] = (await once(child, 'message', { signal: AbortSignal.timeout(answerMostMs) })) as [number];
  const cost = async (): Promise<Cost> => {
    child.send('report');
    return ((await once(child, 'message', { signal: AbortSignal.timeout(answerMostMs) })) as [Cost])[0];
  };
  const sockets: WebSocket[] = [];
  let frames = 0;
  let bytes = 0;
  /** Frames of changes. */
  let seen = 0;
  let isKept = true;

  const step = async (what: string, act: () => Promise<void>, isOver: () => boolean): Promise<void> => {
    await cost();
    [frames, bytes, seen] = [0, 0, 0];
    const answers: number[] = [];
    let isAsking = true;
    const asking = (async () => {
      while (isAsking) {
        const askedAt = performance.now();
        await (await fetch(`http://127.0.0.1:${port}/livez`)).arrayBuffer();
        answers.push(performance.now() - askedAt);
      }
    })();
    const startedAt = performance.now();
    await act();
    await eventually(isOver, { withinMs: 60_000, everyMs: 1 });
    const tookMs = performance.now() - startedAt;
    isAsking = false;
    await asking;
    const { turnMostMs, cpuMs, rssMb } = await cost();
    isKept &&= turnMostMs <= limitMs;
    console.log(
      `${what}: ${frames} frames, ${(bytes / 1e6).toFixed(1)} MB in ${tookMs.toFixed(0)} ms; ` +
        `at most ${turnMostMs.toFixed(1)} ms of work in one turn, ${cpuMs.toFixed(0)} ms of CPU, ` +
        `/livez at most ${Math.max(...answers).toFixed(0)} ms, ${rssMb.toFixed(0)} MB`,
    );
  };

  try {
    await step(
      'nothing happens',
      () => delay(1_000),
      () => true,
    );
    await step(
      `${clientCount} clients connect and subscribe to ${pluginCount} plugins`,
      async () => {
        for (let i = 0; i < clientCount; i += 1) {
          const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
          sockets.push(socket);
          socket.on('message', (data: Buffer) => {
            frames += 1;
            bytes += data.length;
            if (data.includes('"round-')) seen += 1;
          });
          socket.on('open', () => socket.send('{"op":"subscribe","id":"s","topic":"plugins"}'));
          if (i % 50 === 49) await once(socket, 'open');
        }
      },
      () => frames >= 2 * clientCount,
    );
    await step(
      'one plugin changes',
      () => supervisor.put(entryOfSize(0, 1)),
      () => seen >= clientCount,
    );
    await step(
      'all plugins change at once',
      async () => {
        await Promise.all(Array.from({ length: pluginCount }, (_, i) => supervisor.put(entryOfSize(i, 2))));
      },
      () => seen >= clientCount * pluginCount,
    );
    await step(
      'they subscribe to telemetry too',
      async () => {
        for (const socket of sockets) socket.send('{"op":"subscribe","id":"t","topic":"telemetry"}');
      },
      () => frames >= clientCount,
    );
    await step(
      'each plugin sends a heartbeat, and all clients have it',
      async () => {
        for (let i = 0; i < pluginCount; i += 1) beat(supervisor.connection, `plugin-${i}`, `plugin-${i}-1`);
      },
      () => frames >= clientCount * pluginCount,
    );
    await step(
      'they subscribe to logs too',
      async () => {
        for (const socket of sockets) socket.send('{"op":"subscribe","id":"l","topic":"logs"}');
      },
      () => frames >= clientCount,
    );
    await step(
      'a plugin writes 100 lines at once',
      async () => {
        const { connection } = supervisor;
        for (let i = 0; i < 100; i += 1) {
          const line = { time: new Date().toISOString(), level: 'info', source: 'sdk', message: `line ${i}` };
          connection.publish(subjects.event('plugin-0', 'plugin-0-1', 'log'), JSON.stringify(line));
        }
      },
      () => frames >= clientCount * 100,
    );
  } finally {
    for (const socket of sockets) socket.terminate();
    supervisor.stop();
    child.disconnect();
    await once(child, 'exit');
  }
  return isKept;
}

/** About 4 KB as JSON, as a plugin with a few schemas has. */
function entryOfSize(index: number, round: number): RegistryEntry {
  const capabilities = Array.from({ length: 12 }, (_, i) => `capability.${i}`);
  const entry = entryOf(`plugin-${index}`, 'running', { capabilities, description: `round-${round}` });
  for (const capability of entry.capabilities) capability.description = 'What it does, in words. '.repeat(5);
  return entry;
}
