import { execFile, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, ListenOptions } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Logger } from '@bkg/sdk';
import { sandboxed, sandboxPrograms } from './sandboxed.ts';
import type { TrialResult, TrialSpec } from './trial-result.ts';
import { noSandbox, trialVerdict } from './trial-verdict.ts';
import type { SandboxProbe } from './trial-verdict.ts';

export interface ProbeOptions {
  /** The project's Node. */
  node: string;
  /** A folder that plugins get to. */
  within: string;
  log: Logger;
  signal: AbortSignal;
  /** Who plugins run as; only root can be somebody else. @default who we are */
  user?: { uid: number; gid: number };
}

const trialMs = 20_000;
/** Of a unix socket, with what is below it here. */
const folderMostBytes = 80;

/**
 * What the sandbox does on this machine, found by trying it as a plugin would run: around it are files, servers and a
 * process that nothing but the sandbox keeps it from.
 * @throws what `signal` was aborted with
 */
export async function probeSandbox({ node, within, log, signal, user }: ProbeOptions): Promise<SandboxProbe> {
  await using left = new AsyncDisposableStack();
  try {
    const base = Buffer.byteLength(within) > folderMostBytes ? tmpdir() : within;
    const folder = await mkdtemp(path.join(base, 'sandbox-'));
    left.defer(() =>
      rm(folder, { recursive: true, force: true }).catch((error: unknown) =>
        log.warn({ error, folder }, 'what a trial of the sandbox has left cannot be removed'),
      ),
    );
    const spec = await surroundings(folder, user, left);
    const { command, args } = sandboxed({
      command: node,
      args: [path.join(sandboxPrograms, 'trial.js'), JSON.stringify(spec)],
      rules: {
        node,
        home: folder,
        folder: sandboxPrograms,
        dataDir: spec.dataDir,
        files: [],
        readable: [],
        servers: `127.0.0.1:${spec.brokerPort}`,
      },
    });
    const printed = await run(command, args, { cwd: sandboxPrograms, signal, ...user });
    return trialVerdict(JSON.parse(printed) as TrialResult);
  } catch (error) {
    signal.throwIfAborted();
    return noSandbox(`There is no sandbox: ${(error as Error).message}.`);
  }
}

async function surroundings(
  folder: string,
  user: ProbeOptions['user'],
  left: AsyncDisposableStack,
): Promise<TrialSpec> {
  const dataDir = path.join(folder, 'data');
  const outside = path.join(folder, 'outside');
  await chmod(folder, 0o755);
  await mkdir(dataDir);
  await writeFile(outside, 'x', { mode: 0o600 });
  if (user) for (const one of [dataDir, outside]) await chown(one, user.uid, user.gid);
  const unixSocket = path.join(folder, 'socket');
  const [brokerPort, otherPort] = await Promise.all([listen(left), listen(left), listen(left, unixSocket)]);
  await chmod(unixSocket, 0o777);
  const udp = createSocket('udp4');
  left.defer(() => void udp.close());
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  const outsider = spawn('/bin/sleep', [`${trialMs / 1_000}`], { stdio: 'ignore', ...user });
  await once(outsider, 'spawn');
  left.defer(() => void outsider.kill('SIGKILL'));
  const udpPort = udp.address().port;
  return {
    dataDir,
    outside,
    sharesUser: !user || user.uid === process.getuid!(),
    brokerPort,
    otherPort,
    udpPort,
    unixSocket,
    outsider: outsider.pid ?? 0,
  };
}

/** @returns the port, of TCP unless there is a `socket` */
async function listen(left: AsyncDisposableStack, socket?: string): Promise<number> {
  const server = createServer((connection) => connection.destroy());
  left.defer(() => void server.close());
  const where: ListenOptions = socket ? { path: socket } : { port: 0, host: '127.0.0.1' };
  server.listen(where);
  await once(server, 'listening');
  return socket ? 0 : (server.address() as AddressInfo).port;
}

/** @throws Error with what it said last when it does not succeed */
function run(
  command: string,
  args: readonly string[],
  options: { cwd: string; signal: AbortSignal; uid?: number; gid?: number },
): Promise<string> {
  // Nothing of our environment concerns it, and some of it could change what it does.
  const settings = { ...options, env: {}, timeout: trialMs, killSignal: 'SIGKILL' as const };
  return new Promise((resolve, reject) => {
    execFile(command, args, settings, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      reject(new Error(error.killed ? `the trial took longer than ${trialMs} ms` : reasonIn(stderr)));
    });
  });
}

/** What the launcher says, or an error of Node, whose last line tells its version only. */
function reasonIn(stderr: string): string {
  const lines = stderr.trim().split('\n');
  const said = lines.find((line) => line.startsWith('sandbox: '))?.slice('sandbox: '.length);
  return said ?? lines.findLast((line) => line.includes('Error')) ?? lines.at(-1) ?? 'it says nothing';
}
