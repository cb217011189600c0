import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { subjects } from '@bkg/sdk';
import type { PluginConfig } from '@bkg/sdk';
import { eventually, startNatsServer } from '@bkg/sdk/testing';
import { leftoversOf } from './leftovers.ts';
import { manifest } from './mesh.ts';
import type { Mesh } from './mesh.ts';
import { mortalMesh, SupervisorProgram } from './mortal-mesh.ts';

let mesh: Mesh;
let supervisor: SupervisorProgram;
const gatewayProgram = path.join(import.meta.dirname, '../../gateway/dist/main.js');
const prlimit = ['/usr/bin/prlimit', '/bin/prlimit'].find((file) => existsSync(file));

describe.skipIf(!prlimit)('a supervisor that may open few files', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    mesh = await mortalMesh([manifest('many', 'service.mjs'), manifest('echo', 'echo.mjs')]);
    supervisor = await SupervisorProgram.start(mesh, { by: [prlimit!, '--nofile=128:128'] });
    await mesh.order('start', 'echo');
  });
  afterAll(async () => {
    await supervisor.kill();
    await mesh[Symbol.asyncDispose]();
  });

  it('starts as many instances as it can, says once why not more, and goes on', async () => {
    await mesh.order('start', 'many');
    const wanted = await scale(40);
    const text = /^could not be launched \(.* of at most 128 files open, .*; raise that limit/;
    const info = await mesh.notLaunched('many', text);
    expect(info.ends).toHaveLength(1);
    expect(supervisor.count(/a plugin cannot be launched/)).toBe(1);
    expect(info.config).toEqual(wanted);
    expect(mesh.pids('many').length).toBeGreaterThan(2);
    expect(await mesh.invoke('echo', 'text.say', { text: 'x' })).toEqual({ text: 'x' });
    expect((await mesh.logs('many')).length).toBeGreaterThan(0);
    expect(supervisor.child.exitCode).toBe(null);
  });

  it('has files again when instances end, and starts others', async () => {
    await scale(2);
    await eventually(() => mesh.pids('many').length === 2);
    const before = (await mesh.get('echo')).instances[0]!.pid;
    const after = await mesh.order('restart', 'echo');
    expect(after).toMatchObject({ status: 'running' });
    expect(mesh.pids('echo')).toEqual([after.instances[0]!.pid]);
    expect(after.instances[0]!.pid).not.toBe(before);
    await eventually(async () => (await mesh.get('many')).status === 'running');
    expect(await leftoversOf(mesh)).toEqual([]);
  });
});

describe.skipIf(!prlimit)('a gateway that may open few files', () => {
  it('answers again when those who hold its sockets go, and runs on', async () => {
    await using nats = await startNatsServer();
    const child = spawn(prlimit!, ['--nofile=96:96', process.execPath, gatewayProgram], {
      env: {
        PATH: process.env['PATH'],
        BKG_HOME: tmpdir(),
        BKG_NATS_URL: nats.url,
        BKG_CREDENTIALS_FILE: nats.credentialsFile,
        BKG_PORT: '0',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text: Buffer) => (output += text.toString()));
    const sockets: Socket[] = [];
    try {
      const address = await eventually(() => /"address":"([^"]+)"/.exec(output)?.[1]);
      const isAlive = (): Promise<boolean> =>
        fetch(`${address}/livez`, {
          headers: { connection: 'close' },
          signal: AbortSignal.timeout(1_000),
        }).then(
          ({ ok }) => ok,
          () => false,
        );
      expect(await isAlive()).toBe(true);
      const { hostname, port } = new URL(address);
      for (let i = 0; i < 200; i += 1)
        sockets.push(connect(Number(port), hostname).on('error', () => undefined));
      await eventually(async () => !(await isAlive()));
      for (const socket of sockets.splice(0)) socket.destroy();
      await eventually(isAlive);
      expect(child.exitCode).toBe(null);
    } finally {
      for (const socket of sockets) socket.destroy();
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  });
});

async function scale(replicas: number): Promise<PluginConfig> {
  const { revision } = (await mesh.get('many')).config;
  return mesh.ask(subjects.control('configure', 'many'), { revision, replicas, wait: false });
}
