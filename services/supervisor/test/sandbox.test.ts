import { spawn } from 'node:child_process';
import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { nuid } from '@nats-io/nats-core';
import { silentLogger } from '@bkg/sdk/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probeSandbox } from '../src/isolation/sandbox/index.ts';
import { architectures } from '../src/isolation/sandbox/system-calls.ts';
import { isThere, node, probe, sandbox, SandboxKit, somebody } from './sandbox-kit.ts';
import type { Agent, Foreign } from './sandbox-kit.ts';

let kit: SandboxKit;

beforeAll(async () => {
  kit = await SandboxKit.create();
});
afterAll(() => kit[Symbol.asyncDispose]());

describe('what keeps a plugin to its own', () => {
  it('says for files and network whether it holds, and what it does not stop', () => {
    for (const one of [probe.files, probe.network]) {
      expect(one.note).toMatch(/^[A-Z].*\.$/);
      expect(['enforced', 'none']).toContain(one.strength);
    }
    if (isThere) expect(probe.network.note).toContain('any host');
  });

  it.runIf(isThere)('is found also where the temporary folder is closed to plugins', async () => {
    const { TMPDIR } = process.env;
    process.env['TMPDIR'] = mkdtempSync(path.join(kit.root, 'closed-'));
    try {
      const found = await probeSandbox({
        node,
        within: kit.root,
        log: silentLogger,
        signal: AbortSignal.timeout(60_000),
        ...(somebody && { user: somebody }),
      });
      expect(found).toEqual(probe);
    } finally {
      process.env['TMPDIR'] = TMPDIR ?? '';
      if (TMPDIR === undefined) delete process.env['TMPDIR'];
    }
  });

  it('is said not to be there where Node cannot do it', async () => {
    const old = path.join(kit.root, 'old-node');
    writeFileSync(old, '#!/bin/sh\necho "node: bad option: --experimental-ffi" >&2\nexit 9\n', {
      mode: 0o755,
    });
    const { usable, files } = await probeSandbox({
      node: old,
      within: kit.root,
      log: silentLogger,
      signal: AbortSignal.timeout(60_000),
    });
    expect(usable).toBe(false);
    expect(files.note).toBe('There is no sandbox: node: bad option: --experimental-ffi.');
  });
});

describe.runIf(isThere)(sandbox, () => {
  let inside: Agent;
  let outside: Agent;
  let foreign: Foreign;

  /** What is stopped must be possible without. */
  async function expectStopped(body: string, code: string, given: unknown = {}): Promise<void> {
    expect(await outside.try(body, given), 'outside').toBe('done');
    expect(await inside.try(body, given), 'inside').toBe(code);
  }

  beforeAll(async () => {
    foreign = await kit.foreign();
    inside = kit.agent(kit.sealed(node, ['agent.mjs']));
    outside = kit.agent();
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
    expect(await inside.try(body, { data: kit.data })).toEqual([true, true, true]);
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
    const link = path.join(kit.data, 'link');
    symlinkSync(foreign.secret, link);
    await expectStopped('fs.readFileSync(given.link)', 'EACCES', { link });
    const hard = { ...foreign, to: path.join(kit.data, 'hard') };
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
    kit.left.defer(() => void neighbour.kill('SIGKILL'));
    const given = { pid: neighbour.pid };
    await expectStopped('process.kill(given.pid, 0)', 'EPERM', given);
    await expectStopped('os.setPriority(given.pid, 5)', 'EPERM', given);
    const own = `const one = child.spawn('/bin/sleep', ['60']); one.kill('SIGKILL'); return (await once(one, 'exit'))[1]`;
    expect(await inside.try(own)).toBe('SIGKILL');
  });

  it('the broker can be connected to, and no other port', async () => {
    const connects = 'await connect(given.port, given.host ?? "127.0.0.1")';
    expect(await inside.try(connects, { port: kit.server.port })).toBe('done');
    expect(await inside.try(connects, { port: kit.server.port, host: 'localhost' })).toBe('done');
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
    await expectStopped(listens, 'EACCES', { where: { path: path.join(kit.data, 'own-socket') } });
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
    expect(await outside.try(attaches, { ptrace, pid: kit.spawnSleeper() })).toBe('done');
    expect(await inside.try(attaches, { ptrace, pid: kit.spawnSleeper() })).toBe('EPERM');
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
});
