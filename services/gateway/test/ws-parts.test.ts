import { describe, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { Catalog } from '../src/mesh/catalog.ts';
import { Audience } from '../src/ws/audience.ts';
import { ByteQueue } from '../src/ws/byte-queue.ts';
import { LogRing } from '../src/ws/log-ring.ts';
import { Overlap } from '../src/ws/overlap.ts';
import { PluginBodies } from '../src/ws/plugin-bodies.ts';
import { StateLog } from '../src/ws/state-log.ts';
import { Throttle } from '../src/ws/throttle.ts';
import { Turns } from '../src/ws/turns.ts';
import { entryOf, telemetryOf } from './mesh.ts';

/** Numbers that look random and are the same in each run. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

describe('the order in which states have changed', () => {
  it.each(Array.from({ length: 20 }, (_, i) => i + 1))(
    'brings every client to the same end, however slow it is, with each plugin once (%i)',
    (seed) => {
      const random = randomOf(seed);
      const log = new StateLog();
      const truth = new Map<string, number>();
      const filter = new Set(['p1', 'p3', 'p5']);
      const clients = [undefined, undefined, filter].map((plugins) => ({
        plugins,
        seq: 0,
        knows: new Map<string, number>(),
      }));
      for (let seq = 1; seq <= 2_000; seq += 1) {
        const id = `p${random(12)}`;
        if (random(5) === 0) {
          log.gone(id, seq);
          truth.delete(id);
        } else {
          log.changed(id, seq);
          truth.set(id, seq);
        }
        for (const client of clients) {
          for (let reads = random(3); reads > 0; reads -= 1) {
            const change = log.after(client.seq, client.plugins);
            if (!change) break;
            expect(change.seq).toBeGreaterThan(client.seq);
            client.seq = change.seq;
            if (change.isGone) client.knows.delete(change.id);
            else client.knows.set(change.id, change.seq);
          }
        }
      }
      for (const client of clients) {
        let steps = 0;
        for (let change = log.after(client.seq, client.plugins); change; steps += 1) {
          client.seq = change.seq;
          if (change.isGone) client.knows.delete(change.id);
          else client.knows.set(change.id, change.seq);
          change = log.after(client.seq, client.plugins);
        }
        expect(steps).toBeLessThanOrEqual(12);
        const expected = [...truth].filter(([id]) => client.plugins?.has(id) ?? true);
        expect(new Map([...client.knows].sort())).toEqual(new Map(expected.sort()));
      }
      expect(log.ids()).toEqual([...truth.keys()].sort());
    },
  );

  it('remembers a bounded number of plugins that are gone, and since when it does not', () => {
    const log = new StateLog({ goneMost: 2 });
    for (let i = 1; i <= 4; i += 1) log.changed(`p${i}`, i);
    for (let i = 1; i <= 4; i += 1) log.gone(`p${i}`, 4 + i);
    expect(log.floor).toBe(6);
    expect(log.after(6, undefined)).toEqual({ id: 'p3', seq: 7, isGone: true });
    log.gone('never', 9);
    log.changed('p3', 10);
    log.gone('p3', 11);
    expect(log.floor).toBe(6);
    expect(log.after(8, undefined)).toEqual({ id: 'p3', seq: 11, isGone: true });
  });

  it('is quick with many plugins', () => {
    const log = new StateLog();
    const startedAt = performance.now();
    for (let seq = 1; seq <= 200_000; seq += 1) log.changed(`p${seq % 2_000}`, seq);
    let count = 0;
    for (let change = log.after(0, undefined); change; change = log.after(change.seq, undefined)) count += 1;
    expect(count).toBe(2_000);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});

describe('the latest log lines', () => {
  const line = (seq: number, pluginId = 'one', size = 10) => ({ seq, pluginId, body: Buffer.alloc(size) });

  it('are bounded in number and in bytes', () => {
    const ring = new LogRing({ keptMost: 5, keptMostBytes: 1_000 });
    for (let seq = 1; seq <= 5_000; seq += 1) ring.push(line(seq));
    expect(ring.after(0, undefined).map(({ seq }) => seq)).toEqual([4_996, 4_997, 4_998, 4_999, 5_000]);
    ring.push(line(5_001, 'one', 980));
    expect(ring.bytes).toBeLessThanOrEqual(1_000);
    expect(ring.size).toBe(3);
    ring.push(line(5_002, 'one', 2_000));
    expect([ring.size, ring.bytes]).toEqual([0, 0]);
  });

  it('know whether something is missing, for each plugin', () => {
    const ring = new LogRing({ keptMost: 3 });
    ring.push(line(1, 'quiet'));
    ring.push(line(2, 'loud'));
    for (let seq = 3; seq <= 5; seq += 1) ring.push(line(seq, 'loud'));
    expect(ring.reachesBackTo(1, new Set(['quiet']))).toBe(true);
    expect(ring.reachesBackTo(0, new Set(['quiet']))).toBe(false);
    expect(ring.reachesBackTo(1, new Set(['loud']))).toBe(false);
    expect(ring.reachesBackTo(2, undefined)).toBe(true);
    expect(ring.reachesBackTo(1, undefined)).toBe(false);
    expect(ring.after(2, new Set(['quiet']))).toEqual([]);
    ring.clear(9);
    expect(ring.reachesBackTo(8, new Set(['never']))).toBe(false);
    expect(ring.reachesBackTo(9, undefined)).toBe(true);
  });
});

describe('while one subscription takes over from another', () => {
  it('each message counts once, in whatever order both bring it, and two that are equal count twice', () => {
    const overlap = new Overlap();
    const [a, b] = [{}, {}];
    const arrivals = [
      [a, 'x'],
      [b, 'x'],
      [b, 'y'],
      [b, 'y'],
      [a, 'y'],
      [a, 'y'],
      [b, 'z'],
    ] as const;
    const taken = arrivals.filter(([from, message]) => !overlap.isSecond(from, message));
    expect(taken.map(([, message]) => message)).toEqual(['x', 'y', 'y', 'z']);
  });

  it('a bounded number of messages is remembered, and of bytes, the latest', () => {
    const overlap = new Overlap({ most: 100, mostBytes: 10_000 });
    const [a, b] = [{}, {}];
    for (let i = 0; i < 1_000; i += 1) overlap.isSecond(a, `${i}`);
    expect(overlap.size).toBe(100);
    expect([overlap.isSecond(b, '999'), overlap.isSecond(b, '0')]).toEqual([true, false]);
    // The same one by ever other subscriptions.
    for (let i = 0; i < 1_000; i += 1) overlap.isSecond({}, 'again');
    expect(overlap.size).toBeLessThanOrEqual(100);
    for (let i = 0; i < 100; i += 1) overlap.isSecond(a, `${i}`.padEnd(1_000));
    expect(overlap.bytes).toBe(10_000);
    expect(overlap.isSecond(b, '99'.padEnd(1_000))).toBe(true);
    overlap.isSecond(a, 'x'.repeat(10_001));
    expect([overlap.size, overlap.bytes]).toEqual([0, 0]);
  });
});

describe('what is sent of a plugin', () => {
  it('is encoded once, until it changes', () => {
    let now = 1_000;
    const catalog = new Catalog(() => now);
    const bodies = new PluginBodies(catalog, () => now);
    catalog.put(entryOf('one'));
    catalog.complete();
    const first = bodies.info('one');
    expect(bodies.info('one')).toBe(first);
    expect(JSON.parse(String(first))).toEqual(JSON.parse(JSON.stringify(catalog.info('one'))));
    const heartbeat = {
      seq: 1,
      status: 'running',
      version: '1.0.0',
      started_at: '',
      descriptor: 'd',
      telemetry: telemetryOf('one', { memory_mb: 88 }),
    };
    catalog.telemetry.hear('one', 'one-1', Buffer.from(JSON.stringify(heartbeat)));
    expect(JSON.parse(String(bodies.info('one')))).toMatchObject({ telemetry: { memory_mb: 88 } });
    const second = bodies.info('one');
    expect(bodies.info('one')).toBe(second);
    // Who is silent for long says nothing of now.
    now += 31_000;
    expect(JSON.parse(String(bodies.info('one')))).toMatchObject({ telemetry: { memory_mb: 0 } });
    catalog.away();
    expect(JSON.parse(String(bodies.info('one')))).toHaveProperty('unknown_since');
    catalog.remove('one');
    expect([bodies.info('one'), bodies.telemetry('one')]).toEqual([undefined, undefined]);
  });
});

describe('an audience', () => {
  it('has each member once, whatever names it', () => {
    const audience = new Audience<string>();
    const leaveAll = audience.add(undefined, 'all');
    const leaveTwo = audience.add(new Set(['a', 'b']), 'two');
    expect([...audience.of(['a', 'b'])].sort()).toEqual(['all', 'two']);
    expect([...audience.of(['c'])]).toEqual(['all']);
    expect([...audience.everybody()].sort()).toEqual(['all', 'two']);
    leaveAll();
    expect([audience.has('a'), audience.has('c')]).toEqual([true, false]);
    leaveTwo();
    expect([...audience.everybody(), ...audience.of(['a'])]).toEqual([]);
  });
});

describe('a queue of bytes', () => {
  it('drops what is not wanted any more, in the middle of its life too', () => {
    const queue = new ByteQueue<string>({ bytesOf: (item) => item.length });
    for (const item of ['a', 'bb', 'a', 'ccc']) queue.push(item);
    expect(queue.shift()).toBe('a');
    queue.removeIf((item) => item === 'a');
    expect(queue.bytes).toBe(5);
    expect([queue.shift(), queue.shift(), queue.shift()]).toEqual(['bb', 'ccc', undefined]);
    expect(queue.bytes).toBe(0);
  });
});

describe('a throttle', () => {
  it('lets the first through at once, then one at a time, and the last in any case', async () => {
    const passed: string[] = [];
    const throttle = new Throttle(
      () => 50,
      (key) => passed.push(key),
    );
    for (let i = 0; i < 10; i += 1) throttle.hit('a');
    throttle.hit('b');
    expect(passed).toEqual(['a', 'b']);
    await eventually(() => passed.length === 3);
    expect(passed).toEqual(['a', 'b', 'a']);
    throttle.close();
  });
});

describe('turns', () => {
  it('let the event loop go on while many are served, and serve each', async () => {
    const turns = new Turns();
    let served = 0;
    let breaths = 0;
    const breathing = setInterval(() => (breaths += 1), 1);
    for (let i = 0; i < 100; i += 1) {
      turns.add({
        work: () => {
          const until = performance.now() + 2;
          while (performance.now() < until);
          served += 1;
        },
        rest: () => undefined,
      });
    }
    expect(served).toBe(0);
    await eventually(() => served === 100);
    clearInterval(breathing);
    expect(breaths).toBeGreaterThan(10);
  });

  it('serve again who asks again while it is served', async () => {
    const turns = new Turns();
    let left = 3;
    const worker = {
      work: () => {
        left -= 1;
        if (left > 0) turns.add(worker);
      },
      rest: () => undefined,
    };
    turns.add(worker);
    turns.add(worker);
    await eventually(() => left === 0);
  });

  it('take what follows from promises into the same slice, and let rest who was served after it', async () => {
    const turns = new Turns();
    const said: string[] = [];
    const worker = {
      work: () => {
        said.push('work');
        if (said.length > 2) return;
        void Promise.resolve()
          .then(() => undefined)
          .then(() => turns.add(worker));
      },
      rest: () => void said.push('rest'),
    };
    turns.add(worker);
    await eventually(() => said.includes('rest'));
    expect(said).toEqual(['work', 'work', 'work', 'rest']);
    turns.add(worker);
    await eventually(() => said.length === 6);
    expect(said.slice(4)).toEqual(['work', 'rest']);
  });
});
