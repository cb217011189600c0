import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { claimUp, readUpRecord, writeUpRecord } from '../src/up/up-record.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bkg-cli-'));
  file = path.join(dir, 'up.json');
});
afterEach(() => rmSync(dir, { recursive: true }));

it('a home without a record is claimed, once', () => {
  const record = claimUp(file);
  expect(record).toMatchObject({ pid: process.pid, parts: {} });
  expect(readUpRecord(file)).toEqual(record);
  expect(() => claimUp(file)).toThrow(`is just being started (process ${process.pid}).`);
  writeUpRecord(file, { ...record, state: 'up', url: 'http://localhost:1' });
  expect(() => claimUp(file)).toThrow(`already up: http://localhost:1 (process ${process.pid}).`);
  writeUpRecord(file, { ...record, state: 'stopping' });
  expect(() => claimUp(file)).toThrow(`is just being stopped (process ${process.pid}).`);
  expect(readdirSync(dir)).toEqual(['up.json']);
});

it('the record of a process that is gone is taken over with what it says of the parts', () => {
  const gateway = { pid: 7, start: 'long ago', fingerprint: 'f' };
  const dead = { pid: process.pid, start: 'another time', state: 'up' as const, port: 1, parts: { gateway } };
  writeUpRecord(file, dead);
  const record = claimUp(file);
  expect(record).toMatchObject({ pid: process.pid, state: 'starting', port: 1, parts: { gateway } });
  expect(record.start).not.toBe(dead.start);
  expect(readdirSync(dir)).toEqual(['up.json']);
});

it.each([
  '',
  '{',
  'null',
  '{"pid":1}',
  '{"pid":1,"start":"","state":"up","parts":{"gateway":{}}}',
  '{"pid":1,"start":"","state":"flying","parts":{}}',
  '{"pid":-1,"start":"","state":"up","parts":{}}',
])('a record that cannot be understood is not guessed at: %s', (text) => {
  writeFileSync(file, text);
  expect(() => claimUp(file)).toThrow('it cannot be understood');
});
