import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';
import { silentLogger, startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { probeSandbox, sandboxed } from '../src/isolation/sandbox/index.ts';

export const node = process.execPath;
/** Has no entry in /etc/passwd. */
export const somebody = process.getuid!() === 0 ? { uid: 54_321, gid: 54_321 } : undefined;

/** What the sandbox does here. */
export const probe = await probeSandbox({
  node,
  within: tmpdir(),
  log: silentLogger,
  signal: AbortSignal.timeout(60_000),
  ...(somebody && { user: somebody }),
});
const lacking = [probe.files, probe.network].filter(({ strength }) => strength !== 'enforced');
export const isThere = lacking.length === 0;
export const sandbox = isThere ? 'in the sandbox' : `in the sandbox (left out: ${lacking[0]!.note})`;

/** Runs what it is told in the body of an async function, and says what came of it. */
const agent = `
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as net from 'node:net';
import * as path from 'node:path';
import * as dgram from 'node:dgram';
import * as dns from 'node:dns/promises';
import * as child from 'node:child_process';
import { once } from 'node:events';
import { dlopen, getInt32, getRawPointer } from 'node:ffi';
import { createInterface } from 'node:readline';
import { getSystemErrorName } from 'node:util';
const long = 'int64';
const { functions: libc } = dlopen(null, {
  syscall: { return: long, arguments: Array(7).fill(long) },
  __errno_location: { return: 'pointer', arguments: [] },
});
const call = (...numbers) => {
  const args = [...numbers, 0, 0, 0, 0, 0, 0].slice(0, 7).map(BigInt);
  const result = libc.syscall(...args);
  if (result >= 0n) return Number(result);
  throw Object.assign(new Error(), { code: getSystemErrorName(-getInt32(libc.__errno_location())) });
};
const connect = async (...to) => { await once(net.connect(...to), 'connect'); };
const tools = { fs, os, net, path, dgram, dns, child, once, call, connect, getRawPointer };
for await (const line of createInterface({ input: process.stdin })) {
  const { body, given } = JSON.parse(line);
  const does = new Function(...Object.keys(tools), 'given', 'return (async () => {' + body + '})()');
  const said = await does(...Object.values(tools), given).then((value) => value ?? 'done', (error) => error.info?.code ?? error.code ?? error.message);
  console.log(JSON.stringify({ said }));
}`;

export class Agent {
  readonly child: ChildProcess;
  readonly #lines: Interface;

  constructor(
    command: string,
    args: readonly string[],
    { cwd, ...options }: { cwd: string; env: Record<string, string>; uid?: number; gid?: number },
  ) {
    this.child = spawn(command, args, {
      cwd,
      stdio: ['pipe', 'pipe', 'inherit'],
      ...options,
    });
    this.#lines = createInterface({ input: this.child.stdout! });
  }

  /** @returns what it returned, `done`, or the code of the error */
  async try(body: string, given: unknown = {}): Promise<unknown> {
    this.child.stdin!.write(`${JSON.stringify({ body, given })}\n`);
    const [line] = (await once(this.#lines, 'line', { signal: AbortSignal.timeout(20_000) })) as [string];
    return (JSON.parse(line) as { said: unknown }).said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}

/** Something of another plugin, which has the same user. */
export interface Foreign {
  data: string;
  secret: string;
  socket: string;
  port: number;
}

/** A home with a plugin, beside a broker: what it is kept to, and what it is kept from. */
export class SandboxKit implements AsyncDisposable {
  readonly root: string;
  readonly plugin: string;
  readonly data: string;
  readonly server: TestServer;
  readonly left: AsyncDisposableStack;

  private constructor(root: string, server: TestServer, left: AsyncDisposableStack) {
    this.root = root;
    this.plugin = path.join(root, 'plugins/echo');
    this.data = path.join(root, 'home/data/echo');
    this.server = server;
    this.left = left;
  }

  static async create(): Promise<SandboxKit> {
    const left = new AsyncDisposableStack();
    const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'bkg-sandbox-test-')));
    left.defer(() => rmSync(root, { recursive: true, force: true }));
    chmodSync(root, 0o755);
    const kit = new SandboxKit(root, left.use(await startNatsServer()), left);
    const { plugin, data } = kit;
    mkdirSync(path.join(plugin, 'node_modules/@bkg'), { recursive: true });
    mkdirSync(data, { recursive: true });
    if (somebody) chownSync(data, somebody.uid, somebody.gid);
    symlinkSync(
      path.resolve(import.meta.dirname, '../../../plugins/sdk'),
      path.join(plugin, 'node_modules/@bkg/sdk'),
    );
    copyFileSync(path.join(import.meta.dirname, 'fixtures/echo.mjs'), path.join(plugin, 'echo.mjs'));
    writeFileSync(path.join(plugin, 'agent.mjs'), agent);
    return kit;
  }

  /** A command, kept to the plugin's folder. */
  sealed(command: string, args: readonly string[], files: string[] = [], dataDir = this.data) {
    const { root, plugin: folder, server } = this;
    const home = path.join(root, 'home');
    const rules = { node, home, folder, dataDir, files, readable: [], servers: server.url };
    return sandboxed({ command, args, rules });
  }

  /** What does as it is told, in the sandbox or without it. @param user as ours when it is empty */
  agent(
    { command, args } = { command: node, args: ['agent.mjs'] },
    user: { uid?: number; gid?: number } = { ...somebody },
  ): Agent {
    const { plugin: cwd, data, server } = this;
    const env = { PATH: process.env['PATH']!, HOME: data, TMPDIR: data, BKG_NATS_URL: server.url };
    return this.left.use(new Agent(command, args, { cwd, env, ...user }));
  }

  /** Of the same user as the plugin, so that nothing but the sandbox is between them. */
  ownedFile(file: string, text: string): string {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: 0o600 });
    if (somebody) chownSync(file, somebody.uid, somebody.gid);
    return file;
  }

  /** Files, a socket and a port of another plugin. */
  async foreign(): Promise<Foreign> {
    const data = path.join(this.root, 'home/data/other');
    const socket = path.join(data, 'socket');
    const secret = this.ownedFile(path.join(data, 'secret'), 'secret');
    if (somebody) chownSync(data, somebody.uid, somebody.gid);
    const port = await this.#listen({ port: 0, host: '127.0.0.1' });
    await this.#listen({ path: socket });
    chmodSync(socket, 0o777);
    return { data, secret, socket, port };
  }

  spawnSleeper(): number {
    const one = spawn('/bin/sleep', ['60'], { stdio: 'ignore', ...somebody });
    this.left.defer(() => void one.kill('SIGKILL'));
    return one.pid ?? 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.left.disposeAsync();
  }

  async #listen(where: { port: number; host: string } | { path: string }): Promise<number> {
    const one = createServer((connection) => connection.destroy());
    this.left.defer(() => void one.close());
    one.listen(where);
    await once(one, 'listening');
    return (one.address() as AddressInfo).port;
  }
}
