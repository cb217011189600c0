import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, readdir, readlink, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

export interface Mesh {
  url: string;
  /** Starts, stops or restarts a plugin without a browser, and waits until it is so. */
  act: (pluginId: string, action: 'start' | 'stop' | 'restart') => Promise<void>;
  /** Ends the gateway's process the hard way; `bkg up` starts the next one. */
  killGateway: () => Promise<void>;
  stop: () => Promise<void>;
}

/** A whole mesh of its own, as a user starts it, in a temporary folder and on free ports. */
export async function startMesh(): Promise<Mesh> {
  const home = await mkdtemp(join(tmpdir(), 'bkg-browser-'));
  const [port, busPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, ['services/cli/dist/main.js', 'up'], {
    cwd: root,
    env: { ...process.env, BKG_HOME: home, BKG_PORT: String(port), BKG_PLUGIN_BUS_PORT: String(busPort) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const url = `http://localhost:${port}`;
  try {
    await printed(child, String(port), 60_000);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    url,
    act: async (pluginId, action) => {
      const response = await fetch(`${url}/api/plugins/${pluginId}/${action}`, {
        method: 'POST',
        signal: AbortSignal.timeout(75_000),
      });
      if (!response.ok)
        throw new Error(`${action} of ${pluginId}: ${response.status} ${await response.text()}`);
    },
    killGateway: async () => {
      process.kill(await gatewayPid(port), 'SIGKILL');
    },
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await within(ended, 20_000, 'bkg up did not end after SIGTERM');
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Resolves when the process has printed `text`; fails with its whole output when it ends or is silent too long. */
function printed(child: ChildProcess, text: string, timeoutMs: number): Promise<void> {
  let output = '';
  const found = new Promise<void>((resolve, reject) => {
    const look = (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes(text)) resolve();
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`bkg up ended with ${code}:\n${output}`)));
  });
  return within(found, timeoutMs, () => `bkg up did not print its address in ${timeoutMs} ms:\n${output}`);
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

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

/** The process that listens on the port, found as the system knows it, whatever its name is. */
async function gatewayPid(port: number): Promise<number> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8')));
  const inodes = tables
    .flatMap((table) => table.split('\n'))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${hexPort}`) && state === '0A')
    .map((fields) => `socket:[${fields[9]}]`);
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (await holdsOne(pid, inodes)) return Number(pid);
  }
  throw new Error(`No process listens on port ${port}.`);
}

async function holdsOne(pid: string, sockets: string[]): Promise<boolean> {
  try {
    const names = await readdir(`/proc/${pid}/fd`);
    const targets = await Promise.all(
      names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')),
    );
    return targets.some((target) => sockets.includes(target));
  } catch {
    // The process ended meanwhile, or is somebody else's.
    return false;
  }
}
