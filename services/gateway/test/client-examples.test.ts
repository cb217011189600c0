import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { access, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { headerNames, subjects } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { entryOf, startMesh, temporaryFolder } from './mesh.ts';
import type { TestMesh } from './mesh.ts';

const examples = path.resolve(import.meta.dirname, '../../../plugins/sdk/examples');
const id = 'hello-typescript';
const withinMs = 30_000;

let mesh: TestMesh;
let scratch: Awaited<ReturnType<typeof temporaryFolder>>;
let plugin: ChildProcess;

const brokerOf = ({ nats }: TestMesh) => ({
  BKG_NATS_URL: nats.url,
  BKG_CREDENTIALS_FILE: nats.credentialsFile,
});

beforeAll(async () => {
  mesh = await startMesh();
  scratch = await temporaryFolder();
  const entry = entryOf(id, 'running', { capabilities: ['wait', 'count', 'digest', 'tone'] });
  for (const capability of entry.capabilities) {
    if (capability.id === 'count') capability.stream = true;
    if (capability.id === 'digest') Object.assign(capability, { upload: true, input_type: '*/*' });
    if (capability.id === 'tone') Object.assign(capability, { stream: true, chunk_type: 'audio/wav' });
  }
  await mesh.supervisor.put(entry);
  plugin = spawn(process.execPath, ['main.ts'], {
    cwd: path.join(examples, 'typescript'),
    env: { PATH: process.env['PATH'], ...brokerOf(mesh) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const wait = subjects.invokeCapability(id, 'wait');
  await eventually(() => mesh.peer.request(wait, '{"ms":0}', { timeoutMs: 1_000 }), { withinMs });
  await eventually(() => mesh.app.catalog.get(id) !== undefined);
});
afterAll(async () => {
  const ended = once(plugin, 'exit');
  plugin.kill('SIGKILL');
  await ended;
  await scratch[Symbol.asyncDispose]();
  await mesh[Symbol.asyncDispose]();
});

interface Language {
  name: string;
  isPossible: boolean;
  /** Whether it shows server-sent events as they are. */
  isRaw?: boolean;
  command: (what: string) => [string, ...string[]];
}

const isThere = (program: string): boolean =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

const languages: Language[] = [
  {
    name: 'TypeScript',
    isPossible: true,
    command: (what) => [process.execPath, path.join(examples, 'clients', `${what}.ts`)],
  },
  {
    name: 'Python',
    isPossible: isThere('python3'),
    command: (what) => ['python3', path.join(examples, 'clients/client.py'), what],
  },
  {
    name: 'a shell',
    isPossible: isThere('curl'),
    isRaw: true,
    command: (what) => ['sh', path.join(examples, 'clients/client.sh'), what],
  },
];

describe.each(languages)('the client in $name', ({ isPossible, isRaw, command }) => {
  async function run(what: string, ...args: string[]): Promise<string> {
    const { out, ...end } = await runToEnd(what, ...args);
    expect(end).toEqual({ code: 0, complaints: '' });
    return out;
  }

  async function runToEnd(what: string, ...args: string[]) {
    const [program, ...before] = command(what);
    const child = spawn(program, [...before, ...args], {
      cwd: scratch.folder,
      env: { PATH: process.env['PATH'], BKG_URL: mesh.url, ...brokerOf(mesh) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [code, out, complaints] = await Promise.all([
      once(child, 'exit').then(([status]) => status as number | null),
      text(child.stdout),
      text(child.stderr),
    ]);
    return { code, complaints, out };
  }

  it.skipIf(!isPossible)('reads a stream to its end', async () => {
    const out = await run('stream', '3');
    if (isRaw) {
      const events = [1, 2, 3].map((n) => `event: chunk\nid: ${n - 1}\ndata: {"n":${n}}\n\n`);
      expect(out).toBe(`${events.join('')}event: result\ndata: {"counted":3}\n\n`);
    } else expect(out).toMatch(/^1\n2\n3\n\{ ?'?counted'?: 3 ?\}\n$/);
  });

  it.skipIf(!isPossible)('sends a file that is larger than a message', async () => {
    const data = Buffer.alloc(5_000_000, 'Ada');
    await writeFile(path.join(scratch.folder, 'large.bin'), data);
    const out = await run('upload', 'large.bin');
    expect(out).toContain(createHash('sha256').update(data).digest('hex'));
    expect(out).toContain('5000000');
  });

  it.skipIf(!isPossible)('fetches a file that is larger than a message', async () => {
    await run('download', 'tone.wav', '100');
    const file = await readFile(path.join(scratch.folder, 'tone.wav'));
    expect(file.length).toBe(44 + 100 * 16_000);
    expect(file.toString('latin1', 0, 4)).toBe('RIFF');
  });

  it.skipIf(!isPossible)('leaves a file as it was when the answer is a failure, and says why', async () => {
    const file = path.join(scratch.folder, 'kept.wav');
    await writeFile(file, 'good');
    const { code, complaints } = await runToEnd('download', 'kept.wav', '-1');
    expect(code).not.toBe(0);
    expect(complaints).toContain('INVALID_PAYLOAD');
    expect(await readFile(file, 'utf8')).toBe('good');
    await expect(access(`${file}.part`)).rejects.toThrow('ENOENT');
  });

  it.skipIf(!isPossible)('cancels what takes too long', async () => {
    const before = performance.now();
    expect(await run('cancel', '0.5')).toContain('CANCELLED');
    // What it cancels would take 20 s.
    expect(performance.now() - before).toBeLessThan(15_000);
  });
});

/** Says what it was given, a line each. */
const fakeNats = '#!/bin/sh\nprintf "%s\\n" "$@"\n';

it('the client with the nats command gives it what the protocol says', async () => {
  await writeFile(path.join(scratch.folder, 'nats'), fakeNats, { mode: 0o755 });
  const client = path.join(examples, 'clients/client-nats.sh');
  const run = (...args: string[]): string[] =>
    spawnSync('sh', [client, ...args], {
      encoding: 'utf8',
      env: { PATH: `${scratch.folder}:${process.env['PATH']}`, BKG_API_KEY: 'bkg_Kabcdefghi_secret' },
    }).stdout.split('\n');
  const stream = run('stream', '3');
  expect(stream.slice(0, 5)).toEqual([
    '--inbox-prefix',
    '_INBOX.Kabcdefghi',
    'request',
    `${subjects.invokeCapability(id, 'count')}`,
    '{"to": 3}',
  ]);
  expect(stream).toContain(`${headerNames.stream}:1024`);
  const cancel = run('cancel', '0');
  const named = cancel.find((line) => line.startsWith(headerNames.invocationId)) ?? '';
  expect(named).toMatch(/^Bkg-Invocation-Id:[0-9a-f]{32}$/);
  expect(cancel).toContain(subjects.cancel(id));
  expect(cancel).toContain(`{"invocation_id": "${named.split(':')[1]}"}`);
});
