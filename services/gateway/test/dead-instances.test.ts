import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { capability, configDefaults, definePlugin, Instance, Type } from '@bkg/sdk';
import type { Connection, OtherInstance, Status, StatusEvent } from '@bkg/sdk';
import { eventually, silentLogger } from '@bkg/sdk/testing';
import { entryOf, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { announce, invoke, Taker } from './single-writer.ts';
import { connectWs } from './ws-peer.ts';

/** Far beyond what a test may take: who waits for it has failed. */
const deadlineMs = 60_000;
/** 100 ms and a round trip, and as much again as a busy machine may take. */
const soonMs = 5_000;

let mesh: TestMesh;
let plugins = 0;
let id: string;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  mesh = await startMesh();
});
beforeEach(() => {
  id = `plugin-${(plugins += 1)}`;
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(() => mesh[Symbol.asyncDispose]());

/** An instance of the SDK that answers when it is told to, and dies from one moment to the next. */
class Mortal {
  /** Ids, in the order of their arrival. */
  readonly started: string[] = [];
  readonly instance: Instance;
  readonly #connection: Connection;
  readonly #answer = Promise.withResolvers<unknown>();

  private constructor(connection: Connection) {
    this.#connection = connection;
    const plugin = definePlugin({
      id,
      version: '1.0.0',
      name: id,
      description: 'For tests.',
      author: '',
      capabilities: {
        echo: capability({
          description: 'Waits.',
          input: Type.Unknown(),
          output: Type.Unknown(),
          handler: (_, { invocationId }) => {
            this.started.push(invocationId);
            return this.#answer.promise;
          },
        }),
      },
    });
    const config = { id, ...configDefaults };
    this.instance = new Instance(plugin, { connection, config, log: silentLogger });
  }

  static async start(): Promise<Mortal> {
    const mortal = new Mortal(await mesh.nats.connect(id));
    ends.push(() => mortal.die());
    await mortal.instance.start();
    return mortal;
  }

  answer(output: unknown): void {
    this.#answer.resolve(output);
  }

  async die(): Promise<void> {
    await this.#connection.nats.close();
  }
}

/** What the registry says of the plugin of this test: it is idempotent. */
async function put({
  status = 'running',
  ...more
}: { status?: Status; single_writer?: true } = {}): Promise<void> {
  const { capabilities, ...entry } = entryOf(id, status, more);
  await mesh.supervisor.put({
    ...entry,
    capabilities: capabilities.map((one) => ({ ...one, idempotent: true })),
  });
  await eventually(() => mesh.app.catalog.get(id)?.observed_at === entry.observed_at);
}

/** Says as the supervisor does that an instance is gone. */
function bury(instance: string, others: OtherInstance[] = [], more: Partial<StatusEvent> = {}): void {
  announce(mesh, id, {
    instance,
    status: 'error',
    ended: 'crashed',
    error: 'ended by SIGSEGV',
    others,
    ...more,
  });
}

const alive = ({ instance }: Mortal): OtherInstance => ({ instance: instance.id, inflight: true });

describe('when an instance dies, an invocation that it may have had', () => {
  it('ends with 502 PLUGIN_CRASHED and the reason, over HTTP and over /ws', async () => {
    const mortal = await Mortal.start();
    await using peer = await connectWs(mesh);
    const overHttp = invoke(mesh, id, { timeoutMs: deadlineMs });
    peer.send({ op: 'invoke', id: 'c', plugin: id, capability: 'echo', timeout_ms: deadlineMs });
    await eventually(() => mortal.started.length === 2);
    await mortal.die();
    const diedAt = performance.now();
    bury(mortal.instance.id);
    const { status, problem } = await overHttp;
    await eventually(() => peer.of('error', 'c').length === 1);
    expect(performance.now() - diedAt).toBeLessThan(soonMs);
    expect(status).toBe(502);
    for (const one of [problem, peer.of('error', 'c')[0]?.problem])
      expect(one).toMatchObject({
        status: 502,
        code: 'PLUGIN_CRASHED',
        retryable: true,
        detail: `The instance ${mortal.instance.id.slice(0, 8)} of ${id} is gone, and no other holds the invocation: ended by SIGSEGV.`,
      });
  });

  it('ends with 507 PLUGIN_OUT_OF_MEMORY when that was the reason', async () => {
    const mortal = await Mortal.start();
    const invoked = invoke(mesh, id, { timeoutMs: deadlineMs });
    await eventually(() => mortal.started.length === 1);
    await mortal.die();
    bury(mortal.instance.id, [], { ended: 'out_of_memory' });
    const { status, problem } = await invoked;
    expect([status, problem.code]).toEqual([507, 'PLUGIN_OUT_OF_MEMORY']);
  });

  it('goes on when another instance has it', async () => {
    const first = await Mortal.start();
    const lost = invoke(mesh, id, { timeoutMs: deadlineMs });
    await eventually(() => first.started.length === 1);
    const second = await Mortal.start();
    const more: ReturnType<typeof invoke>[] = [];
    await eventually(async () => {
      more.push(invoke(mesh, id, { timeoutMs: deadlineMs }));
      await eventually(() => first.started.length + second.started.length === more.length + 1);
      return second.started.length > 0;
    });
    await first.die();
    bury(first.instance.id, [alive(second)]);
    expect((await lost).status).toBe(502);
    second.answer('here');
    const statuses = (await Promise.all(more)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 502)).toHaveLength(more.length - 1);
  });

  it('keeps its deadline when one of the others has no SDK', async () => {
    const mortal = await Mortal.start();
    const invoked = invoke(mesh, id, { timeoutMs: 700 });
    await eventually(() => mortal.started.length === 1);
    await mortal.die();
    bury(mortal.instance.id, [{ instance: 'plain', inflight: false }]);
    const { status, ms } = await invoked;
    expect(status).toBe(504);
    expect(ms).toBeGreaterThan(1_000);
  });

  it('is not ended by an event that names another than its subject', async () => {
    const mortal = await Mortal.start();
    const invoked = invoke(mesh, id, { timeoutMs: deadlineMs });
    await eventually(() => mortal.started.length === 1);
    announce(mesh, 'somebody', { instance: mortal.instance.id, ended: 'crashed', others: [] });
    bury(mortal.instance.id, [], { id: 'somebody' });
    await mortal.die();
    bury(mortal.instance.id, [], { error: 'true' });
    expect((await invoked).problem.detail).toContain(': true.');
  });
});

describe('when an instance dies, an idempotent invocation that nobody else has', () => {
  it('is sent once more and answered by another', async () => {
    await put();
    const first = await Mortal.start();
    const invoked = invoke(mesh, id, { timeoutMs: deadlineMs, body: '"mine"' });
    await eventually(() => first.started.length === 1);
    const second = await Mortal.start();
    second.answer('here');
    await first.die();
    bury(first.instance.id, [alive(second)]);
    const { status, text } = await invoked;
    expect([status, text]).toEqual([200, '"here"']);
    expect(second.started).toEqual(first.started);
  });

  it('ends when the next one dies with it too', async () => {
    await put();
    const first = await Mortal.start();
    const invoked = invoke(mesh, id, { timeoutMs: deadlineMs });
    await eventually(() => first.started.length === 1);
    const second = await Mortal.start();
    await first.die();
    bury(first.instance.id, [alive(second)]);
    await eventually(() => second.started.length === 1);
    const last = await Mortal.start();
    await second.die();
    bury(second.instance.id, [alive(last)]);
    expect((await invoked).status).toBe(502);
    expect(last.started).toEqual([]);
  });

  it('ends with 502 when nobody is there: it may have run', async () => {
    await put();
    const mortal = await Mortal.start();
    const invoked = invoke(mesh, id, { timeoutMs: deadlineMs });
    await eventually(() => mortal.started.length === 1);
    await mortal.die();
    bury(mortal.instance.id);
    expect((await invoked).problem).toMatchObject({ status: 502, code: 'PLUGIN_CRASHED' });
  });

  it('is held when its plugin is a single writer that comes back', async () => {
    await put({ single_writer: true });
    const mortal = await Mortal.start();
    const invoked = invoke(mesh, id, { timeoutMs: deadlineMs, body: '"mine"' });
    await eventually(() => mortal.started.length === 1);
    await put({ single_writer: true, status: 'starting' });
    await mortal.die();
    bury(mortal.instance.id);
    // Long after the verdict.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const taker = await Taker.start(mesh, id);
    const { status, text } = await invoked;
    expect([status, text]).toEqual([200, '"mine"']);
    await taker.end();
  });

  it('ends with 502 when its plugin is a single writer that does not come back', async () => {
    await put({ single_writer: true, status: 'starting' });
    const invoked = invoke(mesh, id, { timeoutMs: deadlineMs });
    // Held at first, and taken.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const mortal = await Mortal.start();
    await eventually(() => mortal.started.length === 1);
    await mortal.die();
    bury(mortal.instance.id);
    const { problem, ms } = await invoked;
    expect(problem).toMatchObject({ status: 502, code: 'PLUGIN_CRASHED' });
    expect(ms).toBeLessThan(soonMs);
  });
});

describe('after the broker has been away', () => {
  it('deaths are heard of as before', async () => {
    await mesh.nats.restart();
    await eventually(() => mesh.app.broker.connected && mesh.peer.connected);
    const mortal = await Mortal.start();
    const invoked = invoke(mesh, id, { timeoutMs: deadlineMs });
    await eventually(() => mortal.started.length === 1);
    await mortal.die();
    bury(mortal.instance.id);
    expect((await invoked).status).toBe(502);
  });
});
