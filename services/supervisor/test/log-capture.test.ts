import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogRecord } from '@bkg/sdk';
import { silentLogger } from '@bkg/sdk/testing';
import { LogCapture } from '../src/logs/log-capture.ts';
import { keptInstances, listLogs, LogFile, removeOldLogs } from '../src/logs/log-file.ts';

let folder: string;
let published: LogRecord[];
const captures: LogCapture[] = [];
const at = (name: string): string => path.join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'bkg-capture-'));
  published = [];
});
afterEach(() => {
  for (const capture of captures.splice(0)) capture.close();
  rmSync(folder, { recursive: true });
});

function open(more: { busBytesPerSecond?: number; restMostMs?: number; log?: LogFile } = {}): LogCapture {
  const capture = new LogCapture({
    pluginId: 'echo',
    instance: 'i1',
    files: { out: at('i1.out'), err: at('i1.err'), read: at('i1.read') },
    log: new LogFile({ folder: at('logs'), instance: 'i1' }),
    connection: {
      publish: (subject, data) => {
        expect(subject).toBe('plugin.echo.events.i1.log');
        published.push(JSON.parse(data as string) as LogRecord);
        return true;
      },
    },
    ownLog: silentLogger,
    ...more,
  });
  captures.push(capture);
  return capture;
}
const kept = (): LogRecord[] =>
  readFileSync(at('logs/i1.log'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as LogRecord);
const messages = (records: LogRecord[]): string[] => records.map(({ message }) => message);

describe('captured output', () => {
  it('is kept and published, each line once', () => {
    const capture = open();
    appendFileSync(at('i1.out'), '{"level":"debug","message":"from the SDK"}\nplain\n');
    appendFileSync(at('i1.err'), 'oh\n');
    expect(capture.pump()).toBe(false);
    capture.pump();
    expect(kept().map(({ source, level, message }) => [source, level, message])).toEqual([
      ['sdk', 'debug', 'from the SDK'],
      ['stdout', 'info', 'plain'],
      ['stderr', 'warn', 'oh'],
    ]);
    expect(published).toEqual(kept());
  });

  it('has our own lines in between', () => {
    open().note('error', 'ended by SIGKILL', { pid: 7 });
    expect(kept()).toMatchObject([{ message: 'ended by SIGKILL', pid: 7, by: 'supervisor', instance: 'i1' }]);
  });

  it('is read on by a successor, without a gap and without a line twice', () => {
    const first = open();
    appendFileSync(at('i1.out'), 'one\ntwo\npar');
    first.pump();
    const second = open();
    appendFileSync(at('i1.out'), 't\nthree\n');
    second.pump();
    expect(messages(kept())).toEqual(['one', 'two', 'part', 'three']);
  });

  it('is read from the beginning when it is not known how far it was', () => {
    writeFileSync(at('i1.read'), 'nonsense');
    appendFileSync(at('i1.out'), 'one\n');
    open().pump();
    expect(messages(kept())).toEqual(['one']);
  });

  it('ends with the line that has no end', async () => {
    const capture = open();
    appendFileSync(at('i1.err'), 'one\nlast words');
    await capture.finish();
    expect(messages(kept())).toEqual(['one', 'last words']);
  });

  it('in a flood is in the file whole, and counted on the bus', async () => {
    const capture = open({ busBytesPerSecond: 2_000 });
    const lines = Array.from({ length: 500 }, (_, i) => `line ${i}`);
    appendFileSync(at('i1.out'), `${lines.join('\n')}\n`);
    await capture.finish();
    expect(messages(kept())).toEqual(lines);
    const last = published.at(-1);
    const count = 500 - (published.length - 1);
    expect(published.length).toBeLessThan(30);
    expect(last).toMatchObject({ level: 'warn', unpublished_lines: count });
    expect(last?.message).toContain(`${count} lines`);
  });

  it('gives way to others in a flood', () => {
    const capture = open();
    appendFileSync(at('i1.out'), 'x'.repeat(99).concat('\n').repeat(20_000));
    appendFileSync(at('i1.err'), 'not starved\n');
    expect(capture.pump()).toBe(true);
    expect(messages(kept())).toContain('not starved');
    let rounds = 1;
    while (capture.pump()) rounds += 1;
    expect(rounds).toBeGreaterThan(2);
    expect(kept()).toHaveLength(20_001);
  });

  it('goes on after a line that nobody could print', () => {
    const capture = open();
    const deep = `{"message":"x","a":${'['.repeat(60_000)}${']'.repeat(60_000)}}`;
    appendFileSync(at('i1.out'), `${deep}\nafter it\n`);
    capture.pump();
    expect(messages(kept())).toEqual([expect.stringMatching(/^\{"message":"x"/), 'after it']);
  });

  it('waits in its file while the disk takes nothing', () => {
    const log = new LogFile({ folder: at('logs'), instance: 'i1' });
    let full = true;
    const append = log.append.bind(log);
    log.append = (text) => {
      if (full) throw new Error('ENOSPC');
      append(text);
    };
    const capture = open({ log });
    appendFileSync(at('i1.out'), 'one\n');
    expect(capture.pump()).toBe(false);
    expect(published).toEqual([]);
    full = false;
    capture.pump();
    expect(messages(kept())).toEqual(['one']);
    expect(messages(published)).toEqual(['one']);
  });
});

it('the end of output is not waited for when somebody who was left goes on writing', async () => {
  // Of more than is read at once: a writer of its own would fall behind on a machine with other work.
  const more = `${'y'.repeat(999)}\n`.repeat(300);
  const log = new LogFile({ folder: at('logs'), instance: 'i1' });
  const append = log.append.bind(log);
  log.append = (text) => {
    append(text);
    appendFileSync(at('i1.out'), more);
  };
  const capture = open({ restMostMs: 300, log });
  appendFileSync(at('i1.out'), more);
  await capture.finish();
  expect(messages(kept()).at(-1)).toBe('something that it has started goes on writing: that is not kept');
});

describe('log files', () => {
  it('are two for each instance, of a bounded size', () => {
    const log = new LogFile({ folder, instance: 'i1', mostBytes: 100 });
    for (let i = 0; i < 50; i += 1) log.append(`{"line":${i}}\n`);
    log.close();
    const [found] = listLogs(folder);
    expect(found?.files).toEqual([at('i1.log'), at('i1.log.1')]);
    const text = `${readFileSync(at('i1.log.1'), 'utf8')}${readFileSync(at('i1.log'), 'utf8')}`;
    const numbers = text
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { line: number }).line);
    expect(numbers.at(-1)).toBe(49);
    expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
    expect(text.length).toBeLessThan(250);
  });

  it('go on when somebody has deleted them, or their folder', () => {
    const log = new LogFile({ folder: at('logs'), instance: 'i1', mostBytes: 10 });
    for (const deleted of ['logs/i1.log', 'logs']) {
      log.append('0123456789\n');
      rmSync(at(deleted), { recursive: true });
      log.append('after it\n');
      expect(readFileSync(at('logs/i1.log'), 'utf8')).toBe('after it\n');
    }
    log.close();
  });

  it.runIf(process.platform === 'linux')('leave nothing open when they cannot be turned over', () => {
    const log = new LogFile({ folder, instance: 'i1', mostBytes: 10 });
    log.append('0123456789\n');
    mkdirSync(at('i1.log.1'));
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    for (let i = 0; i < 20; i += 1) expect(() => log.append('next\n')).toThrow('EISDIR');
    expect(open()).toBeLessThan(before + 10);
    log.close();
  });

  it('are kept of the instances that ended last, and of all that live', () => {
    for (let i = 0; i < keptInstances + 3; i += 1) {
      writeFileSync(at(`i${i}.log`), `${i}\n`);
      writeFileSync(at(`i${i}.log.1`), `${i}\n`);
    }
    removeOldLogs(folder, new Set(['i0']));
    expect(listLogs(folder)).toHaveLength(keptInstances + 1);
    expect(existsSync(at('i0.log'))).toBe(true);
    expect(listLogs(at('none'))).toEqual([]);
  });
});
