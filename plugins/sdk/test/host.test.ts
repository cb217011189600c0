import { spawn } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  backoffMs,
  delay,
  isSameProcess,
  processStart,
  readServiceSettings,
  writeWhole,
} from '../src/host/index.ts';
import { eventually } from '../src/testing.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'bkg-host-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the identity of a process', () => {
  it('holds while it lives, and a zombie does not live', async () => {
    const start = processStart(process.pid)!;
    expect(isSameProcess({ pid: process.pid, start })).toBe(true);
    expect(isSameProcess({ pid: process.pid, start: `${start}0` })).toBe(false);
    // sh never waits for what it left in the background, so the dead child stays a zombie.
    const shell = spawn('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 5'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const pid = Number(await new Promise((resolve) => shell.stdout.once('data', resolve)));
    await eventually(() => processStart(pid) === undefined);
    shell.kill('SIGKILL');
  });
});

describe('a file written whole', () => {
  it('has the mode it was given and leaves nothing beside it', () => {
    const file = path.join(folder, 'secret.json');
    writeWhole(file, 'one', 0o600);
    writeWhole(file, 'two', 0o600);
    expect(readFileSync(file, 'utf8')).toBe('two');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['secret.json']);
  });

  it('keeps the old text when the new one cannot be written', () => {
    const file = path.join(folder, 'state.json');
    writeWhole(file, 'old');
    expect(() => writeWhole(path.join(folder, 'missing', 'state.json'), 'new')).toThrow(/ENOENT/);
    expect(readFileSync(file, 'utf8')).toBe('old');
  });

  it('leaves nothing of what may be a secret when it cannot take its place', () => {
    const place = path.join(folder, 'secret.json');
    mkdirSync(place);
    expect(() => writeWhole(place, 'secret', 0o600)).toThrow(/EISDIR|EPERM|ENOTEMPTY|EEXIST/);
    expect(readdirSync(folder)).toEqual(['secret.json']);
  });
});

describe('backoff', () => {
  it('doubles up to its limit and is jittered by half', () => {
    const options = { firstMs: 100, mostMs: 1_000 };
    expect([0, 1, 2, 3, 4, 100].map((attempt) => backoffMs(attempt, options, () => 0.5))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
    expect([backoffMs(0, options, () => 0), backoffMs(0, options, () => 1)]).toEqual([50, 150]);
  });
});

describe('a delay', () => {
  it('ends early with the reason of its signal', async () => {
    const controller = new AbortController();
    const waiting = delay(60_000, controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});

describe('the settings of a service', () => {
  it('are read, or everything missing is said at once', () => {
    const file = path.join(folder, 'credentials.json');
    writeFileSync(file, '{"user":"u","password":"p"}');
    const env = { BKG_HOME: folder, BKG_NATS_URL: 'nats://a:1, nats://b:2', BKG_CREDENTIALS_FILE: file };
    expect(readServiceSettings(env)).toEqual({
      home: folder,
      servers: ['nats://a:1', 'nats://b:2'],
      credentials: { user: 'u', password: 'p' },
    });
    expect(() => readServiceSettings({})).toThrow(/BKG_HOME[^]*BKG_NATS_URL[^]*BKG_CREDENTIALS_FILE/);
  });

  it.each([
    ['no JSON: hunter2', /is not JSON/],
    ['{"user":"hunter2"}', /incomplete/],
  ])('say what is wrong with the credentials file, not what is in it', (text, words) => {
    const file = path.join(folder, 'credentials.json');
    writeFileSync(file, text);
    chmodSync(file, 0o600);
    const read = () =>
      readServiceSettings({ BKG_HOME: folder, BKG_NATS_URL: 'x', BKG_CREDENTIALS_FILE: file });
    expect(read).toThrow(words);
    expect(read).not.toThrow(/hunter2/);
  });
});
