import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, subjects } from '@bkg/sdk';
import type { Connection, LogRecord, PluginInfo } from '@bkg/sdk';
import { eventually, silentLogger } from '@bkg/sdk/testing';
import { projectFolder } from '../src/project.ts';
import { testHome } from './test-home.ts';
import type { TestHome } from './test-home.ts';

/** Plugins that bkg has never seen, in other languages, managed and started by hand, in a whole mesh. */
const examples = path.join(projectFolder, 'plugins/sdk/examples');
let home: TestHome;
let caller: Connection;
/** Watched by the mesh. */
let plugins: string;
let workshop: string;
const byHand: ChildProcess[] = [];

beforeAll(async () => {
  plugins = realpathSync(mkdtempSync(path.join(tmpdir(), 'bkg-any-')));
  workshop = realpathSync(mkdtempSync(path.join(tmpdir(), 'bkg-any-')));
  home = await testHome();
  await home.runningMesh({ BKG_PLUGINS_PATH: plugins });
  const servers = [`nats://127.0.0.1:${home.busPort}`];
  const credentials = JSON.parse(home.read('run', 'credentials.json')) as { user: string; password: string };
  const name = 'any-language';
  caller = await connect({ servers, credentials, name, identity: [name], log: silentLogger });
}, 60_000);
afterAll(async () => {
  for (const child of byHand) child.kill('SIGKILL');
  await caller?.close();
  await home[Symbol.asyncDispose]();
  for (const folder of [plugins, workshop]) rmSync(folder, { recursive: true, force: true });
});

interface Plugin {
  /** Of `examples/`, or none: then `fixtures/stranger.mjs`. */
  example?: string;
  /** The program, in the plugin's folder. */
  command: (id: string) => string[];
  build?: string[];
  /** What this machine lacks to run it. */
  missing?: string | undefined;
  capability: string;
  payload: object;
  output: object;
  /** It publishes log events, which an instance that nobody manages has to. */
  logs: boolean;
}

const has = (program: string, argument: string): boolean => spawnSync(program, [argument]).status === 0;
const greeting = { capability: 'greet', payload: { name: 'Ada' }, output: { greeting: 'Hello, Ada!' } };
const kinds: Record<string, Plugin> = {
  stranger: {
    command: (id) => ['node', 'main.mjs', id],
    capability: 'text.upper',
    payload: { text: 'ada' },
    output: { text: 'ADA' },
    logs: false,
  },
  javascript: { example: 'javascript', command: () => ['node', 'main.mjs'], ...greeting, logs: true },
  python: {
    example: 'python',
    command: () => ['python3', '-B', 'main.py'],
    ...greeting,
    logs: true,
    missing: has('python3', '--version') ? undefined : 'no python3 on the PATH',
  },
  go: {
    example: 'go',
    command: () => ['./hello-go'],
    build: ['go', 'build', '-o', 'hello-go'],
    ...greeting,
    logs: false,
    missing: has('go', 'version') ? undefined : 'no go on the PATH',
  },
};

/** A folder with this plugin under another id. */
function make(id: string, { example, command, build }: Plugin): string {
  const folder = path.join(workshop, id);
  if (example) {
    const isSource = (file: string): boolean =>
      !['.bkg', '__pycache__', 'hello-go'].includes(path.basename(file));
    cpSync(path.join(examples, example), folder, { recursive: true, filter: isSource });
    for (const file of readdirSync(folder)) {
      const whole = path.join(folder, file);
      if (!statSync(whole).isFile()) continue;
      writeFileSync(
        whole,
        readFileSync(whole, 'utf8')
          .replaceAll(`"hello-${example}"`, `"${id}"`)
          .replaceAll(`'hello-${example}'`, `'${id}'`),
      );
    }
  } else {
    mkdirSync(folder);
    cpSync(path.join(import.meta.dirname, 'fixtures/stranger.mjs'), path.join(folder, 'main.mjs'));
  }
  writeFileSync(
    path.join(folder, 'plugin.json'),
    JSON.stringify({ id, version: '1.0.0', command: command(id) }),
  );
  const [program = '', ...args] = build ?? [];
  if (build) expect(spawnSync(program, args, { cwd: folder, encoding: 'utf8' })).toMatchObject({ status: 0 });
  return folder;
}

function startByHand(id: string, kind: Plugin): void {
  const folder = make(id, kind);
  const [program = '', ...args] = kind.command(id);
  const env = {
    PATH: process.env['PATH'],
    BKG_NATS_URL: `nats://127.0.0.1:${home.busPort}`,
    BKG_CREDENTIALS_FILE: home.file('run', 'credentials.json'),
  };
  const file =
    program === 'node' ? process.execPath : program.startsWith('./') ? path.join(folder, program) : program;
  byHand.push(spawn(file, args, { cwd: folder, env, stdio: 'ignore' }));
}

const api = (address: string, init?: RequestInit): Promise<Response> =>
  fetch(`http://127.0.0.1:${home.port}/api/plugins/${address}`, init);

async function info(id: string): Promise<PluginInfo> {
  return (await (await api(id)).json()) as PluginInfo;
}

function post(address: string, body: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return api(address, { method: 'POST', headers, body: JSON.stringify(body) });
}

// At once: each waits most of the time.
describe.concurrent.each(Object.entries(kinds))('a plugin that knows nothing of bkg: %s', (name, kind) => {
  it.each([true, false])(
    'managed: %s',
    { timeout: 60_000, skip: kind.missing !== undefined },
    async (managed) => {
      const id = `any-${name}-${managed ? 'managed' : 'by-hand'}`;
      if (managed) {
        renameSync(make(id, kind), path.join(plugins, id));
        await eventually(async () => (await api(id)).status === 200);
        expect((await post(`${id}/start`, {})).status).toBe(200);
      } else startByHand(id, kind);

      const shown = await eventually(
        async () => {
          const one = await info(id);
          return one.status === 'running' && one.capabilities.length > 0 && one;
        },
        { withinMs: 20_000 },
      );
      expect(shown.instances).toMatchObject([{ status: 'running', managed }]);
      expect(shown.capabilities.map((one) => one.id)).toContain(kind.capability);
      expect(shown.capabilities[0]?.input_schema).toMatchObject({ type: 'object' });

      const overHttp = await post(`${id}/invoke/${kind.capability}`, kind.payload);
      expect([overHttp.status, await overHttp.json()]).toEqual([200, kind.output]);
      const inEnvelope = await post(`${id}/invoke`, { capability: kind.capability, payload: kind.payload });
      expect([inEnvelope.status, await inEnvelope.json()]).toEqual([200, kind.output]);
      const refused = await post(`${id}/invoke/${kind.capability}`, {});
      expect([refused.status, await refused.json()]).toMatchObject([400, { code: 'INVALID_PAYLOAD' }]);
      const subject = subjects.invokeCapability(id, kind.capability);
      const overNats = await caller.request(subject, JSON.stringify(kind.payload), { timeoutMs: 5_000 });
      expect(overNats.json()).toEqual(kind.output);

      await eventually(
        async () => {
          const { request_count, error_count } = (await info(id)).telemetry;
          return request_count === 4 && error_count === 1;
        },
        { withinMs: 15_000 },
      );
      if (managed || kind.logs) {
        await eventually(async () => {
          const { lines } = (await (await api(`${id}/logs`)).json()) as { lines: LogRecord[] };
          return lines.length > 0;
        });
      }
      if (managed) {
        expect((await post(`${id}/stop`, {})).status).toBe(200);
        expect((await info(id)).status).toBe('stopped');
      } else
        expect([(await post(`${id}/stop`, {})).status, (await info(id)).status]).toEqual([409, 'running']);
    },
  );
});
