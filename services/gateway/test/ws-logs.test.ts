import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { NoRespondersError, subjects } from '@bkg/sdk';
import type { LogRecord } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { WebSocket } from 'ws';
import { entryOf, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { connectWs, say } from './ws-peer.ts';
import type { WsPeer } from './ws-peer.ts';

let mesh: TestMesh;
/** Here nothing is heard for long after somebody has left. */
let brief: TestMesh;

beforeAll(async () => {
  mesh = await startMesh();
  brief = await startMesh({ ws: { keptMs: 300 } });
  for (const id of ['one', 'two']) await mesh.supervisor.put(entryOf(id));
  await brief.supervisor.put(entryOf('one'));
  await eventually(() => mesh.app.catalog.size === 2 && brief.app.catalog.get('one'));
});

afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await brief[Symbol.asyncDispose]();
});

function messages(peer: WsPeer, id?: string): string[] {
  return peer.of('data', id).map(({ data }) => (data as LogRecord).message);
}

function isHeard(id: string, on: TestMesh): Promise<boolean> {
  return on.peer
    .request(subjects.event(id, `${id}-1`, 'log'), '{}', { timeoutMs: 50 })
    .catch((error: unknown) => !(error instanceof NoRespondersError)) as Promise<boolean>;
}

/** How many subscriptions to log lines are open on the broker at once, from now on. */
function countSubscriptions(on: TestMesh): { now: () => number; most: () => number } {
  const { broker } = on.app;
  const subscribe = broker.subscribe.bind(broker);
  const open = new Set<string>();
  let most = 0;
  vi.spyOn(broker, 'subscribe').mockImplementation((subject, take) => {
    const subscription = subscribe(subject, take);
    if (subscription && subject.endsWith('.log')) {
      open.add(subject);
      most = Math.max(most, open.size);
      void subscription.closed.then(() => open.delete(subject));
    }
    return subscription;
  });
  return { now: () => open.size, most: () => most };
}

describe('the topic logs', () => {
  it('begins with an empty snapshot, from which on each record comes once and in order', async () => {
    await using peer = await connectWs(mesh);
    const frame = await peer.ask({ op: 'subscribe', id: 's', topic: 'logs' }, 'snapshot');
    expect(frame).toEqual({
      type: 'snapshot',
      id: 's',
      topic: 'logs',
      seq: expect.any(Number),
      snapshot: [],
    });
    for (let i = 0; i < 1_000; i += 1) say(mesh, i % 2 ? 'one' : 'two', `${i}`);
    await eventually(() => messages(peer).length >= 1_000);
    expect(messages(peer)).toEqual(Array.from({ length: 1_000 }, (_, i) => `${i}`));
    const seqs = peer.of('data').map(({ seq }) => seq);
    expect(seqs[0]).toBeGreaterThan(frame.seq);
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    expect(peer.of('dropped')).toEqual([]);
  });

  it('says of the plugins that were named and of no others', async () => {
    await using peer = await connectWs(mesh);
    await peer.ask({ op: 'subscribe', id: 's', topic: 'logs', plugins: ['two'] }, 'snapshot');
    say(mesh, 'one', 'not for you');
    say(mesh, 'two', 'for you', { trace_id: 'ab'.repeat(16), type: 'mine' });
    await eventually(() => messages(peer).length > 0);
    expect(peer.of('data')).toMatchObject([
      {
        data: {
          message: 'for you',
          plugin_id: 'two',
          instance: 'two-1',
          trace_id: 'ab'.repeat(16),
          type: 'mine',
        },
      },
    ]);
  });

  it('passes on events only in their shape, and as those of whom their subject names', async () => {
    await using peer = await connectWs(mesh);
    await peer.ask({ op: 'subscribe', id: 's', topic: 'logs' }, 'snapshot');
    const record = { time: new Date().toISOString(), level: 'info', source: 'sdk', message: 'odd' };
    const bodies = [
      'garbage',
      'null',
      '[]',
      '{}',
      ...[
        { time: 1 },
        { level: 'loud' },
        { source: 'me' },
        { message: null },
        { filler: 'x'.repeat(128 * 1024) },
      ].map((wrong) => JSON.stringify({ ...record, ...wrong })),
    ];
    for (const body of bodies) mesh.peer.publish(subjects.event('one', 'one-1', 'log'), body);
    mesh.peer.publish('plugin.Not-An-Id.events.one-1.log', JSON.stringify(record));
    say(mesh, 'one', 'real', { plugin_id: 'two', instance: 'forged' });
    await eventually(() => messages(peer).length > 0);
    expect(peer.of('data').map(({ data }) => data)).toMatchObject([
      { message: 'real', plugin_id: 'one', instance: 'one-1' },
    ]);
  });

  it('is heard on the broker only while somebody wants it, and a little longer', async () => {
    await using other = await startMesh({ ws: { keptMs: 2_000 } });
    expect(await isHeard('one', other)).toBe(false);
    {
      await using peer = await connectWs(other);
      await peer.ask({ op: 'subscribe', id: 's', topic: 'logs', plugins: ['one'] }, 'snapshot');
      expect(await isHeard('one', other)).toBe(true);
      expect(await isHeard('two', other)).toBe(false);
      await peer.ask({ op: 'subscribe', id: 'all', topic: 'logs' }, 'snapshot');
      expect(await isHeard('two', other)).toBe(true);
    }
    expect(await isHeard('one', other)).toBe(true);
    await eventually(async () => !(await isHeard('one', other)) && !(await isHeard('two', other)));
  });

  it('brings each record once while subscriptions to one, to all and of a feed come and go', async () => {
    await using peer = await connectWs(brief);
    await peer.ask({ op: 'subscribe', id: 'one', topic: 'logs', plugins: ['one'] }, 'snapshot');
    let said = 0;
    const talking = setInterval(() => {
      for (let i = 0; i < 20; i += 1) say(brief, 'one', `${said++}`);
    }, 5);
    try {
      for (let i = 0; i < 8; i += 1) {
        await peer.ask({ op: 'subscribe', id: 'all', topic: 'logs' }, 'snapshot');
        const feed = new WebSocket(`ws://127.0.0.1:${brief.port}/ws/plugins/one`);
        await new Promise((resolve) => feed.once('open', resolve));
        await peer.ask({ op: 'unsubscribe', id: 'all' }, 'unsubscribed');
        feed.terminate();
        // Until nobody is left who hears all of them.
        await eventually(async () => !(await isHeard('two', brief)));
      }
    } finally {
      clearInterval(talking);
    }
    await eventually(() => messages(peer, 'one').at(-1) === `${said - 1}`);
    expect(messages(peer, 'one')).toEqual(Array.from({ length: said }, (_, i) => `${i}`));
  });
});

describe('a client that names many plugins, of which none has to exist', () => {
  it('takes a bounded number of subscriptions and costs others no line, as it comes and goes', async () => {
    await using other = await startMesh();
    const subscriptions = countSubscriptions(other);
    await using onlooker = await connectWs(other);
    await onlooker.ask({ op: 'subscribe', id: 's', topic: 'logs', plugins: ['one'] }, 'snapshot');
    await using peer = await connectWs(other);
    let said = 0;
    const talking = setInterval(() => say(other, 'one', `${said++}`), 1);
    const pairs = 300;
    for (let pair = 0; pair < pairs; pair += 1) {
      const plugins = Array.from({ length: 32 }, (_, i) => `no-${pair}-${i}`);
      peer.send({ op: 'subscribe', id: `${pair}`, topic: 'logs', plugins });
      peer.send({ op: 'unsubscribe', id: `${pair}` });
    }
    await eventually(() => peer.of('unsubscribed').length === pairs);
    clearInterval(talking);
    expect(subscriptions.most()).toBeLessThanOrEqual(258);
    await eventually(() => subscriptions.now() === 1);
    say(other, 'one', 'last');
    await eventually(() => messages(onlooker).at(-1) === 'last');
    expect(messages(onlooker)).toEqual([...Array.from({ length: said }, (_, i) => `${i}`), 'last']);
  });

  it('hears each of them by one subscription to all, and by one to each when they are few again', async () => {
    await using other = await startMesh({ ws: { keptMs: 50 } });
    const subscriptions = countSubscriptions(other);
    await using peer = await connectWs(other);
    const nameOf = (i: number) => `p-${Math.floor(i / 32)}-${i % 32}`;
    for (let at = 0; at < 64; at += 1) {
      const plugins = Array.from({ length: 32 }, (_, i) => nameOf(32 * at + i));
      await peer.ask({ op: 'subscribe', id: `${at}`, topic: 'logs', plugins }, 'snapshot');
    }
    await eventually(() => subscriptions.now() === 1);
    for (const i of [0, 300, 2_047]) say(other, nameOf(i), `${i}`);
    await eventually(() => messages(peer).length === 3);
    for (let at = 1; at < 64; at += 1) peer.send({ op: 'unsubscribe', id: `${at}` });
    await eventually(() => subscriptions.now() === 32);
    say(other, nameOf(5), 'few');
    await eventually(() => messages(peer).length === 4);
    expect(messages(peer)).toEqual(['0', '300', '2047', 'few']);
  });

  it('is waited for with those that it left last', async () => {
    await using other = await startMesh({ ws: { idleMost: 2 } });
    await using peer = await connectWs(other);
    for (const id of ['a', 'b', 'a', 'c', 'd']) {
      await peer.ask({ op: 'subscribe', id, topic: 'logs', plugins: [id] }, 'snapshot');
      await peer.ask({ op: 'unsubscribe', id }, 'unsubscribed');
    }
    await eventually(async () => !(await isHeard('a', other)));
    const heard = await Promise.all(['a', 'b', 'c', 'd'].map((id) => isHeard(id, other)));
    expect(heard).toEqual([false, false, true, true]);
  });
});

describe('a follower of logs who comes back', () => {
  it('gets from the same gateway what was said meanwhile, and no snapshot', async () => {
    const first = await connectWs(mesh);
    await first.ask({ op: 'subscribe', id: 's', topic: 'logs', plugins: ['one'] }, 'snapshot');
    say(mesh, 'one', 'before');
    await eventually(() => messages(first).length === 1);
    const after_seq = first.of('data').at(-1)?.seq;
    await first[Symbol.asyncDispose]();
    say(mesh, 'one', 'meanwhile');
    say(mesh, 'two', 'of another');
    await mesh.peer.nats.flush();
    await using second = await connectWs(mesh);
    second.send({
      op: 'subscribe',
      id: 's',
      topic: 'logs',
      plugins: ['one'],
      after_seq,
      gateway: first.gateway,
    });
    await eventually(() => messages(second).length === 1);
    say(mesh, 'one', 'after');
    await eventually(() => messages(second).length === 2);
    expect(messages(second)).toEqual(['meanwhile', 'after']);
    expect([...second.of('snapshot'), ...second.of('dropped')]).toEqual([]);
  });

  it.each(['another gateway', 'the same, too late', 'the same, where it heard something else'])(
    'is told that nobody knows what is missing: %s',
    async (where) => {
      // Where nobody has heard of all.
      await using other = await startMesh();
      const at = where.endsWith('too late') ? brief : other;
      const first = await connectWs(at);
      const subscription = { op: 'subscribe', id: 's', topic: 'logs', plugins: ['one'] };
      const { seq } = await first.ask(subscription, 'snapshot');
      await first[Symbol.asyncDispose]();
      if (at === brief) await eventually(async () => !(await isHeard('one', brief)));
      await using second = await connectWs(at);
      second.send({
        ...subscription,
        plugins: where.endsWith('else') ? ['one', 'two'] : ['one'],
        after_seq: seq,
        gateway: where === 'another gateway' ? 'another' : first.gateway,
      });
      await eventually(() => second.of('dropped').length === 1);
      say(at, 'one', 'after');
      await eventually(() => messages(second).length === 1);
      expect(second.frames.slice(1)).toMatchObject([
        { type: 'snapshot', id: 's', topic: 'logs', snapshot: [] },
        { type: 'dropped', id: 's', topic: 'logs', count: null },
        { type: 'data', data: { message: 'after' } },
      ]);
    },
  );

  it('is told so too when more was said than is kept', async () => {
    await using other = await startMesh({ ws: { keptMost: 100 } });
    const first = await connectWs(other);
    const { seq } = await first.ask({ op: 'subscribe', id: 's', topic: 'logs' }, 'snapshot');
    await first[Symbol.asyncDispose]();
    await using onlooker = await connectWs(other);
    await onlooker.ask({ op: 'subscribe', id: 's', topic: 'logs' }, 'snapshot');
    for (let i = 0; i < 101; i += 1) say(other, 'one', `${i}`);
    await eventually(() => messages(onlooker).length === 101);
    const resume = { op: 'subscribe', topic: 'logs', gateway: first.gateway };
    await using late = await connectWs(other);
    await late.ask({ ...resume, id: 's', after_seq: seq }, 'dropped');
    await using inTime = await connectWs(other);
    inTime.send({ ...resume, id: 's', after_seq: onlooker.of('data')[0]?.seq });
    await eventually(() => messages(inTime).length === 100);
    expect(inTime.of('snapshot')).toEqual([]);
  });
});
