import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { boundLogs, lastLines, logFile } from '../src/up/log-file.ts';
import type { LogFile } from '../src/up/log-file.ts';

let dir: string;
let log: LogFile;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bkg-cli-'));
  log = logFile(path.join(dir, 'part.log'));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('the end of a log', () => {
  it('holds only what was written since, and only so many lines', () => {
    appendFileSync(log.file, 'of an earlier start\n');
    const since = log.size();
    appendFileSync(log.file, 'one\ntwo\nthree\n');
    expect(lastLines(log, since, 2)).toBe('    two\n    three');
    expect(lastLines(log, since, 9)).toBe('    one\n    two\n    three');
  });

  it('shows what a record says instead of its JSON, and nothing that moves the cursor', () => {
    const record = { level: 'error', message: 'it broke', error: { message: 'no reason' } };
    appendFileSync(log.file, `${JSON.stringify(record)}\n\x1b[31mred\x1b[0m\u0007\n`);
    expect(lastLines(log, 0, 9)).toBe('    error: it broke: no reason\n    red ');
  });

  it('is all of it when the log was cut meanwhile', () => {
    appendFileSync(log.file, 'new\n');
    expect(lastLines(log, 1_000, 9)).toBe('    new');
  });
});

it('is emptied under the process that writes it when it grew too long, and its earlier part is kept', async () => {
  const end = new AbortController();
  const problems: Error[] = [];
  const note = (_file: string, error: Error): void => void problems.push(error);
  const bounding = boundLogs([log], { mostBytes: 10, everyMs: 10 }, note, end.signal);
  const output = openSync(log.file, 'a');
  try {
    writeSync(output, 'more than ten bytes\n');
    await eventually(() => log.size() === 0);
    writeSync(output, 'and on\n');
    expect(readFileSync(log.file, 'utf8')).toBe('and on\n');
    expect(readFileSync(`${log.file}.1`, 'utf8')).toBe('more than ten bytes\n');
    expect(problems).toEqual([]);
  } finally {
    closeSync(output);
    end.abort();
    await bounding;
  }
});

it('is looked after beside one that cannot be cut, of which is told once', async () => {
  const end = new AbortController();
  const problems: string[] = [];
  const folder = logFile(path.join(dir, 'folder.log'));
  mkdirSync(folder.file);
  for (let i = 0; folder.size() <= 10; i += 1) appendFileSync(path.join(folder.file, String(i)), '');
  const bounding = boundLogs(
    [folder, log],
    { mostBytes: 10, everyMs: 5 },
    (what) => void problems.push(what),
    end.signal,
  );
  try {
    for (let i = 0; i < 3; i += 1) {
      appendFileSync(log.file, 'more than ten bytes\n');
      await eventually(() => log.size() === 0);
    }
    expect(problems).toEqual([`${folder.file} cannot be cut`]);
  } finally {
    end.abort();
    await bounding;
  }
});
