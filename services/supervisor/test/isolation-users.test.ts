import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { closeData, closedFolder } from '../src/isolation/open-folders.ts';
import { giveData, takeData } from '../src/isolation/plugin-users.ts';
import { UserIds } from '../src/isolation/user-ids.ts';
import { IsolationKit } from './isolation-kit.ts';

let kit: IsolationKit;

beforeAll(async () => {
  kit = await IsolationKit.create();
});
afterAll(() => kit[Symbol.asyncDispose]());
beforeEach((context) => {
  const { strength, note } = kit.machine.isolationOf('off', 'nobody-yet').user;
  if (strength !== 'enforced') context.skip(note);
});

/** Tries things one by one, and prints what came of each. */
const tryAll = (things: Record<string, string>): string => `
  const fs = require('node:fs');
  const env = process.env;
  const tries = {${Object.entries(things)
    .map(([name, code]) => `${JSON.stringify(name)}: () => ${code}`)
    .join(',')}};
  const results = Object.entries(tries).map(([name, attempt]) => {
    try { return [name, attempt() ?? 'done']; } catch (error) { return [name, error.code]; }
  });
  console.log(JSON.stringify(Object.fromEntries(results)));
  setInterval(() => {}, 1000);`;

async function resultsOf(output: () => string): Promise<Record<string, unknown>> {
  const said = await eventually(() => output().includes('\n') && output());
  return JSON.parse(said) as Record<string, unknown>;
}

it('gets to its own files and to no others of the home, and has no rights', async () => {
  const { home } = kit;
  const other = kit.start('setInterval(() => {}, 1000)', { pluginId: 'other' });
  // As the next start of a mesh does it.
  chmodSync(home.run, 0o700);
  const secret = path.join(home.home, 'admin.key');
  writeFileSync(secret, 'x', { mode: 0o600 });
  writeFileSync(home.credentialsFile, 'x', { mode: 0o600 });
  const log = path.join(home.logs, 'other.log');
  writeFileSync(log, 'x', { mode: 0o644 });
  mkdirSync(home.models);
  writeFileSync(path.join(home.models, 'one.gguf'), 'model');
  writeFileSync(path.join(other.spec.dataDir, 'notes'), 'x', { mode: 0o644 });
  const read = (file: string): string => `fs.readFileSync(${JSON.stringify(file)}, 'utf8')`;
  const { pid, output } = kit.start(
    tryAll({
      user: 'process.getuid() === process.getgid() && process.getgroups().length <= 1 && process.getuid()',
      own: "fs.writeFileSync(env.BKG_DATA_DIR + '/file', 'x')",
      credentials: "JSON.parse(fs.readFileSync(env.BKG_CREDENTIALS_FILE, 'utf8')).user",
      model: read(path.join(home.models, 'one.gguf')),
      admin: read(secret),
      mesh: read(home.credentialsFile),
      theirs: read(other.spec.shownFiles[0] ?? ''),
      notes: read(path.join(other.spec.dataDir, 'notes')),
      log: read(log),
      home: 'fs.readdirSync(env.BKG_HOME)',
      run: "fs.readdirSync(env.BKG_HOME + '/run')",
      data: "fs.readdirSync(env.BKG_HOME + '/data')",
      write: "fs.writeFileSync(env.BKG_HOME + '/run/x', 'x')",
      environment: read(`/proc/${other.pid}/environ`),
      signal: `process.kill(${other.pid}, 0)`,
      ours: `process.kill(${process.pid}, 0)`,
      root: 'process.setuid(0)',
    }),
  );
  const user = statSync(path.join(home.data, 'one')).uid;
  expect(await resultsOf(output)).toEqual({
    user,
    own: 'done',
    credentials: 'u',
    model: 'model',
    admin: 'EACCES',
    mesh: 'EACCES',
    theirs: 'EACCES',
    notes: 'EACCES',
    log: 'EACCES',
    home: 'EACCES',
    run: 'EACCES',
    data: 'EACCES',
    write: 'EACCES',
    environment: 'EACCES',
    signal: 'EPERM',
    ours: 'EPERM',
    root: 'EPERM',
  });
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
    expect(status).toMatch(new RegExp(`^${set}:\\s0+$`, 'm'));
  expect(status).toMatch(/^NoNewPrivs:\s1$/m);
  expect(kit.machine.isolationOf('off', 'one').user.note).toContain(`user id ${user},`);
});

it('can be sealed off as well', async (context) => {
  const { files } = kit.machine.isolationOf('on', 'sealed');
  if (files.strength !== 'enforced') return context.skip(files.note);
  const others = path.join(kit.start('', { pluginId: 'unsealed' }).spec.folder, 'plugin.json');
  const { output, spec } = kit.start(
    tryAll({
      user: 'process.getuid()',
      own: "fs.writeFileSync(env.BKG_DATA_DIR + '/file', 'x')",
      credentials: "JSON.parse(fs.readFileSync(env.BKG_CREDENTIALS_FILE, 'utf8')).user",
      others: `fs.readFileSync(${JSON.stringify(others)})`,
      elsewhere: "fs.writeFileSync('/tmp/bkg-sealed', 'x')",
    }),
    { pluginId: 'sealed', sandbox: 'on' },
  );
  expect(await resultsOf(output)).toEqual({
    user: statSync(spec.dataDir).uid,
    own: 'done',
    credentials: 'u',
    others: 'EACCES',
    elsewhere: 'EACCES',
  });
});

it('is the same for all instances of a plugin, and another for each plugin', () => {
  const started = ['first', 'first', 'second'].map((pluginId) => kit.start('', { pluginId }));
  const [one, again, other] = started.map(({ spec }) => statSync(spec.dataDir).uid);
  expect(again).toBe(one);
  expect(other).not.toBe(one);
  expect(one).toBeGreaterThanOrEqual(50_000);
  expect(one).toBeLessThan(60_000);
});

it('is given the data that a plugin has already, and never what a link in it leads to', () => {
  const dataDir = path.join(kit.home.data, 'old');
  const outside = path.join(kit.home.home, 'outside');
  mkdirSync(path.join(dataDir, 'deep/er'), { recursive: true });
  writeFileSync(path.join(dataDir, 'deep/er/file'), 'x');
  writeFileSync(outside, 'x');
  symlinkSync(outside, path.join(dataDir, 'link'));
  symlinkSync(kit.home.home, path.join(dataDir, 'deep/folder'));
  kit.start('', { pluginId: 'old' });
  const { uid, mode } = statSync(dataDir);
  expect(mode & 0o777).toBe(0o700);
  for (const name of ['deep', 'deep/er', 'deep/er/file', 'link', 'deep/folder'])
    expect(lstatSync(path.join(dataDir, name)).uid).toBe(uid);
  expect([outside, kit.home.home].map((file) => statSync(file).uid)).toEqual([0, 0]);
});

it('is not there where a folder on the way is closed, which is named; what was given is taken back', async () => {
  const closed = mkdtempSync(path.join(tmpdir(), 'bkg-closed-'));
  const folder = path.join(closed, 'plugin');
  const pluginId = 'closed';
  const first = kit.start('', { pluginId });
  expect(kit.machine.isolationOf('off', pluginId).user.strength).toBe('enforced');
  await first.process.ended;
  first.confinement.release();
  const { output, spec } = kit.start(tryAll({ user: 'process.getuid()' }), { pluginId, folder });
  expect(await resultsOf(output)).toEqual({ user: 0 });
  expect(statSync(spec.dataDir).uid).toBe(0);
  const { user, memory } = kit.machine.isolationOf('off', pluginId);
  expect(user).toEqual({
    strength: 'none',
    by: 'none',
    note: `It runs as root, because ${closed} is closed to other users.`,
  });
  expect(memory.note).toContain('unless it means to get out');
  // The way is open now, and so the next one has a user.
  chmodSync(closed, 0o711);
  const next = kit.start(tryAll({ user: 'process.getuid()' }), { pluginId, folder });
  expect(await resultsOf(next.output)).toEqual({ user: statSync(spec.dataDir).uid });
  expect(kit.machine.isolationOf('off', pluginId).user.strength).toBe('enforced');
  rmSync(closed, { recursive: true });
});

it('is the next that is free when another plugin has the one it would be given', () => {
  const data = mkdtempSync(path.join(tmpdir(), 'bkg-data-'));
  const free = new UserIds(data, '/home').of('a');
  expect(new UserIds(data, '/home').of('a')).toBe(free);
  expect(new UserIds(data, '/elsewhere').of('a')).not.toBe(free);
  mkdirSync(path.join(data, 'b'));
  chownSync(path.join(data, 'b'), free, free);
  const ids = new UserIds(data, '/home');
  expect(ids.of('a')).toBe(free === 59_998 ? 50_000 : free + 1);
  expect(ids.of('b')).toBe(free);
  // A copy of the folder is not b's, whether it was there from the start or is made later.
  mkdirSync(path.join(data, 'a'));
  chownSync(path.join(data, 'a'), free, free);
  for (const one of [ids, new UserIds(data, '/home')]) {
    expect(one.of('a')).not.toBe(free);
    expect(one.of('b')).toBe(free);
  }
  rmSync(data, { recursive: true });
});

it('stays a plugin’s own when its data was removed, and is found at once among a thousand', () => {
  const data = mkdtempSync(path.join(tmpdir(), 'bkg-data-'));
  for (let i = 0; i < 1_000; i++) {
    mkdirSync(path.join(data, `p${i}`));
    chownSync(path.join(data, `p${i}`), 50_000 + i, 50_000 + i);
  }
  const ids = new UserIds(data, '/home');
  expect(ids.of('p7')).toBe(50_007);
  rmSync(path.join(data, 'p7'), { recursive: true });
  const others = Array.from({ length: 100 }, (_, i) => ids.of(`new-${i}`));
  expect(others).not.toContain(50_007);
  expect(new Set(others).size).toBe(100);
  // Once read: each of these would look at them all.
  const [before, from] = [process.cpuUsage().system, performance.now()];
  for (let i = 8; i < 1_000; i++) ids.of(`p${i}`);
  expect(performance.now() - from).toBeLessThan(1_000);
  expect(process.cpuUsage().system - before).toBeLessThan(500_000);
  rmSync(data, { recursive: true });
});

it('is given no file of somebody else that was linked into the data, nor what lies behind a replaced folder', () => {
  const top = mkdtempSync(path.join(tmpdir(), 'bkg-give-'));
  const data = path.join(top, 'data');
  mkdirSync(path.join(data, 'inner'), { recursive: true });
  writeFileSync(path.join(top, 'shadow'), 'x');
  linkSync(path.join(top, 'shadow'), path.join(data, 'inner/linked'));
  writeFileSync(path.join(data, 'twice'), 'x');
  linkSync(path.join(data, 'twice'), path.join(data, 'again'));
  writeFileSync(path.join(data, 'roots'), 'x');
  for (const name of ['', 'inner', 'twice']) chownSync(path.join(data, name), 50_001, 50_001);
  giveData(data, 50_002);
  const owners = (...names: string[]): number[] => names.map((name) => statSync(path.join(data, name)).uid);
  expect(owners('', 'inner', 'twice', 'again', 'roots')).toEqual(Array(5).fill(50_002));
  expect(owners('inner/linked')).toEqual([0]);
  rmSync(top, { recursive: true });
});

it('is closed to others also where the plugin has no user, or is not started', () => {
  const data = mkdtempSync(path.join(tmpdir(), 'bkg-data-'));
  const outside = mkdtempSync(path.join(tmpdir(), 'bkg-outside-'));
  chmodSync(outside, 0o755);
  for (const name of ['roots', 'old']) mkdirSync(path.join(data, name), { mode: 0o755 });
  symlinkSync(outside, path.join(data, 'link'));
  const modes = (): number[] =>
    [path.join(data, 'roots'), path.join(data, 'old'), outside].map((one) => statSync(one).mode & 0o777);
  takeData(path.join(data, 'roots'));
  expect(modes()).toEqual([0o700, 0o755, 0o755]);
  closeData(data);
  expect(modes()).toEqual([0o700, 0o750, 0o755]);
  for (const folder of [data, outside]) rmSync(folder, { recursive: true });
});

it('knows which folder is closed', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'bkg-closed-'));
  mkdirSync(path.join(folder, 'a/b'), { recursive: true });
  expect(closedFolder(path.join(folder, 'a/b'))).toBe(folder);
  chmodSync(folder, 0o711);
  expect(closedFolder(path.join(folder, 'a/b'))).toBeUndefined();
  chmodSync(path.join(folder, 'a'), 0o700);
  expect(closedFolder(path.join(folder, 'a/b'))).toBe(path.join(folder, 'a'));
  rmSync(folder, { recursive: true });
  expect(existsSync(folder)).toBe(false);
});
