import { setTimeout as delay } from 'node:timers/promises';
import type { Msg } from '@nats-io/nats-core';
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { capability, configDefaults, definePlugin, Instance, invokeQueue, subjects } from '@bkg/sdk';
import { eventually, silentLogger } from '@bkg/sdk/testing';
import { startMesh } from './mesh.ts';
import { announce, invoke, never, Taker, told } from './single-writer.ts';

describe('without any event', () => {
  it('an invocation is sent again after a moment', async () => {
    await using mesh = await startMesh();
    await told(mesh, 'db', 'starting');
    const invoked = invoke(mesh, 'db');
    await delay(150);
    const taker = new Taker(mesh, 'db');
    const { status, ms } = await invoked;
    expect([status, taker.got.length]).toEqual([200, 1]);
    expect(ms).toBeLessThan(2_000);
  });
});

describe('what is held', () => {
  it('is held for a limited time', async () => {
    await using mesh = await startMesh({ hold: { mostMs: 400, retryMs: 50 } });
    await told(mesh, 'db', 'starting');
    const { status, problem, ms } = await invoke(mesh, 'db');
    expect([status, problem.code]).toEqual([503, 'PLUGIN_UNAVAILABLE']);
    expect(problem.detail).toMatch(/^db is starting; .* It was held for \d+ ms, because nobody took it\.$/);
    expect(ms).toBeGreaterThan(399);
  });

  it('is limited in number; one more is refused, until others are answered', async () => {
    await using mesh = await startMesh({ hold: { most: 3, retryMs: never } });
    for (const id of ['one', 'two']) await told(mesh, id, 'starting');
    const held = ['one', 'one', 'two'].map((id) => invoke(mesh, id));
    await delay(200);
    const { status, problem, ms } = await invoke(mesh, 'one');
    expect([status, problem.code]).toEqual([503, 'PLUGIN_UNAVAILABLE']);
    expect(problem.detail).toMatch(/^one is starting; .* It was not held, .*: 3 invocations .* at most 3 /);
    expect(ms).toBeLessThan(1_000);
    const takers = [await Taker.start(mesh, 'one'), await Taker.start(mesh, 'two')];
    expect((await Promise.all(held)).map((one) => one.status)).toEqual([200, 200, 200]);
    for (const taker of takers) await taker.end();
    const next = ['one', 'one', 'two'].map((id) => invoke(mesh, id));
    await delay(200);
    for (const id of ['one', 'two']) await Taker.start(mesh, id);
    expect((await Promise.all(next)).map((one) => one.status)).toEqual([200, 200, 200]);
  });

  it('is let go no faster than the plugin takes it', async () => {
    await using mesh = await startMesh({ hold: { retryMs: never } });
    const limits = { max_concurrency: 2, max_queue: 2 };
    await told(mesh, 'slow', 'starting', { config: { id: 'slow', ...configDefaults, limits } });
    const held = Array.from({ length: 9 }, () => invoke(mesh, 'slow'));
    await delay(300);
    const unanswered: Msg[] = [];
    mesh.peer.subscribe(subjects.invokeCapability('slow', '>'), {
      queue: invokeQueue,
      callback: (_error, msg) => void unanswered.push(msg),
    });
    await mesh.peer.nats.flush();
    announce(mesh, 'slow');
    // Two that run, and half of the two that may wait.
    for (const taken of [3, 3, 3]) {
      await eventually(() => unanswered.length === taken);
      await delay(100);
      expect(unanswered).toHaveLength(taken);
      for (const msg of unanswered.splice(0)) msg.respond(msg.data);
    }
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual(Array(9).fill(200));
  });

  it('is limited in the size of all bodies', async () => {
    await using mesh = await startMesh({ hold: { mostBytes: 1_000, retryMs: never } });
    await told(mesh, 'db', 'starting');
    const held = invoke(mesh, 'db', { body: JSON.stringify('x'.repeat(600)) });
    await delay(150);
    const refused = await invoke(mesh, 'db', { body: JSON.stringify('x'.repeat(600)) });
    expect([refused.status, refused.problem.detail]).toEqual([
      503,
      expect.stringContaining('1 invocations with 602 bytes; a gateway holds at most 10000 with 1000 bytes'),
    ]);
    await Taker.start(mesh, 'db');
    expect((await held).status).toBe(200);
  });

  it('counts no longer once it is taken, however long that runs', async () => {
    await using mesh = await startMesh({ hold: { most: 1, retryMs: never } });
    await told(mesh, 'db', 'starting');
    const long = invoke(mesh, 'db');
    await delay(150);
    const taken: Msg[] = [];
    const silent = mesh.peer.subscribe(subjects.invokeAny('db'), {
      queue: invokeQueue,
      callback: (_error, msg) => void taken.push(msg),
    });
    await mesh.peer.nats.flush();
    announce(mesh, 'db');
    await eventually(() => taken.length === 1);
    silent.unsubscribe();
    await mesh.peer.nats.flush();
    const next = invoke(mesh, 'db');
    await delay(150);
    await Taker.start(mesh, 'db');
    expect((await next).status).toBe(200);
    taken[0]?.respond('"at last"');
    expect((await long).text).toBe('"at last"');
  });

  it('ends with 503 when the gateway stops: nobody has got it', async () => {
    await using mesh = await startMesh({ graceMs: 200, hold: { retryMs: never } });
    await told(mesh, 'db', 'starting');
    const invoked = invoke(mesh, 'db');
    await delay(100);
    await mesh.app.close();
    const { status, problem } = await invoked;
    expect([status, problem.code]).toEqual([503, 'PLUGIN_UNAVAILABLE']);
    expect(problem.detail).toMatch(/^The gateway is stopping; .* It was held for \d+ ms/);
  });

  it('ends with 503 when the broker goes away, and is not taken for lost', async () => {
    await using mesh = await startMesh({ hold: { retryMs: never } });
    await told(mesh, 'db', 'starting');
    const held = [invoke(mesh, 'db'), invoke(mesh, 'db')];
    await delay(150);
    await mesh.nats.kill();
    for (const { status, problem } of await Promise.all(held)) {
      expect([status, problem.code]).toEqual([503, 'PLUGIN_UNAVAILABLE']);
      expect(problem.detail).toMatch(/^The broker at .* is away; .* It was held for \d+ ms/);
    }
  });
});

describe('a single_writer plugin with the SDK', () => {
  it('is replaced under load, and every invocation runs once and is answered', async () => {
    await using mesh = await startMesh();
    const runs: number[] = [];
    const plugin = definePlugin({
      id: 'writer',
      version: '1.0.0',
      description: 'Writes.',
      capabilities: {
        write: capability({
          description: 'Writes a number.',
          input: Type.Object({ n: Type.Number() }),
          output: Type.Number(),
          handler: async ({ n }) => {
            runs.push(n);
            await delay(5);
            return n;
          },
        }),
      },
    });
    const startInstance = async (): Promise<Instance> => {
      const instance = new Instance(plugin, {
        connection: await mesh.nats.connect('writer'),
        log: silentLogger,
      });
      await instance.start();
      return instance;
    };
    let instance = await startInstance();
    await told(mesh, 'writer', 'running', { capabilities: ['write'] });
    let count = 0;
    let isOver = false;
    const failures: unknown[] = [];
    const call = async (): Promise<void> => {
      while (!isOver) {
        const n = (count += 1);
        const response = await fetch(`${mesh.url}/api/plugins/writer/invoke/write`, {
          method: 'POST',
          body: JSON.stringify({ n }),
          headers: { 'content-type': 'application/json' },
        });
        const text = await response.text();
        if (response.status !== 200 || text !== String(n)) failures.push(text);
      }
    };
    const callers = Array.from({ length: 16 }, call);
    for (let i = 0; i < 4; i += 1) {
      const before = runs.length;
      await eventually(() => runs.length > before + 20);
      await instance.drain();
      await told(mesh, 'writer', 'starting', { capabilities: ['write'] });
      await delay(100);
      instance = await startInstance();
    }
    isOver = true;
    await Promise.all(callers);
    await instance.drain();
    expect(failures).toEqual([]);
    expect(runs.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
  });
});
