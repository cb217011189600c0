import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { nuid } from '@nats-io/nats-core';
import { configDefaults, subjects } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isThere, node, sandbox, SandboxKit, somebody } from './sandbox-kit.ts';
import type { Foreign } from './sandbox-kit.ts';

describe.runIf(isThere)(sandbox, () => {
  let kit: SandboxKit;
  let foreign: Foreign;

  beforeAll(async () => {
    kit = await SandboxKit.create();
    foreign = await kit.foreign();
  });
  afterAll(() => kit[Symbol.asyncDispose]());

  it('a plugin that shares the user of the supervisor cannot give its files to others', async () => {
    const theirs = mkdtempSync(path.join(kit.root, 'theirs-'));
    const key = path.join(theirs, 'admin.key');
    writeFileSync(key, 'secret', { mode: 0o600 });
    const ours = kit.agent(kit.sealed(node, ['agent.mjs'], [], theirs), {});
    expect(await ours.try('fs.chmodSync(given.key, 0o644)', { key })).toBe('EPERM');
    expect(await ours.try('fs.readFileSync("/etc/shadow")')).toBe('EACCES');
    expect(statSync(key).mode & 0o777).toBe(0o600);
  });

  it('a configuration gets no code into the launcher', () => {
    const settings = path.join(kit.plugin, 'openssl.cnf');
    // Node does not start with a provider that is not there.
    writeFileSync(settings, 'nodejs_conf=a\n[a]\nproviders=b\n[b]\nx=c\n[c]\nmodule=/x.so\nactivate=1\n');
    const env = { PATH: '/usr/bin:/bin', OPENSSL_CONF: settings };
    expect(spawnSync(node, ['-e', '0'], { env }).status).not.toBe(0);
    const { command, args } = kit.sealed('sh', ['-c', 'echo $OPENSSL_CONF']);
    const { stdout, status } = spawnSync(command, args, { cwd: kit.plugin, env, ...somebody });
    expect([status, String(stdout)]).toEqual([0, `${settings}\n`]);
  });

  it('says what keeps a plugin from being started', () => {
    const start = (command: string, files: string[] = []) => {
      const { command: launcher, args } = kit.sealed(command, [], files);
      const env = { PATH: '/usr/bin:/bin' };
      const { status, stderr } = spawnSync(launcher, args, { cwd: kit.plugin, env, ...somebody });
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
    const { command, args } = kit.sealed('grep', ['SigIgn', '/proc/self/status']);
    const { stdout } = spawnSync(command, args, { cwd: kit.plugin, ...somebody });
    expect(String(stdout)).toBe('SigIgn:\t0000000000000000\n');
  });

  it('what a plugin prints to is opened by its name as well', () => {
    const output = kit.ownedFile(path.join(kit.root, 'home/run/output'), '');
    const fd = openSync(output, 'a');
    kit.left.defer(() => closeSync(fd));
    const { command, args } = kit.sealed('sh', ['-c', 'echo one >>/dev/stdout; echo two >>/dev/stderr']);
    const env = { PATH: '/usr/bin:/bin' };
    spawnSync(command, args, { cwd: kit.plugin, env, stdio: ['ignore', fd, fd], ...somebody });
    expect(readFileSync(output, 'utf8')).toBe('one\ntwo\n');
  });

  it('a plugin of the SDK serves its invocations', async () => {
    const instance = nuid.next();
    const credentials = kit.ownedFile(
      path.join(kit.root, 'home/run/credentials'),
      readFileSync(kit.server.credentialsFile, 'utf8'),
    );
    const config = { id: 'echo', ...configDefaults };
    const configFile = kit.ownedFile(path.join(kit.root, 'home/run/config'), JSON.stringify(config));
    const { command, args } = kit.sealed(node, ['echo.mjs'], [credentials, configFile]);
    const env = {
      PATH: process.env['PATH']!,
      HOME: kit.data,
      TMPDIR: kit.data,
      BKG_PLUGIN_ID: 'echo',
      BKG_INSTANCE_ID: instance,
      BKG_VERSION: '1.0.0',
      BKG_NATS_URL: kit.server.url,
      BKG_CREDENTIALS_FILE: credentials,
      BKG_CONFIG_FILE: configFile,
      BKG_DATA_DIR: kit.data,
    };
    const echo = spawn(command, args, {
      cwd: kit.plugin,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...somebody,
    });
    kit.left.defer(() => void echo.kill('SIGKILL'));
    let said = '';
    for (const stream of [echo.stdout, echo.stderr])
      stream.on('data', (text: Buffer) => (said += text.toString()));
    const caller = await kit.server.connect('caller');
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
    writeFileSync(path.join(kit.plugin, 'python.py'), program);
    const given = ['python.py', `${kit.server.port}`, `${foreign.port}`, foreign.secret, kit.data];
    const { command, args } = kit.sealed('python3', given);
    const env = { PATH: '/usr/bin:/bin', HOME: kit.data, TMPDIR: kit.data };
    const { stdout, stderr } = spawnSync(command, args, { cwd: kit.plugin, env, ...somebody });
    const denied = 'Permission denied';
    expect([String(stderr), JSON.parse(String(stdout))]).toEqual([
      '',
      ['done', 'done', 'done', 'done', denied, denied, denied],
    ]);
  });
});
