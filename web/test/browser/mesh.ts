import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ApiKey, KeyChange, KeyOrder, NewKey, PluginInfo, Ticket } from '@bkg/sdk/protocol';

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** Below the project's root, where plugins find the SDK. */
const plugins = fileURLToPath(new URL('plugins', import.meta.url));

type Part = 'nats-server' | 'supervisor' | 'gateway';

export interface MeshOptions {
  /** Asks everybody who they are, as a mesh does by itself. @default false: most tests are about something else */
  auth?: boolean;
}

export interface Mesh {
  url: string;
  /** Its folder. */
  home: string;
  /** Of the broker. */
  busUrl: string;
  /** Of whoever has started it; only with `auth`. */
  key: string;
  /** A fresh link to sign in with, as whoever has started the mesh; only with `auth`. */
  signInLink: () => Promise<string>;
  /** Makes a key without a browser; only with `auth`. */
  createKey: (order: KeyOrder) => Promise<NewKey>;
  /** Changes a key without a browser; only with `auth`. */
  changeKey: (prefix: string, change: KeyChange) => Promise<ApiKey>;
  /** What the mesh says of a plugin. */
  read: (pluginId: string) => Promise<PluginInfo>;
  /** Starts, stops or restarts a plugin without a browser, and waits until it is so. */
  act: (pluginId: string, action: 'start' | 'stop' | 'restart') => Promise<void>;
  /** Swaps, scales or rolls a plugin back without a browser, and waits until it is so. */
  order: (pluginId: string, verb: 'swap' | 'scale' | 'rollback', order: object) => Promise<void>;
  /** Changes the configuration of a plugin that is in force, and waits until its instances have it. */
  configure: (pluginId: string, patch: object) => Promise<{ revision: number }>;
  /** Ends the gateway's process the hard way; `bkg up` starts the next one. */
  killGateway: () => Promise<void>;
  /** Ends a part the hard way, and keeps `bkg up` from starting the next one until `act` is done. */
  without: (part: Part, act: () => Promise<void>) => Promise<void>;
  /** Runs the plugin of a file beside the mesh, as somebody does by hand. */
  runByHand: (file: string) => Promise<ChildProcess>;
  stop: () => Promise<void>;
}

/** A whole mesh of its own, as a user starts it, in a temporary folder and on free ports. */
export async function startMesh({ auth = false }: MeshOptions = {}): Promise<Mesh> {
  const home = await mkdtemp(join(tmpdir(), 'bkg-browser-'));
  const more = join(home, 'more');
  await mkdir(join(more, 'broken'), { recursive: true });
  await writeFile(join(more, 'broken', 'plugin.json'), '{"id": "broken",');
  const child = spawn(process.execPath, ['services/cli/dist/main.js', 'up'], {
    cwd: root,
    env: {
      ...process.env,
      BKG_HOME: home,
      BKG_PORT: '0',
      BKG_PLUGIN_BUS_PORT: '0',
      BKG_PLUGINS_PATH: `${plugins}:${more}`,
      ...(!auth && { BKG_NO_AUTH: '1' }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let url: string;
  let key: string | undefined;
  try {
    url = await printed(child, /bkg is up: (http:\/\/\S+)/, 60_000);
    if (auth) key = (await readFile(join(home, 'admin.key'), 'utf8')).trim();
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  const get = (path: string) => ask('GET', path, { key, timeoutMs: 10_000 });
  const send = (path: string, body?: object) => ask('POST', path, { key, body, timeoutMs: 75_000 });
  const { bus_port: busPort } = await recordOf(home);
  return {
    url,
    home,
    busUrl: `nats://127.0.0.1:${busPort}`,
    key: key ?? '',
    signInLink: async () => {
      const { ticket } = (await send(`${url}/api/session/tickets`)) as Ticket;
      return `${url}/sign-in#ticket=${ticket}`;
    },
    createKey: async (order) => (await send(`${url}/api/keys`, order)) as NewKey,
    changeKey: async (prefix, change) =>
      (await ask('PATCH', `${url}/api/keys/${prefix}`, { key, body: change, timeoutMs: 10_000 })) as ApiKey,
    read: async (pluginId) => (await get(`${url}/api/plugins/${pluginId}`)) as PluginInfo,
    act: async (pluginId, action) => {
      await send(`${url}/api/plugins/${pluginId}/${action}`);
    },
    order: async (pluginId, verb, order) => {
      await send(`${url}/api/plugins/${pluginId}/${verb}`, order);
    },
    configure: async (pluginId, patch) => {
      const path = `${url}/api/plugins/${pluginId}/config`;
      const { revision } = (await get(path)) as { revision: number };
      return (await send(path, { ...patch, revision })) as { revision: number };
    },
    killGateway: async () => {
      process.kill((await recordOf(home)).parts.gateway.pid, 'SIGKILL');
    },
    without: async (part, act) => {
      const { pid } = (await recordOf(home)).parts[part];
      child.kill('SIGSTOP');
      try {
        process.kill(pid, 'SIGKILL');
        await act();
      } finally {
        child.kill('SIGCONT');
      }
    },
    runByHand: async (file) => {
      const program = spawn(process.execPath, [file], {
        env: {
          ...process.env,
          BKG_NATS_URL: `nats://127.0.0.1:${busPort}`,
          BKG_CREDENTIALS_FILE: join(home, 'run', 'credentials.json'),
          BKG_DATA_DIR: join(home, 'by-hand'),
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      await printed(program, /(is running)/, 20_000);
      return program;
    },
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await within(ended, 20_000, 'bkg up did not end after SIGTERM');
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** @throws Error with the whole answer when it is a failure */
async function ask(
  method: string,
  path: string,
  { key, body, timeoutMs }: { key: string | undefined; body?: object | undefined; timeoutMs: number },
): Promise<unknown> {
  const response = await fetch(path, {
    method,
    headers: {
      ...(key && { authorization: `Bearer ${key}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (response.ok) return response.json();
  throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
}

/** What `words` finds in the output of the process; fails with its whole output when it ends or is silent too long. */
function printed(child: ChildProcess, words: RegExp, timeoutMs: number): Promise<string> {
  let output = '';
  const found = new Promise<string>((resolve, reject) => {
    const look = (chunk: Buffer) => {
      output += chunk.toString();
      const [, match] = words.exec(output) ?? [];
      if (match) resolve(match);
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the process ended with ${code}:\n${output}`)));
  });
  return within(
    found,
    timeoutMs,
    () => `nothing that matches ${String(words)} was printed in ${timeoutMs} ms:\n${output}`,
  );
}

async function within<T>(
  promise: Promise<T>,
  timeoutMs: number,
  message: string | (() => string),
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(typeof message === 'string' ? message : message())),
    timeoutMs,
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What `bkg up` wrote down of itself. */
async function recordOf(home: string): Promise<{ parts: Record<Part, { pid: number }>; bus_port: number }> {
  return JSON.parse(await readFile(join(home, 'run', 'up.json'), 'utf8')) as Awaited<
    ReturnType<typeof recordOf>
  >;
}
