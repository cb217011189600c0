import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mergeTelemetry, subjects } from '@bkg/sdk';
import type { Connection, Heartbeat, RolloutInvocations } from '@bkg/sdk';
import { startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import type { Subscription } from '@nats-io/nats-core';
import { InvocationTally } from '../src/rollout/invocation-tally.ts';
import { Questions } from '../src/questions.ts';

const id = 'notes';

let server: TestServer;
let supervisor: Connection;
let plugin: Connection;
let tally: InvocationTally;
let subscriptions: Subscription[] = [];

beforeAll(async () => {
  server = await startNatsServer();
  supervisor = await server.connect('supervisor');
  plugin = await server.connect('plugin');
});
afterAll(() => server.stop());

beforeEach(() => {
  const signal = AbortSignal.timeout(10_000);
  for (const one of subscriptions) one.unsubscribe();
  subscriptions = [];
  const managed = { has: (instance: string) => instance !== 'stranger' };
  tally = new InvocationTally(
    { id, managed },
    supervisor,
    new Questions({ connection: supervisor, answerMs: 300, signal }),
  );
  return () => tally.close();
});

interface Counted {
  requests: number;
  errors: number;
  held?: number;
}

/** What an instance says of its invocations. */
class Instance {
  readonly name: string;
  readonly counted: Counted;

  constructor(name: string, requests = 0, errors = 0) {
    this.name = name;
    this.counted = { requests, errors };
  }

  answer(requests: number, errors = 0): void {
    this.counted.requests += requests;
    this.counted.errors += errors;
  }

  heartbeat(more: Partial<Heartbeat> = {}, { requests, errors, held = 0 }: Counted = this.counted): void {
    const telemetry = { ...mergeTelemetry(id, []), instances: 1, in_flight: held };
    const heartbeat: Heartbeat = {
      seq: 0,
      status: 'running',
      version: '1.0.0',
      started_at: '2026-11-24T08:00:00.000Z',
      descriptor: '',
      telemetry: { ...telemetry, request_count: requests, error_count: errors },
      ...more,
    };
    plugin.publish(subjects.event(id, this.name, 'telemetry'), JSON.stringify(heartbeat));
  }

  /** Answers who asks for its statistics. @param endpoints more of them */
  serve(endpoints: unknown = []): this {
    const { name, counted } = this;
    const subscription = plugin.subscribe(subjects.service('STATS', id, name), {
      callback: (_, msg) => {
        const own = {
          subject: subjects.invokeCapability(id, 'do'),
          num_requests: counted.requests,
          num_errors: counted.errors,
        };
        const all = Array.isArray(endpoints) ? [own, ...(endpoints as unknown[])] : endpoints;
        msg.respond(JSON.stringify({ name: id, id: name, endpoints: all }));
      },
    });
    subscriptions.push(subscription);
    return this;
  }
}

async function begin(...instances: Instance[]): Promise<void> {
  await plugin.flush();
  await tally.begin(instances.map(({ name }) => name));
}

/** @param departed those that went, and whether in order */
async function end(
  instances: Instance[],
  departed: [Instance, boolean][] = [],
  selfTests = { answered: 0, failed: 0 },
): Promise<RolloutInvocations> {
  await plugin.flush();
  return tally.end(
    instances.map(({ name }) => name),
    { departed: new Map(departed.map(([{ name }, inOrder]) => [name, inOrder])), selfTests },
  );
}

describe('the invocations of a plugin', () => {
  it('are those that were answered between the begin and the end', async () => {
    const a = new Instance('a', 100, 7).serve();
    await begin(a);
    a.answer(5, 1);
    expect(await end([a])).toEqual({ answered: 5, failed: 1, lost: 0 });
  });

  it('are none where there is nobody', async () => {
    await begin();
    expect(await end([])).toEqual({ answered: 0, failed: 0, lost: 0 });
  });

  it('are also those of who comes, from its beginning', async () => {
    const [a, b] = [new Instance('a', 100).serve(), new Instance('b').serve()];
    await begin(a);
    a.answer(2);
    b.answer(3, 2);
    b.heartbeat();
    b.answer(1);
    expect(await end([a, b])).toEqual({ answered: 6, failed: 2, lost: 0 });
  });

  it('are also those of who goes, until its last word', async () => {
    const [a, b] = [new Instance('a', 100, 1).serve(), new Instance('b').serve()];
    await begin(a);
    a.answer(4, 1);
    a.heartbeat();
    a.answer(2);
    a.heartbeat({ status: 'stopping' });
    b.answer(1);
    expect(await end([b], [[a, true]])).toEqual({ answered: 7, failed: 1, lost: 0 });
  });

  it('are not our own', async () => {
    const a = new Instance('a').serve();
    await begin();
    a.answer(3, 1);
    expect(await end([a], [], { answered: 1, failed: 1 })).toEqual({ answered: 2, failed: 0, lost: 0 });
  });

  it('are never fewer than none', async () => {
    const a = new Instance('a', 100, 10).serve();
    await begin(a);
    Object.assign(a.counted, { requests: 3, errors: 0 });
    expect(await end([a], [], { answered: 2, failed: 2 })).toEqual({ answered: 0, failed: 0, lost: 0 });
  });
});

describe('lost', () => {
  const lastWord = { status: 'stopping' } as const;

  it('is what those that went held at their last word', async () => {
    const [a, b] = [new Instance('a', 1).serve(), new Instance('b', 2)];
    await begin(a, b);
    a.heartbeat({}, { requests: 1, errors: 0, held: 9 });
    a.heartbeat(lastWord, { requests: 2, errors: 0, held: 7 });
    a.heartbeat(lastWord, { requests: 2, errors: 0, held: 2 });
    b.heartbeat(lastWord, { requests: 2, errors: 0, held: 1 });
    const departed: [Instance, boolean][] = [
      [a, true],
      [b, true],
    ];
    expect(await end([], departed)).toMatchObject({ lost: 3 });
  });

  it('is not what those that stay still hold', async () => {
    const a = new Instance('a');
    await begin(a);
    a.heartbeat({}, { requests: 1, errors: 0, held: 9 });
    expect(await end([a])).toMatchObject({ lost: 0 });
  });

  it('is not known where one ended otherwise than in order', async () => {
    const [a, b] = [new Instance('a'), new Instance('b')];
    await begin(a, b);
    a.heartbeat(lastWord);
    b.heartbeat(lastWord);
    const departed: [Instance, boolean][] = [
      [a, true],
      [b, false],
    ];
    expect(await end([], departed)).toMatchObject({ lost: null });
  });

  it('is not known where one was never heard', async () => {
    expect(await end([], [[new Instance('a'), true]])).toMatchObject({ lost: null });
  });

  it('is not known where one was not heard when it ended', async () => {
    const a = new Instance('a').serve();
    await begin(a);
    a.heartbeat();
    expect(await end([], [[a, true]])).toMatchObject({ lost: null });
  });
});

describe('of instances that publish no events', () => {
  it('those that stay are counted by their statistics', async () => {
    const a = new Instance('a', 10).serve();
    await begin(a);
    a.answer(4, 2);
    expect(await end([a])).toEqual({ answered: 4, failed: 2, lost: 0 });
  });

  it('it is not known what those that went have lost, whatever was published in their name', async () => {
    const a = new Instance('a', 10).serve();
    await begin(a);
    a.heartbeat({ by: 'supervisor', status: 'stopping' });
    expect(await end([], [[a, true]])).toMatchObject({ lost: null });
  });

  it('only those endpoints count that are invoked', async () => {
    const health = { name: 'health', subject: 'notes.health', num_requests: 0, num_errors: 0 };
    const a = new Instance('a', 10).serve([health]);
    await begin(a);
    health.num_requests += 50;
    a.answer(1);
    expect(await end([a])).toMatchObject({ answered: 1 });
  });
});

describe('what is said', () => {
  it('counts from the first word where nobody answers', async () => {
    const a = new Instance('a', 10);
    await begin(a);
    a.heartbeat();
    a.answer(3, 1);
    a.heartbeat();
    expect(await end([a])).toEqual({ answered: 3, failed: 1, lost: 0 });
  });

  it('counts as nothing where there is none', async () => {
    const a = new Instance('a');
    await begin(a);
    expect(await end([a])).toEqual({ answered: 0, failed: 0, lost: 0 });
  });

  it('is not taken back by an answer that is older', async () => {
    const a = new Instance('a', 10).serve();
    await begin(a);
    a.heartbeat({}, { requests: 14, errors: 1 });
    expect(await end([a])).toMatchObject({ answered: 4, failed: 1 });
  });

  it.each([
    'not a list',
    [{ subject: 'plugin.notes.invoke.x', num_requests: '7', num_errors: 0 }],
    [{ subject: 'plugin.notes.invoke.x', num_requests: 1e300, num_errors: 0 }],
  ])('does not count where it makes no sense: %j', async (endpoints) => {
    const a = new Instance('a', 10).serve(endpoints);
    await begin(a);
    plugin.publish(subjects.event(id, 'a', 'telemetry'), '{"seq"');
    plugin.publish(subjects.event(id, 'a', 'telemetry'), '{}');
    a.answer(5);
    expect(await end([a])).toEqual({ answered: 0, failed: 0, lost: 0 });
  });

  it('does not count of those whom nobody manages here', async () => {
    const a = new Instance('a', 10).serve();
    await begin(a);
    new Instance('stranger', 5_000).heartbeat();
    expect(await end([a])).toEqual({ answered: 0, failed: 0, lost: 0 });
  });

  it('counts for the plugin alone, and until the end', async () => {
    const a = new Instance('a', 10).serve();
    await begin(a);
    plugin.publish(subjects.event('other', 'a', 'telemetry'), '{}');
    const invocations = await end([a]);
    a.heartbeat({}, { requests: 50, errors: 0 });
    await plugin.flush();
    expect(invocations).toEqual({ answered: 0, failed: 0, lost: 0 });
    expect(() => tally.close()).not.toThrow();
  });
});
