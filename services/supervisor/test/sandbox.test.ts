import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';
import { nuid } from '@nats-io/nats-core';
import { configDefaults, subjects } from '@bkg/sdk';
import { eventually, startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probeSandbox, sandboxed } from '../src/isolation/sandbox/index.ts';
import { architectures } from '../src/isolation/sandbox/system-calls.ts';

const node = process.execPath;
const us = process.getuid!();
/** Has no entry in /etc/passwd. */
const somebody = us === 0 ? { uid: 54_321, gid: 54_321 } : undefined;

const probe = await probeSandbox({
  node,
  signal: AbortSignal.timeout(60_000),
  ...(somebody && { user: somebody }),
});
const lacking = [probe.files, probe.network].filter(({ strength }) => strength !== 'enforced');
const isThere = lacking.length === 0;
const sandbox = isThere ? 'in the sandbox' : `in the sandbox (left out: ${lacking[0]!.note})`;

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

class Agent {
  readonly child: ChildProcess;
  readonly #lines: Interface;

  constructor(
    command: string,
    args: readonly string[],
    options: { env?: Record<string, string>; uid?: number },
  ) {
    this.child = spawn(command, args, {
      cwd: plugin,
      env: { PATH: process.env['PATH']!, HOME: data, TMPDIR: data, BKG_NATS_URL: server.url },
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

let root: string;
let plugin: string;
let data: string;
let server: TestServer;
let left: AsyncDisposableStack;

/** Its command, kept to the plugin's folder. */
function sealed(command: string, args: readonly string[], files: string[] = []) {
  const home = path.join(root, 'home');
  const rules = { node, home, folder: plugin, dataDir: data, files, readable: [], servers: server.url };
  return sandboxed({ command, args, rules });
}

/** Of the same user as the plugin, so that nothing but the sandbox is between them. */
function ownedFile(file: string, text: string): string {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text, { mode: 0o600 });
  if (somebody) chownSync(file, somebody.uid, somebody.gid);
  return file;
}

async function listen(where: { port: number; host: string } | { path: string }): Promise<number> {
  const one = createServer((connection) => connection.destroy());
  left.defer(() => void one.close());
  one.listen(where);
  await once(one, 'listening');
  return (one.address() as AddressInfo).port;
}

beforeAll(async () => {
  left = new AsyncDisposableStack();
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'bkg-sandbox-test-')));
  left.defer(() => rmSync(root, { recursive: true, force: true }));
  chmodSync(root, 0o755);
  plugin = path.join(root, 'plugins/echo');
  data = path.join(root, 'home/data/echo');
  mkdirSync(path.join(plugin, 'node_modules/@bkg'), { recursive: true });
  mkdirSync(data, { recursive: true });
  if (somebody) chownSync(data, somebody.uid, somebody.gid);
  symlinkSync(
    path.resolve(import.meta.dirname, '../../../plugins/sdk'),
    path.join(plugin, 'node_modules/@bkg/sdk'),
  );
  copyFileSync(path.join(import.meta.dirname, 'fixtures/echo.mjs'), path.join(plugin, 'echo.mjs'));
  writeFileSync(path.join(plugin, 'agent.mjs'), agent);
  server = left.use(await startNatsServer());
});
afterAll(() => left.disposeAsync());

describe('what keeps a plugin to its own', () => {
  it('says for files and network whether it holds, and what it does not stop', () => {
    for (const one of [probe.files, probe.network]) {
      expect(one.note).toMatch(/^[A-Z].*\.$/);
      expect(['enforced', 'none']).toContain(one.strength);
    }
    if (isThere) expect(probe.network.note).toContain('any host');
  });

  it('is said not to be there where Node cannot do it', async () => {
    const old = path.join(root, 'old-node');
    writeFileSync(old, '#!/bin/sh\necho "node: bad option: --experimental-ffi" >&2\nexit 9\n', {
      mode: 0o755,
    });
    const { usable, files } = await probeSandbox({ node: old, signal: AbortSignal.timeout(60_000) });
    expect(usable).toBe(false);
    expect(files.note).toBe('There is no sandbox: node: bad option: --experimental-ffi.');
  });
});

describe.runIf(isThere)(sandbox, () => {
  let inside: Agent;
  let outside: Agent;
  let foreign: { data: string; secret: string; socket: string; port: number };

  /** What is stopped must be possible without. */
  async function expectStopped(body: string, code: string, given: unknown = {}): Promise<void> {
    expect(await outside.try(body, given), 'outside').toBe('done');
    expect(await inside.try(body, given), 'inside').toBe(code);
  }

  beforeAll(async () => {
    const other = path.join(root, 'home/data/other');
    const socket = path.join(other, 'socket');
    const secret = ownedFile(path.join(other, 'secret'), 'secret');
    if (somebody) chownSync(other, somebody.uid, somebody.gid);
    foreign = { data: other, secret, socket, port: await listen({ port: 0, host: '127.0.0.1' }) };
    await listen({ path: socket });
    chmodSync(socket, 0o777);
    const { command, args } = sealed(node, ['agent.mjs']);
    inside = left.use(new Agent(command, args, { ...somebody }));
    outside = left.use(new Agent(node, ['agent.mjs'], { ...somebody }));
    await Promise.all([inside.try(''), outside.try('')]);
  });

  it('a plugin keeps its pid and gets neither flags nor variables of the launcher', async () => {
    expect(await inside.try('return process.pid')).toBe(inside.child.pid);
    const [flags, names] = (await inside.try(
      'return [process.execArgv, Object.keys(process.env).sort()]',
    )) as [string[], string[]];
    expect(flags).toEqual([]);
    expect(names).toEqual(['BKG_NATS_URL', 'HOME', 'PATH', 'TMPDIR']);
    expect(await inside.try(`return fs.readFileSync('/proc/self/cmdline', 'utf8')`)).toBe(
      `${node}\0agent.mjs\0`,
    );
  });

  it('a plugin has its own files, and may work in its data folder', async () => {
    const body = `
      fs.readFileSync('agent.mjs');
      fs.mkdirSync(given.data + '/folder');
      fs.writeFileSync(given.data + '/file', 'x');
      fs.renameSync(given.data + '/file', given.data + '/folder/file');
      fs.truncateSync(given.data + '/folder/file');
      fs.rmSync(given.data + '/folder', { recursive: true });
      fs.writeFileSync('/dev/null', 'x');
      return [os.cpus().length > 0, process.memoryUsage.rss() > 0, process.availableMemory() > 0];`;
    expect(await inside.try(body, { data })).toEqual([true, true, true]);
  });

  it("another plugin's data can neither be read, written, emptied, removed nor listed", async () => {
    const stopped: [string, string][] = [
      ['fs.readFileSync(given.secret)', 'EACCES'],
      ['fs.readFileSync("/proc/self/root" + given.secret)', 'EACCES'],
      ['fs.readFileSync("/proc/self/cwd/../../home/data/other/secret")', 'EACCES'],
      ['fs.readdirSync(given.data)', 'EACCES'],
      ['fs.writeFileSync(given.secret, "x", { flag: "a" })', 'EACCES'],
      ['fs.truncateSync(given.secret, 6)', 'EACCES'],
      ['fs.writeFileSync(given.data + "/new", "x"); ', 'EACCES'],
      ['fs.rmSync(given.data + "/new")', 'ENOENT'],
    ];
    for (const [body, code] of stopped.slice(0, -1)) await expectStopped(body, code, foreign);
    expect(await inside.try('fs.rmSync(given.data + "/new")', foreign)).toBe('EACCES');
    expect(await outside.try('fs.rmSync(given.data + "/new")', foreign)).toBe('done');
  });

  it('no link gets a plugin out of its data folder', async () => {
    const link = path.join(data, 'link');
    symlinkSync(foreign.secret, link);
    await expectStopped('fs.readFileSync(given.link)', 'EACCES', { link });
    const hard = { ...foreign, to: path.join(data, 'hard') };
    expect(await inside.try('fs.linkSync(given.secret, given.to)', hard)).toBe('EXDEV');
    expect(await inside.try('fs.renameSync(given.secret, given.to)', hard)).toBe('EACCES');
    expect(await outside.try('fs.linkSync(given.secret, given.to)', hard)).toBe('done');
  });

  it('/tmp and /dev/shm are not to be written to', async () => {
    const file = `bkg-${nuid.next()}`;
    for (const folder of ['/tmp', '/dev/shm'])
      await expectStopped(
        'fs.writeFileSync(given.file, "x", { flag: "a" }); fs.rmSync(given.file)',
        'EACCES',
        { file: path.join(folder, file) },
      );
  });

  it('what other processes of the same user have in memory and environment cannot be read', async () => {
    const given = { pid: outside.child.pid };
    for (const file of ['environ', 'maps', 'root/etc/hostname', 'cwd/agent.mjs'])
      await expectStopped(`fs.readFileSync('/proc/' + given.pid + '/${file}')`, 'EACCES', given);
    await expectStopped(`fs.readlinkSync('/proc/' + given.pid + '/fd/1')`, 'EACCES', given);
  });

  it('no other process gets signals or limits from a plugin, but its own children do', async () => {
    const neighbour = spawn('/bin/sleep', ['60'], { stdio: 'ignore', ...somebody });
    left.defer(() => void neighbour.kill('SIGKILL'));
    const given = { pid: neighbour.pid };
    await expectStopped('process.kill(given.pid, 0)', 'EPERM', given);
    await expectStopped('os.setPriority(given.pid, 5)', 'EPERM', given);
    const own = `const one = child.spawn('/bin/sleep', ['60']); one.kill('SIGKILL'); return (await once(one, 'exit'))[1]`;
    expect(await inside.try(own)).toBe('SIGKILL');
  });

  it('the broker can be connected to, and no other port', async () => {
    const connects = 'await connect(given.port, given.host ?? "127.0.0.1")';
    expect(await inside.try(connects, { port: server.port })).toBe('done');
    expect(await inside.try(connects, { port: server.port, host: 'localhost' })).toBe('done');
    await expectStopped(connects, 'EACCES', { port: foreign.port });
  });

  it('a unix socket of another process cannot be connected to', async () => {
    await expectStopped('await connect(given.socket)', 'EACCES', foreign);
  });

  it('nothing can be sent by UDP, and no name server asked', async () => {
    const sends = `const one = dgram.createSocket('udp4');
      await new Promise((resolve, reject) => { one.once('error', reject); one.send('x', 9, '127.0.0.1', (error) => (error ? reject(error) : resolve())); });
      one.close();`;
    await expectStopped(sends, 'EACCES');
    expect(await inside.try('await dns.lookup("example.com")')).toBe('EAI_AGAIN');
    expect(await inside.try('return (await dns.lookup("localhost")).family > 0')).toBe(true);
  });

  it('nobody can be listened to', async () => {
    const listens =
      'const one = net.createServer().listen(given.where); await once(one, "listening"); one.close();';
    await expectStopped(listens, 'EACCES', { where: { port: 0 } });
    await expectStopped(listens, 'EACCES', { where: { path: path.join(data, 'own-socket') } });
  });

  it('a child has what the plugin has, and can talk with it', async () => {
    const body = `const one = child.fork('agent.mjs', [], { stdio: ['pipe', 'pipe', 'ignore', 'ipc'] });
      one.stdin.write(JSON.stringify({ body: given.body, given }) + '\\n');
      const [line] = await once(one.stdout, 'data');
      one.kill();
      return [JSON.parse(line).said, child.spawnSync('/bin/cat', [given.secret]).status];`;
    const given = { ...foreign, body: 'fs.readFileSync(given.secret)' };
    expect(await outside.try(body, given)).toEqual(['done', 0]);
    expect(await inside.try(body, given)).toEqual(['EACCES', 1]);
  });

  it.runIf(process.arch === 'x64')('the doors into the kernel are closed', async () => {
    const { numbers } = architectures.x64!;
    const { ptrace, unshare, clone3, io_uring_setup, bpf, keyctl, process_vm_readv } = numbers;
    const attaches = 'call(given.ptrace, 16, given.pid)';
    expect(await outside.try(attaches, { ptrace, pid: spawnSleeper() })).toBe('done');
    expect(await inside.try(attaches, { ptrace, pid: spawnSleeper() })).toBe('EPERM');
    expect(await inside.try('return call(given.number, 0x10000000)', { number: unshare })).toBe('EPERM');
    expect(await inside.try('return call(given.number)', { number: clone3 })).toBe('ENOSYS');
    expect(await inside.try('return call(given.number, 1)', { number: io_uring_setup })).toBe('ENOSYS');
    for (const number of [bpf, keyctl, process_vm_readv])
      expect(await inside.try('return call(given.number)', { number })).toBe('EPERM');
    // `getpid` of x32.
    expect(await inside.try('return call(0x40000000 + 39)')).toBe('ENOSYS');
  });

  it.runIf(process.arch === 'x64')('data in the first packet does not connect to another port', async () => {
    const body = `const address = Buffer.alloc(16);
      address.writeUInt16LE(2); address.writeUInt16BE(given.port, 2); address.set([127, 0, 0, 1], 4);
      const fd = call(41, 2, 1, 0);
      const data = Buffer.from('x');
      try { call(44, fd, getRawPointer(data), 1, 0x20000000, getRawPointer(address), 16); } finally { fs.closeSync(fd); }`;
    await expectStopped(body, 'EPERM', { port: foreign.port });
  });

  it('another node of the plugin has no more rights', async () => {
    const body = `const flags = ['--permission', '--allow-fs-read=*', '-p', 'fs.readFileSync(' + JSON.stringify(given.secret) + ', "utf8")'];
      const { stdout, status } = child.spawnSync(process.execPath, flags, { env: { NODE_OPTIONS: '--no-warnings' } });
      return [status, String(stdout).trim()];`;
    expect(await outside.try(body, foreign)).toEqual([0, 'secret']);
    expect(await inside.try(body, foreign)).toEqual([1, '']);
  });

  it('root is nobody special', async () => {
    const body = `return fs.readFileSync('/proc/self/status', 'utf8').match(/^(CapEff|NoNewPrivs|Seccomp):.*$/gm).join()`;
    expect(await inside.try(body)).toBe('CapEff:\t0000000000000000,NoNewPrivs:\t1,Seccomp:\t2');
  });

  it('a plugin that shares the user of the supervisor cannot give its files to others', async () => {
    const theirs = mkdtempSync(path.join(root, 'theirs-'));
    const key = path.join(theirs, 'admin.key');
    writeFileSync(key, 'secret', { mode: 0o600 });
    const home = path.join(root, 'home');
    const rules = {
      node,
      home,
      folder: plugin,
      dataDir: theirs,
      files: [],
      readable: [],
      servers: server.url,
    };
    const { command, args } = sandboxed({ command: node, args: ['agent.mjs'], rules });
    await using ours = new Agent(command, args, {});
    expect(await ours.try('fs.chmodSync(given.key, 0o644)', { key })).toBe('EPERM');
    expect(await ours.try('fs.readFileSync("/etc/shadow")')).toBe('EACCES');
    expect(statSync(key).mode & 0o777).toBe(0o600);
  });

  it('a configuration gets no code into the launcher', () => {
    const settings = path.join(plugin, 'openssl.cnf');
    // Node does not start with a provider that is not there.
    writeFileSync(settings, 'nodejs_conf=a\n[a]\nproviders=b\n[b]\nx=c\n[c]\nmodule=/x.so\nactivate=1\n');
    const env = { PATH: '/usr/bin:/bin', OPENSSL_CONF: settings };
    expect(spawnSync(node, ['-e', '0'], { env }).status).not.toBe(0);
    const { command, args } = sealed('sh', ['-c', 'echo $OPENSSL_CONF']);
    const { stdout, status } = spawnSync(command, args, { cwd: plugin, env, ...somebody });
    expect([status, String(stdout)]).toEqual([0, `${settings}\n`]);
  });

  it('says what keeps a plugin from being started', () => {
    const start = (command: string, files: string[] = []) => {
      const { command: launcher, args } = sealed(command, [], files);
      const env = { PATH: '/usr/bin:/bin' };
      const { status, stderr } = spawnSync(launcher, args, { cwd: plugin, env, ...somebody });
      return [status, String(stderr)];
    };
    const program = path.join(foreign.data, 'program');
    copyFileSync('/bin/true', program);
    chmodSync(program, 0o755);
    expect(start('no-such-program')).toEqual([127, 'sandbox: there is no program no-such-program\n']);
    expect(start(program)).toEqual([126, `sandbox: ${program} cannot be run: EACCES, it may lie outside\n`]);
    expect(start('true', ['/missing'])).toEqual([126, 'sandbox: /missing cannot be opened: ENOENT\n']);
    expect(start('true')).toEqual([0, '']);
  });

  it('signals that Node ignores are not ignored by what it becomes', () => {
    const { command, args } = sealed('grep', ['SigIgn', '/proc/self/status']);
    const { stdout } = spawnSync(command, args, { cwd: plugin, ...somebody });
    expect(String(stdout)).toBe('SigIgn:\t0000000000000000\n');
  });

  it('what a plugin prints to is opened by its name as well', () => {
    const output = ownedFile(path.join(root, 'home/run/output'), '');
    const fd = openSync(output, 'a');
    left.defer(() => closeSync(fd));
    const { command, args } = sealed('sh', ['-c', 'echo one >>/dev/stdout; echo two >>/dev/stderr']);
    const env = { PATH: '/usr/bin:/bin' };
    spawnSync(command, args, { cwd: plugin, env, stdio: ['ignore', fd, fd], ...somebody });
    expect(readFileSync(output, 'utf8')).toBe('one\ntwo\n');
  });

  it('a plugin of the SDK serves its invocations', async () => {
    const instance = nuid.next();
    const credentials = ownedFile(
      path.join(root, 'home/run/credentials'),
      readFileSync(server.credentialsFile, 'utf8'),
    );
    const config = { id: 'echo', ...configDefaults };
    const configFile = ownedFile(path.join(root, 'home/run/config'), JSON.stringify(config));
    const { command, args } = sealed(node, ['echo.mjs'], [credentials, configFile]);
    const env = {
      PATH: process.env['PATH']!,
      HOME: data,
      TMPDIR: data,
      BKG_PLUGIN_ID: 'echo',
      BKG_INSTANCE_ID: instance,
      BKG_VERSION: '1.0.0',
      BKG_NATS_URL: server.url,
      BKG_CREDENTIALS_FILE: credentials,
      BKG_CONFIG_FILE: configFile,
      BKG_DATA_DIR: data,
    };
    const echo = spawn(command, args, { cwd: plugin, env, stdio: ['ignore', 'pipe', 'pipe'], ...somebody });
    left.defer(() => void echo.kill('SIGKILL'));
    let said = '';
    for (const stream of [echo.stdout, echo.stderr])
      stream.on('data', (text: Buffer) => (said += text.toString()));
    const caller = await server.connect('caller');
    const answer = await eventually(
      async () => {
        if (echo.exitCode !== null) return { said };
        return (
          await caller.request(subjects.invokeCapability('echo', 'text.say'), '{"text":"hi"}', {
            timeoutMs: 5_000,
          })
        ).json();
      },
      { withinMs: 15_000 },
    );
    expect(answer).toMatchObject({ text: 'hi' });
    const ended = once(echo, 'exit');
    echo.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it.runIf(existsSync('/usr/bin/python3'))('a plugin in Python is kept to its own as well', () => {
    const program = `
import json, os, socket, ssl, subprocess, sys
def attempt(does):
    try:
        does()
        return 'done'
    except OSError as error:
        return error.strerror
def udp(): socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
broker, other, secret, data = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
print(json.dumps([attempt(does) for does in [
    lambda: open('python.py').read(),
    lambda: open(data + '/python', 'w').write('x'),
    lambda: socket.create_connection(('127.0.0.1', broker)),
    lambda: subprocess.run(['true'], check=True),
    lambda: open(secret).read(),
    lambda: socket.create_connection(('127.0.0.1', other)),
    udp,
]]))`;
    writeFileSync(path.join(plugin, 'python.py'), program);
    const given = ['python.py', `${server.port}`, `${foreign.port}`, foreign.secret, data];
    const { command, args } = sealed('python3', given);
    const env = { PATH: '/usr/bin:/bin', HOME: data, TMPDIR: data };
    const { stdout, stderr } = spawnSync(command, args, { cwd: plugin, env, ...somebody });
    const denied = 'Permission denied';
    expect([String(stderr), JSON.parse(String(stdout))]).toEqual([
      '',
      ['done', 'done', 'done', 'done', denied, denied, denied],
    ]);
  });
});

function spawnSleeper(): number {
  const one = spawn('/bin/sleep', ['60'], { stdio: 'ignore', ...somebody });
  left.defer(() => void one.kill('SIGKILL'));
  return one.pid ?? 0;
}
