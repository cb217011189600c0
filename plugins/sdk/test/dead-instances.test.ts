import type { Msg } from '@nats-io/nats-core';
import { describe, expect, it } from 'vitest';
import { LostCalls } from '../src/lost-calls.ts';
import { BkgError } from '../src/protocol/errors.ts';
import { subjects } from '../src/protocol/index.ts';
import type { InflightQuery, OtherInstance } from '../src/protocol/index.ts';
import type { RequestManyOptions, RequestOptions } from '../src/requests.ts';
import { RunningCall } from '../src/running-call.ts';
import { eventually } from '../src/testing.ts';
import { deathOf } from './client/mortal.ts';

function msgOf(subject: string, body: unknown): Msg {
  return { subject, data: Buffer.from(JSON.stringify(body)) } as Partial<Msg> as Msg;
}

/** Of an instance that holds these. */
function claim(instance: string, ids: string[]): Msg {
  return msgOf('', { instance, invocation_ids: ids });
}

/** A connection on which nothing happens but what the test does. */
class FakeConnection {
  /** What is asked after a death, and how to answer it. */
  readonly questions: { asked: string[]; answer: (reply: Msg) => void }[] = [];
  /** What is asked after the broker's return. */
  readonly searches: { asked: string[]; end: (replies: Msg[]) => void }[] = [];
  flushes = 0;
  isStanding = false;

  request(_subject: string, data: unknown, { accept, signal }: RequestOptions): Promise<Msg> {
    this.questions.push({ asked: idsIn(data), answer: (reply) => void accept?.(reply) });
    return new Promise((_, reject) =>
      signal?.addEventListener('abort', () => reject(new BkgError('CANCELLED', 'closed'))),
    );
  }

  requestMany(_subject: string, data: unknown, _options: RequestManyOptions): Promise<Msg[]> {
    return new Promise((resolve) => this.searches.push({ asked: idsIn(data), end: resolve }));
  }

  flush(): Promise<boolean> {
    this.flushes += 1;
    return Promise.resolve(!this.isStanding);
  }
}

function idsIn(data: unknown): string[] {
  return (JSON.parse(String(data)) as InflightQuery).invocation_ids;
}

/** The invocations of plugin `a` over a fake connection. */
function start(instances = 1) {
  const connection = new FakeConnection();
  const lost = new LostCalls(connection, (detail) => new BkgError('PLUGIN_CRASHED', detail), {
    settleMs: 0,
    instancesOf: () => instances,
  });
  const call = (invocationId: string, isIdempotent = false) => {
    const controller = new AbortController();
    const running = new RunningCall({
      plugin: 'a',
      invocationId,
      deadlineAt: performance.now() + 60_000,
      controller,
      isIdempotent: () => isIdempotent,
      headers: () => ({}),
    });
    let resent = 0;
    running.onSend(() => void (resent += 1));
    lost.add(running);
    return {
      get isLost() {
        return controller.signal.aborted;
      },
      get resent() {
        return resent;
      },
      answered: () => lost.delete(running),
    };
  };
  const bury = (instance: string, ...others: (string | OtherInstance)[]): void => {
    const all = others.map((one) => (typeof one === 'string' ? { instance: one, inflight: true } : one));
    lost.statusEvent(msgOf(subjects.event('a', instance, 'status'), deathOf('a', instance, { others: all })));
  };
  return { connection, lost, call, bury };
}

/** Longer than the wait for instances that nobody knows. */
const laterMs = 250;
const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, laterMs));

describe('a broker that is back', () => {
  it('is asked once more when not all instances have answered: one of them may have it', async () => {
    const { connection, lost, call } = start(2);
    const [slow, gone] = [call('slow'), call('gone')];
    lost.connectionChanged(false);
    lost.connectionChanged(true);
    await eventually(() => connection.searches.length === 1);
    connection.searches[0]?.end([claim('x', [])]);
    await eventually(() => connection.searches.length === 2);
    expect([slow.isLost, gone.isLost]).toEqual([false, false]);
    connection.searches[1]?.end([claim('x', []), claim('y', ['slow'])]);
    await eventually(() => gone.isLost);
    expect(slow.isLost).toBe(false);
  });

  it('is asked no third time about what nobody has', async () => {
    const { connection, lost, call } = start(2);
    const one = call('one');
    lost.connectionChanged(false);
    lost.connectionChanged(true);
    for (let i = 0; i < 2; i += 1) {
      await eventually(() => connection.searches.length === i + 1);
      connection.searches[i]?.end([claim('x', [])]);
    }
    await eventually(() => one.isLost);
    expect(connection.searches).toHaveLength(2);
  });
});

describe('a broker that stands still', () => {
  it('makes nobody believe that what nobody has claimed is lost, as long as it does', async () => {
    const { connection, call, bury } = start();
    connection.isStanding = true;
    const [one, answered] = [call('one'), call('answered')];
    bury('x');
    await eventually(() => connection.flushes > 1);
    expect([one.isLost, answered.isLost]).toEqual([false, false]);
    answered.answered();
    connection.isStanding = false;
    await eventually(() => one.isLost);
    expect(answered.isLost).toBe(false);
  });

  it('is not asked any more when the last invocation has its answer', async () => {
    const { connection, call, bury } = start();
    connection.isStanding = true;
    const one = call('one');
    bury('x');
    await eventually(() => connection.flushes > 0);
    one.answered();
    const asked = connection.flushes;
    await later();
    expect(connection.flushes).toBe(asked);
  });
});

describe('an instance of which somebody has said falsely that it has ended', () => {
  it('is heard of again when it ends, because it has answered', async () => {
    const { connection, call, bury } = start();
    const one = call('one');
    bury('x');
    connection.questions[0]?.answer(claim('x', ['one']));
    await later();
    expect(one.isLost).toBe(false);
    bury('x');
    await eventually(() => one.isLost);
  });

  it('is heard of again when it ends, because nobody waited for anything at that time', async () => {
    const { call, bury } = start();
    bury('x');
    const one = call('one');
    bury('x');
    await eventually(() => one.isLost);
  });

  it('is waited for like all others when one of these ends', async () => {
    const { connection, call, bury } = start();
    const one = call('one');
    bury('x');
    connection.questions[0]?.answer(claim('x', ['one']));
    bury('y', 'x');
    await later();
    expect(one.isLost).toBe(false);
    connection.questions[1]?.answer(claim('x', ['one']));
    await later();
    expect(one.isLost).toBe(false);
  });
});

describe('a list of the other instances', () => {
  it('that is longer than it may be is not whole: the deadlines count, and the next death is heard', async () => {
    const { connection, call, bury } = start();
    const one = call('one');
    const many = (count: number) => Array.from({ length: count }, (_, i) => `n${i}`);
    bury('x', ...many(257));
    expect(connection.questions).toEqual([]);
    bury('x', ...many(256));
    expect(connection.questions).toHaveLength(1);
    for (const other of many(256)) connection.questions[0]?.answer(claim(other, []));
    await eventually(() => one.isLost);
  });
});

describe('an invocation that is looked for after the return of the broker', () => {
  it('goes on when a death has had it sent again before the answers are there, and only then', async () => {
    const { connection, lost, call, bury } = start();
    const [again, other] = [call('again', true), call('other')];
    lost.connectionChanged(false);
    lost.connectionChanged(true);
    await eventually(() => connection.searches.length === 1);
    bury('x', 'y');
    connection.questions[0]?.answer(claim('y', ['other']));
    await eventually(() => again.resent === 1);
    connection.searches[0]?.end([claim('y', [])]);
    await eventually(() => other.isLost);
    expect(again.isLost).toBe(false);
  });
});
