import { describe, expect, it } from 'vitest';
import { LogBacklog, recordKey } from '../../src/protocol/log-order.ts';
import type { LogRecord } from '../../src/protocol/index.ts';

function record(n: number, more: Partial<LogRecord> = {}): LogRecord {
  const time = new Date(1_800_000_000_000 + n).toISOString();
  return { time, level: 'info', plugin_id: 'a', instance: 'i', message: 'x', source: 'stdout', ...more };
}

describe('the key of a log record', () => {
  it('is the same whatever the order of its members, and another when anything of it is', () => {
    const { message, ...rest } = record(1, { port: 1 });
    expect(recordKey({ ...rest, message })).toBe(recordKey(record(1, { port: 1 })));
    for (const other of [record(2, { port: 1 }), record(1, { port: 2 }), record(1)])
      expect(recordKey(other)).not.toBe(recordKey(record(1, { port: 1 })));
  });
});

describe('a backlog', () => {
  it('takes for too old what came before the first that is stored, of the same instance', () => {
    const backlog = new LogBacklog();
    expect(backlog.isTooOld(record(1))).toBe(false);
    backlog.beginAt([record(3), record(4), record(5)]);
    expect([1, 2, 3, 4, 5, 6].map((n) => backlog.isTooOld(record(n)))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(backlog.isTooOld(record(1, { instance: 'j' }))).toBe(false);
  });

  it('keeps what is of the same millisecond when nothing newer is stored: it may have come after it', () => {
    const backlog = new LogBacklog();
    backlog.beginAt([record(3), record(3)]);
    expect([record(2), record(3)].map((one) => backlog.isTooOld(one))).toEqual([true, false]);
  });

  it('takes an older time for what it is once the instance was heard: its clock was put back', () => {
    const backlog = new LogBacklog();
    backlog.beginAt([record(3), record(4)]);
    backlog.noteHeard('i');
    expect(backlog.isTooOld(record(1))).toBe(false);
  });
});
