import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { subjects, type StatusEvent } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { CandleMesh } from './candle-mesh.ts';
import { workload } from './sample-models.ts';

let mesh: CandleMesh;

beforeAll(async () => {
  mesh = await CandleMesh.create();
  await mesh.folder.write('models/tests/workload.onnx', workload());
});
afterAll(() => mesh[Symbol.asyncDispose]());

/** Starts candle as the supervisor does: a clean environment, everything else in it. */
async function run(config?: unknown) {
  const { path } = mesh.folder;
  const file = await mesh.folder.write('config.json', JSON.stringify(config ?? {}));
  const child = spawn(process.execPath, [fileURLToPath(new URL('../src/main.ts', import.meta.url))], {
    env: {
      PATH: process.env['PATH'],
      HOME: path,
      TMPDIR: path,
      BKG_PLUGIN_ID: 'candle',
      BKG_INSTANCE_ID: 'i1',
      BKG_VERSION: '0.2.0',
      BKG_NATS_URL: mesh.server.url,
      BKG_CREDENTIALS_FILE: mesh.server.credentialsFile,
      BKG_CONFIG_FILE: file,
      BKG_DATA_DIR: `${path}/data/candle`,
      BKG_HOME: path,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once('close', (code, signal) => resolve(signal ?? code)),
  );
  return { child, ended, lines: () => output.split('\n').filter(Boolean) };
}

const ready = () =>
  eventually(async () => {
    const [reply] = await mesh.caller.requestMany(subjects.status('candle'), '', { forMs: 200, most: 1 });
    return reply?.json<StatusEvent>().status === 'running';
  });

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const size = (n: number) => ({ name: 'size', datatype: 'INT64', shape: [2], data: [n, n] });
const work = (n: number) =>
  mesh.ask('model.infer', { model_id: 'tests/workload', inputs: [size(n)], outputs: ['sum'] });

describe('candle as a program', () => {
  it('answers, logs JSON only, gives its models no credentials, and leaves no process at SIGTERM', async () => {
    const candle = await run();
    await ready();
    expect(await mesh.ask('model.infer', { input: 'Guten Morgen' })).toMatchObject({ output: 'de' });
    const pid = await mesh.pidOf('bkg/language-id');
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8');
    expect(environment).not.toContain('BKG_');
    const answer = work(900);
    await delay(50);
    candle.child.kill('SIGTERM');
    // What it held is answered before it leaves.
    expect(await answer).toMatchObject({ model_id: 'tests/workload' });
    expect(await candle.ended).toBe(0);
    expect(isAlive(pid)).toBe(false);
    const messages = candle.lines().map((line) => (JSON.parse(line) as { message: string }).message);
    expect(messages).toEqual(
      expect.arrayContaining(['bkg/language-id is in memory', 'candle is running', 'draining']),
    );
  });

  it('takes its models with it when it is killed', async () => {
    const candle = await run();
    await ready();
    const pid = await mesh.pidOf('bkg/language-id');
    candle.child.kill('SIGKILL');
    expect(await candle.ended).toBe('SIGKILL');
    await eventually(() => !isAlive(pid));
  });

  it('ends with code 1 and a reason when a setting is out of range', async () => {
    const candle = await run({ settings: { max_resident_models: 0, speed: 11 } });
    expect(await candle.ended).toBe(1);
    expect(candle.lines().at(-1)).toMatch(/max_resident_models.*must be >= 1|speed/);
  });

  it('heeds its settings', async () => {
    const candle = await run({ settings: { max_output_bytes: 10 } });
    await ready();
    expect(await mesh.ask('model.infer', { input: 'Guten Morgen' })).toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      detail: expect.stringContaining('scores [1, 12] take more than 10 bytes') as string,
    });
    candle.child.kill('SIGTERM');
    expect(await candle.ended).toBe(0);
  });
});
