import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BkgError } from '@bkg/sdk';
import type { LogLevel } from '@bkg/sdk';
import { LogFile, listLogs } from '../src/logs/log-file.ts';
import { fits, readLogQuery } from '../src/logs/log-query.ts';
import type { LogFilter } from '../src/logs/log-query.ts';
import { readLogs } from '../src/logs/log-reader.ts';
import { RecentLogs } from '../src/logs/recent-logs.ts';

let folder: string;
const start = Date.parse('2026-11-24T08:00:00.000Z');

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'bkg-reader-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const line = (message: string, secs: number, level: LogLevel = 'info', more = {}): string =>
  `${JSON.stringify({ time: new Date(start + secs * 1_000).toISOString(), level, message, ...more })}\n`;

function write(instance: string, lines: string[], mostBytes?: number): void {
  const log = new LogFile({ folder, instance, ...(mostBytes && { mostBytes }) });
  for (const one of lines) log.append(one);
  log.close();
}

async function read(filter: Partial<LogFilter> = {}, mostBytes = 1_000_000) {
  const { records, isCut } = await readLogs(
    listLogs(folder),
    { lines: 200, level: 'trace', since: 0, ...filter },
    mostBytes,
  );
  return { messages: records.map(({ message }) => message), isCut };
}

describe('reading logs', () => {
  it('gives the newest of all instances, the newest last', async () => {
    write('a', [line('1', 1), line('3', 3), line('5', 5)]);
    write('b', [line('2', 2), line('4', 4)]);
    expect((await read()).messages).toEqual(['1', '2', '3', '4', '5']);
    expect((await read({ lines: 2 })).messages).toEqual(['4', '5']);
  });

  it('goes on in the older file', async () => {
    const lines = Array.from({ length: 60 }, (_, i) => line(`${i}`, i));
    write('a', lines, 1_500);
    const { messages } = await read();
    expect(messages.length).toBeGreaterThan(25);
    expect(messages).toEqual(
      Array.from({ length: messages.length }, (_, i) => `${60 - messages.length + i}`),
    );
  });

  it('leaves out what is older or less grave', async () => {
    write('a', [
      line('old', -600, 'error'),
      line('fine', 1),
      line('bad', 2, 'warn'),
      line('worse', 3, 'fatal'),
    ]);
    expect((await read({ level: 'warn' })).messages).toEqual(['old', 'bad', 'worse']);
    expect((await read({ level: 'warn', since: start })).messages).toEqual(['bad', 'worse']);
    expect((await read({ since: start + 2_000 })).messages).toEqual(['bad', 'worse']);
    expect((await read({ since: Date.now() + 60_000 })).messages).toEqual([]);
  });

  it('finds a record that the two streams wrote out of order', async () => {
    write('a', [line('late', 10), line('early', -5), line('later', 11)]);
    expect((await read({ since: start })).messages).toEqual(['late', 'later']);
  });

  it('is bounded in bytes, and says so', async () => {
    write(
      'a',
      Array.from({ length: 100 }, (_, i) => line(`${i}`, i)),
    );
    const { messages, isCut } = await read({}, 500);
    expect(isCut).toBe(true);
    expect(messages.at(-1)).toBe('99');
    expect(messages.length).toBeLessThan(10);
    expect((await read({ lines: 3 }, 500)).isCut).toBe(false);
  });

  it('reads lines that are longer than what it reads at once', async () => {
    const long = 'x'.repeat(300_000);
    write('a', [line('first', 0), line(long, 1), line('last', 2)]);
    expect((await read()).messages).toEqual(['first', long, 'last']);
  });

  it('survives lines that a full disk has cut, and fields that JSON puts first', async () => {
    write('a', [line('1', 1), line('2', 2, 'error', { 7: 'a field with a number for a name' })]);
    appendFileSync(path.join(folder, 'a.log'), '{"time":"2026-11-24T08:00:03.000Z","level":"info","mess\n');
    appendFileSync(path.join(folder, 'a.log'), line('4', 4));
    expect((await read()).messages).toEqual(['1', '2', '4']);
    expect((await read({ level: 'error' })).messages).toEqual(['2']);
  });
});

describe('a query', () => {
  const now = start;
  const refused = (body: unknown): BkgError => {
    try {
      readLogQuery(body, now);
    } catch (error) {
      return error as BkgError;
    }
    throw new Error('it was taken');
  };

  it('takes how many, how grave and since when, and needs none', () => {
    const all = { lines: 200, level: 'trace', since: 0 };
    expect(readLogQuery(undefined, now)).toEqual(all);
    expect(readLogQuery({}, now)).toEqual(all);
    expect(readLogQuery({ lines: 5, level: 'warn', since: '15m' }, now)).toEqual({
      lines: 5,
      level: 'warn',
      since: start - 15 * 60_000,
    });
    expect(readLogQuery({ since: '2026-11-24T09:00:00+01:00' }, now).since).toBe(start);
  });

  it.each([
    [{ lines: 0 }, 'lines must be >= 1'],
    [{ lines: 10_001 }, 'lines must be <= 10000'],
    [{ lines: '5' }, 'lines must be integer'],
    [{ level: 'loud' }, 'level must be equal to one of the allowed values: ["trace"'],
    [{ since: 'yesterday' }, 'since is "yesterday"; it takes'],
    [{ since: '2026-11-24T08:00:00' }, 'it takes a time with its zone'],
    [{ limit: 5 }, '"limit"'],
    [[], 'must be object'],
  ])('refuses %j with what is allowed', (body, text) => {
    const { problem } = refused(body);
    expect(problem).toMatchObject({ code: 'INVALID_PAYLOAD', detail: expect.stringContaining(text) });
    expect(problem.errors?.length).toBeGreaterThan(0);
  });

  it('fits by time and level', () => {
    const filter = readLogQuery({ level: 'warn', since: '2026-11-24T08:00:00Z' }, now);
    expect(fits({ time: '2026-11-24T08:00:00.000Z', level: 'warn' }, filter)).toBe(true);
    expect(fits({ time: '2026-11-24T08:00:00.000Z', level: 'info' }, filter)).toBe(false);
    expect(fits({ time: '2026-11-24T07:59:59.999Z', level: 'fatal' }, filter)).toBe(false);
  });
});

describe('log events of instances that nobody manages', () => {
  const record = { time: '2026-11-24T08:00:00Z', level: 'info', message: 'm' };

  it('are kept, the last thousand of each', () => {
    const logs = new RecentLogs();
    for (let i = 0; i < 1_100; i += 1) logs.hear('echo', 'i1', { ...record, message: `${i}` }, 100);
    logs.hear('echo', 'i2', record, 100);
    const kept = logs.of('echo');
    expect(kept).toHaveLength(1_001);
    expect(kept[0]).toMatchObject({ message: '100', instance: 'i1', time: '2026-11-24T08:00:00.000Z' });
    logs.forget('echo', 'i1');
    expect(logs.of('echo')).toHaveLength(1);
    expect(logs.of('other')).toEqual([]);
  });

  it('are bounded in bytes and in instances', () => {
    const logs = new RecentLogs((id) => id === 'echo');
    for (let i = 0; i < 10; i += 1) logs.hear('echo', 'i1', record, 1_000_000);
    expect(logs.of('echo')).toHaveLength(4);
    for (let i = 0; i < 500; i += 1) logs.hear('flood', `x${i}`, record, 10);
    expect(logs.of('flood')).toHaveLength(63);
    expect(logs.of('echo')).toHaveLength(4);
    // One that is known by more than that has its place.
    logs.hear('echo', 'i2', record, 10);
    expect(logs.of('echo')).toHaveLength(5);
    expect(logs.of('flood')).toHaveLength(62);
    for (let i = 0; i < 100; i += 1) logs.hear('echo', `x${i}`, record, 10);
    expect(logs.of('flood')).toEqual([]);
    expect(logs.of('echo')).toHaveLength(4 + 63);
  });

  it('are kept without what is nested so deep that nobody could print it', () => {
    const logs = new RecentLogs();
    let deep: object = {};
    for (let i = 0; i < 10_000; i += 1) deep = { deep };
    logs.hear('echo', 'i1', { ...record, deep }, 10);
    expect(logs.of('echo')).toEqual([
      { ...record, plugin_id: 'echo', instance: 'i1', source: 'sdk', time: expect.any(String) },
    ]);
  });

  it('are not ours, whatever they say; those that are say so', () => {
    const logs = new RecentLogs();
    const ours = { by: 'supervisor', unpublished_lines: 7, unpublished_bytes: 700 };
    logs.hear('echo', 'i1', { ...record, model: 'm', ...ours }, 100);
    logs.note('echo', 'i1', 'warn', 'it says too much');
    const common = { plugin_id: 'echo', instance: 'i1', source: 'sdk', time: expect.any(String) };
    expect(logs.of('echo')).toEqual([
      { ...record, ...common, model: 'm' },
      { ...common, level: 'warn', message: 'it says too much', by: 'supervisor' },
    ]);
  });

  it('do not count when they are no records', () => {
    const logs = new RecentLogs();
    for (const body of [
      null,
      7,
      [],
      {},
      { ...record, time: 'x' },
      { ...record, level: 7 },
      { ...record, message: 7 },
    ])
      logs.hear('echo', 'i1', body, 10);
    expect(logs.of('echo')).toEqual([]);
  });
});
