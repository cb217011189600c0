import { describe, expect, it } from 'vitest';
import type { LogRecord } from '@bkg/sdk/protocol';
import { LogJoin } from '../src/log-join.ts';

function record(n: number, more: Partial<LogRecord> = {}): LogRecord {
  const time = new Date(1_800_000_000_000 + n).toISOString();
  return {
    time,
    level: 'info',
    plugin_id: 'a',
    instance: 'i',
    message: `line ${n}`,
    source: 'stdout',
    ...more,
  };
}

function joined(): { join: LogJoin; printed: string[] } {
  const printed: string[] = [];
  return { printed, join: new LogJoin(({ message }) => printed.push(message)) };
}

describe('joining what was kept of a log with what comes', () => {
  it('prints each record once when the two overlap, those that were kept first', () => {
    const { join, printed } = joined();
    join.hold();
    join.live(record(2));
    join.live(record(3));
    join.live(record(4));
    expect(printed).toEqual([]);
    join.kept([record(1), record(2), record(3)]);
    join.live(record(5));
    expect(printed).toEqual(['line 1', 'line 2', 'line 3', 'line 4', 'line 5']);
  });

  it('begins with the oldest that is wanted, though older ones came while it was read', () => {
    const { join, printed } = joined();
    const inOneMs = (name: string) => record(3, { message: name });
    join.hold();
    for (const one of [record(1), record(2), inOneMs('a'), inOneMs('b'), inOneMs('c')]) join.live(one);
    join.beginAt([inOneMs('b')]);
    join.kept([inOneMs('b')]);
    join.live(record(4));
    expect(printed).toEqual(['b', 'c', 'line 4']);
  });

  it('keeps all that waits when the oldest that is wanted came before it', () => {
    const { join, printed } = joined();
    join.hold();
    for (const one of [record(1, { message: 'a' }), record(2)]) join.live(one);
    join.beginAt([record(1)]);
    join.kept([record(1)]);
    expect(printed).toEqual(['line 1', 'a', 'line 2']);
  });

  it('begins with the oldest that is wanted, though older ones come after it was read', () => {
    const { join, printed } = joined();
    const inOneMs = (name: string) => record(3, { message: name });
    join.hold();
    join.live(record(1));
    const kept = [inOneMs('b'), record(4), record(5)];
    join.beginAt(kept);
    join.kept(kept);
    for (const one of [record(2), inOneMs('a'), ...kept, record(6)]) join.live(one);
    expect(printed).toEqual(['b', 'line 4', 'line 5', 'line 6']);
  });

  it('takes an older time for what it is once an instance has come to what was kept, and of another instance', () => {
    const { join, printed } = joined();
    join.hold();
    join.beginAt([record(3), record(4)]);
    join.kept([record(3), record(4)]);
    join.live(record(2, { message: 'of another', instance: 'j' }));
    join.live(record(4));
    join.live(record(1, { message: 'the clock was put back' }));
    expect(printed).toEqual(['line 3', 'line 4', 'of another', 'the clock was put back']);
  });

  it('knows a record again that comes late, and with its members in another order', () => {
    const { join, printed } = joined();
    join.hold();
    join.kept([record(1, { port: 1, host: 'h' })]);
    const { message, ...rest } = record(1, { host: 'h', port: 1 });
    join.live({ ...rest, message });
    expect(printed).toEqual(['line 1']);
  });

  it('prints twice what was said twice in the same millisecond', () => {
    const { join, printed } = joined();
    join.hold();
    join.live(record(1));
    join.live(record(1));
    join.kept([record(1)]);
    expect(printed).toEqual(['line 1', 'line 1']);
    join.live(record(2));
    join.live(record(2));
    expect(printed).toHaveLength(4);
  });

  it('fills a gap with what was kept, without what it has printed before it and after it', () => {
    const { join, printed } = joined();
    join.hold();
    join.kept([record(1)]);
    join.live(record(2));
    join.hold();
    join.live(record(5));
    join.kept([record(1), record(2), record(3), record(4), record(5)]);
    join.live(record(6));
    expect(printed).toEqual([1, 2, 3, 4, 5, 6].map((n) => `line ${n}`));
  });

  it('goes on when nothing could be read', () => {
    const { join, printed } = joined();
    join.hold();
    join.live(record(1));
    expect(join.release()).toBe(0);
    expect(printed).toEqual(['line 1']);
  });

  it('has a bound for what waits, and tells how many had no room', () => {
    const { join, printed } = joined();
    join.hold();
    for (let n = 0; n < 50_010; n += 1) join.live(record(n));
    expect(join.kept([])).toBe(10);
    expect([printed.length, printed[0]]).toEqual([50_000, 'line 10']);
  });
});
