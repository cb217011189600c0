import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { subjects } from '@bkg/sdk';
import type { Connection, PluginInfo } from '@bkg/sdk';
import { eventually, startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';

const program = path.join(import.meta.dirname, '../dist/main.js');
const children: ChildProcess[] = [];
let server: TestServer;
let caller: Connection;
let home: string;

beforeAll(async () => {
  server = await startNatsServer();
  caller = await server.connect('caller');
  home = mkdtempSync(path.join(tmpdir(), 'bkg-main-'));
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  // apikeys starts by itself, and outlives its supervisor.
  expect(await run(settings(), 'stop-plugins', '--now').ended).toBe(0);
  await server.stop();
  rmSync(home, { recursive: true });
});

const settings = () => ({
  BKG_HOME: home,
  BKG_NATS_URL: server.url,
  BKG_CREDENTIALS_FILE: server.credentialsFile,
});

function run(env: Record<string, string>, ...args: string[]) {
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: 'pipe',
  });
  children.push(child);
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { child, ended, output: () => output };
}

it('says all that it misses, and ends', async () => {
  const { ended, output } = run({});
  expect(await ended).toBe(1);
  expect(output()).toContain('BKG_HOME is not set');
  expect(output()).toContain('BKG_NATS_URL is not set');
  expect(output()).toContain('BKG_CREDENTIALS_FILE is not set');
});

it('answers for the plugins of the project, says no secret, and ends at once at SIGTERM', async () => {
  const { child, ended, output } = run(settings());
  const list = await eventually(async () =>
    (await caller.request(subjects.registryList, '', { timeoutMs: 1_000 })).json<PluginInfo[]>(),
  );
  expect(Array.isArray(list)).toBe(true);
  const startedAt = Date.now();
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(Date.now() - startedAt).toBeLessThan(2_000);
  expect(output()).toContain('the supervisor acts');
  expect(output()).not.toContain(server.credentials.password);
});

it('ends while it waits for a broker that is not there', async () => {
  const { child, ended, output } = run({ ...settings(), BKG_NATS_URL: 'nats://127.0.0.1:1' });
  await eventually(() => output().includes('the broker cannot be reached'));
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});
