import { describe, expect, it } from 'vitest';
import { takeLines } from '../src/logs/lines.ts';
import { lineMostBytes, recordOf } from '../src/logs/log-line.ts';

const readAt = Date.parse('2026-11-24T08:00:00.123Z');
const origin = { pluginId: 'echo', instance: 'i1', stream: 'stdout', readAt } as const;
const read = (line: string, more = {}) => recordOf(Buffer.from(line), { ...origin, ...more });

describe('bytes', () => {
  it('are whole lines up to the last end', () => {
    const { lines, used } = takeLines(Buffer.from('a\n\nbc\r\nrest'));
    expect(lines.map(String)).toEqual(['a', '', 'bc\r']);
    expect(used).toBe(7);
    expect(takeLines(Buffer.from('rest'))).toEqual({ lines: [], used: 0 });
  });
});

describe('a line of output', () => {
  it('is the message of a record, with the time at which it was read', () => {
    expect(read('hello\r')).toEqual({
      time: '2026-11-24T08:00:00.123Z',
      level: 'info',
      plugin_id: 'echo',
      instance: 'i1',
      message: 'hello',
      source: 'stdout',
    });
    expect(read('oh', { stream: 'stderr' })).toMatchObject({ level: 'warn', source: 'stderr' });
    expect(read('  ')).toBeUndefined();
  });

  it('of JSON with a message is a record already, of whom the stream says', () => {
    const said = {
      level: 'error',
      time: '2026-01-01T00:00:00.000Z',
      plugin_id: 'other',
      instance: 'other',
      source: 'stdout',
      model: 'm',
      trace_id: 't',
      message: 'no',
    };
    expect(read(JSON.stringify(said))).toEqual({ ...said, plugin_id: 'echo', instance: 'i1', source: 'sdk' });
  });

  it('is not ours, whatever it says', () => {
    const ours = { by: 'supervisor', unpublished_lines: 7, unpublished_bytes: 700 };
    const said = { message: 'it was ordered to stop', level: 'info', model: 'm', invocation_id: 'abc' };
    const record = read(JSON.stringify({ ...said, ...ours }));
    expect(record).toMatchObject(said);
    const long = read(JSON.stringify({ ...said, ...ours, input: 'x'.repeat(20_000) }));
    expect(long).toMatchObject({ invocation_id: 'abc' });
    for (const name of Object.keys(ours))
      for (const one of [record, long]) expect(one).not.toHaveProperty(name);
  });

  it('of JSON that lacks something is completed', () => {
    expect(read('{"message":"m","level":"loud","time":"yesterday"}')).toMatchObject({
      message: 'm',
      level: 'info',
      time: '2026-11-24T08:00:00.123Z',
      source: 'sdk',
    });
    expect(read('{"message":"m","time":0}')?.time).toBe('1970-01-01T00:00:00.000Z');
  });

  it('that only looks like a record is text', () => {
    for (const line of ['{"message": 7}', '{"message"', '["message"]', '{}', 'null']) {
      expect(read(line)).toMatchObject({ message: line, source: 'stdout' });
    }
  });

  it('that is nested deeper than 64 levels is text, and one that is not is a record', () => {
    const nested = (levels: number): string =>
      `{"message":"m","a":${'['.repeat(levels)}${']'.repeat(levels)}}`;
    expect(read(nested(63))).toMatchObject({ message: 'm', source: 'sdk' });
    expect(read(nested(65))).toMatchObject({ message: nested(65), source: 'stdout' });
  });

  it('keeps control characters, which are escaped where they are shown', () => {
    expect(read('\u001b[31mred')?.message).toBe('\u001b[31mred');
  });
});

describe('a long line', () => {
  it('is cut at 16 KiB, with a mark, and never within a character', () => {
    const message = read('ü'.repeat(lineMostBytes))?.message ?? '';
    expect(message).toMatch(/^ü+ … \[cut: the line had 32768 bytes\]$/);
    const odd = read(`x${'ü'.repeat(lineMostBytes)}`)?.message ?? '';
    expect(odd).not.toContain('\ufffd');
    expect(read('x'.repeat(lineMostBytes))?.message).toHaveLength(lineMostBytes);
  });

  it('of JSON keeps its time, level and ids, and loses its other fields', () => {
    const long = { level: 'error', time: '2026-01-01T00:00:00.000Z', message: 'no', invocation_id: 'abc' };
    const line = JSON.stringify({ ...long, input: 'x'.repeat(20_000) });
    const record = read(line);
    expect(record).toMatchObject({
      ...long,
      message: `no … [cut: the line had ${line.length} bytes]`,
      source: 'sdk',
    });
    expect(record).not.toHaveProperty('input');
  });

  it('of which only the beginning was read says so', () => {
    expect(read(`{"message":"${'x'.repeat(20_000)}`, { isCut: true })).toMatchObject({
      source: 'stdout',
      message: expect.stringContaining('[cut: the line had more than 20012 bytes]'),
    });
  });
});
