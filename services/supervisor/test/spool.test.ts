import { appendFileSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Spool } from '../src/logs/spool.ts';
import type { SpoolOptions } from '../src/logs/spool.ts';

let folder: string;
let file: string;
const spools: Spool[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'bkg-spool-'));
  file = path.join(folder, 'i1.out');
});
afterEach(() => {
  for (const spool of spools.splice(0)) spool.close();
  rmSync(folder, { recursive: true });
});

const open = (more: Partial<SpoolOptions> = {}): Spool => {
  const spool = new Spool({ file, offset: 0, ...more });
  spools.push(spool);
  return spool;
};
const pull = (spool: Spool, isEnd = false) => {
  const { lines, ...rest } = spool.pull(isEnd);
  spool.accept();
  return { lines: lines.map(({ bytes, isCut }) => bytes.toString() + (isCut ? '…' : '')), ...rest };
};

describe('a spool', () => {
  it('gives whole lines as the file grows', () => {
    const spool = open();
    expect(pull(spool).lines).toEqual([]);
    appendFileSync(file, 'one\ntw');
    expect(pull(spool).lines).toEqual(['one']);
    expect(pull(spool).lines).toEqual([]);
    appendFileSync(file, 'o\nthree\n');
    expect(pull(spool).lines).toEqual(['two', 'three']);
  });

  it('gives the same again until it is accepted', () => {
    const spool = open();
    appendFileSync(file, 'one\n');
    expect(spool.pull().lines).toHaveLength(1);
    expect(spool.offset).toBe(0);
    expect(pull(spool).lines).toEqual(['one']);
    expect(spool.offset).toBe(4);
  });

  it('gives the last line without an end when nothing more will come', () => {
    const spool = open();
    appendFileSync(file, 'one\nlast');
    expect(pull(spool, true)).toEqual({ lines: ['one', 'last'], skippedBytes: 0, more: false });
    expect(pull(spool, true).lines).toEqual([]);
  });

  it('goes on where an earlier one was', () => {
    appendFileSync(file, 'one\ntwo\n');
    const first = open({ lineMostBytes: 5 });
    expect(pull(first)).toMatchObject({ lines: ['one'], more: true });
    expect(pull(open({ offset: first.offset })).lines).toEqual(['two']);
  });

  it('says when there is more than it gives at once', () => {
    const spool = open({ lineMostBytes: 8 });
    appendFileSync(file, 'a\nb\nc\nd\ne\n');
    expect(pull(spool)).toMatchObject({ lines: ['a', 'b', 'c', 'd'], more: true });
    expect(pull(spool)).toMatchObject({ lines: ['e'], more: false });
  });

  it('gives up a line that is too long, and finds the next', () => {
    const spool = open({ lineMostBytes: 4 });
    appendFileSync(file, '123456789\nok\n');
    const seen = [0, 1, 2, 3, 4].flatMap(() => pull(spool).lines);
    expect(seen).toEqual(['1234…', 'ok']);
    appendFileSync(file, 'endless');
    expect([0, 1].flatMap(() => pull(spool).lines)).toEqual(['endl…']);
    expect(pull(spool, true).lines).toEqual([]);
  });

  it('empties a large file that is read to its end', () => {
    const spool = open({ keptMostBytes: 10 });
    appendFileSync(file, 'one\ntwo\npart');
    expect(pull(spool).lines).toEqual(['one', 'two']);
    expect(statSync(file).size).toBe(12);
    appendFileSync(file, ' of it\n');
    expect(pull(spool).lines).toEqual(['part of it']);
    expect(pull(spool).lines).toEqual([]);
    expect(statSync(file).size).toBe(0);
    appendFileSync(file, 'new\n');
    expect(pull(spool).lines).toEqual(['new']);
  });

  it('begins anew in a file that has become shorter than it was read', () => {
    const spool = open();
    appendFileSync(file, 'one\ntwo\n');
    pull(spool);
    truncateSync(file);
    appendFileSync(file, 'new\n');
    expect(pull(spool).lines).toEqual(['new']);
  });

  it('empties a large file of which little is not read yet, unless that is the middle of a line', () => {
    const spool = open({ keptMostBytes: 10, lineMostBytes: 12 });
    appendFileSync(file, 'one\ntwo\nthree\nfour\n');
    expect(pull(spool)).toEqual({ lines: ['one', 'two'], skippedBytes: 0, more: true });
    expect(pull(spool)).toEqual({ lines: ['three', 'four'], skippedBytes: 0, more: false });
    appendFileSync(file, 'five\nsi');
    expect(pull(spool).lines).toEqual(['five']);
    expect(statSync(file).size).toBe(26);
    appendFileSync(file, 'x\n');
    const first = spool.pull();
    expect(statSync(file).size).toBe(0);
    appendFileSync(file, 'seven\n');
    // Comes before what is in the file now, and is given again until it is accepted.
    expect(first.lines.map(({ bytes }) => bytes.toString())).toEqual(['six']);
    expect(spool.tail(100)).toBe('six\nseven\n');
    expect(pull(spool).lines).toEqual(['six', 'seven']);
  });
});

describe('of more than may wait a spool', () => {
  const line = 'xxxxxxxxx\n';
  const limits = { lineMostBytes: 100, waitingMostBytes: 1_600, keptMostBytes: 320, floodReadBytes: 55 };

  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('keeps the newest whole lines, and empties the file', () => {
    const spool = open(limits);
    appendFileSync(file, `${line.repeat(200)}one\ntwo\nlas`);
    const first = spool.pull();
    expect(spool.pull().lines).toEqual(first.lines);
    const lines = [...Array<string>(4).fill('xxxxxxxxx'), 'one', 'two'];
    expect(pull(spool)).toEqual({ lines, skippedBytes: 1_963, more: false });
    expect(statSync(file).size).toBe(0);
    appendFileSync(file, 'new\n');
    expect(pull(spool)).toEqual({ lines: ['new'], skippedBytes: 0, more: false });
  });

  it('reads some now and then while it goes on, with a file that stays small, and what comes last', () => {
    const spool = open(limits);
    const flood = (count: number) => {
      appendFileSync(file, line.repeat(count));
      return pull(spool);
    };
    expect(flood(200)).toMatchObject({ lines: { length: 5 }, skippedBytes: 1_950, more: true });
    expect(flood(50)).toEqual({ lines: [], skippedBytes: 0, more: true });
    expect(flood(50)).toEqual({ lines: [], skippedBytes: 0, more: true });
    expect(statSync(file).size).toBe(0);
    vi.advanceTimersByTime(300);
    expect(flood(50)).toMatchObject({ lines: { length: 5 }, skippedBytes: 1_450, more: true });
    expect(flood(50)).toEqual({ lines: [], skippedBytes: 0, more: true });
    appendFileSync(file, 'end\n');
    expect(spool.tail(24)).toBe(`${line.repeat(2)}end\n`);
    expect(pull(spool)).toEqual({
      lines: [...Array<string>(5).fill('xxxxxxxxx'), 'end'],
      skippedBytes: 450,
      more: false,
    });
    expect(pull(spool)).toEqual({ lines: [], skippedBytes: 0, more: false });
  });

  it('tells what was lost also when nothing comes after it', () => {
    const spool = open(limits);
    appendFileSync(file, line.repeat(200));
    pull(spool);
    appendFileSync(file, 'y'.repeat(500));
    expect(spool.pull()).toEqual({ lines: [], skippedBytes: 0, more: true });
    expect(pull(spool, true)).toEqual({ lines: ['y'.repeat(55)], skippedBytes: 445, more: false });
  });

  it('cuts a line that does not end, once, and finds the next', () => {
    const spool = open(limits);
    const flood = (text: string) => {
      vi.advanceTimersByTime(300);
      appendFileSync(file, text);
      return pull(spool);
    };
    const piece = 'y'.repeat(2_000);
    expect(flood(piece)).toEqual({ lines: [`${'y'.repeat(55)}…`], skippedBytes: 1_945, more: true });
    expect(flood(piece)).toEqual({ lines: [], skippedBytes: 2_000, more: true });
    expect(flood(`${piece}\nnext\n`)).toEqual({ lines: ['next'], skippedBytes: 2_001, more: true });
  });
});

it('does not grow without bound while it is written to all the time, and loses nothing that can be read in time', () => {
  const spool = open({ lineMostBytes: 100, waitingMostBytes: 1_000, keptMostBytes: 300 });
  const names = Array.from({ length: 600 }, (_, i) => `line ${String(i).padStart(4, '0')}`);
  const sizes: number[] = [];
  const seen: string[] = [];
  let skippedBytes = 0;
  const look = (isEnd = false) => {
    const pulled = spool.pull(isEnd);
    skippedBytes += pulled.skippedBytes;
    seen.push(...pulled.lines.map(({ bytes }) => bytes.toString()));
    return pulled.more;
  };
  for (const [i, name] of names.entries()) {
    appendFileSync(file, `${name}\n`);
    if (i % 2 === 0) look();
    else spool.accept();
    sizes.push(statSync(file).size);
  }
  while (look(true)) spool.accept();
  expect(Math.max(...sizes)).toBeLessThan(600);
  expect({ seen, skippedBytes }).toEqual({ seen: names, skippedBytes: 0 });
});
