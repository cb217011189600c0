import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import path from 'node:path';
import fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { eventually, startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { listen } from '../src/listen.ts';
import { parseTcpTable, portHolder } from '@bkg/sdk/host';
import { FakeSupervisor } from './mesh.ts';

const program = path.resolve(import.meta.dirname, '../src/main.ts');

interface Program extends AsyncDisposable {
  child: ChildProcess;
  lines: () => { level: string; message: string; address?: string }[];
  ended: Promise<{ code: number | null }>;
}

function start(env: NodeJS.ProcessEnv): Program {
  const child = spawn(process.execPath, [program], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<{ code: number | null }>((resolve) => {
    child.once('close', (code) => resolve({ code }));
  });
  return {
    child,
    lines: () =>
      output
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as ReturnType<Program['lines']>[number]),
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function envOf(nats: TestServer, port: number): NodeJS.ProcessEnv {
  return {
    BKG_HOME: '/tmp',
    BKG_NATS_URL: nats.url,
    BKG_CREDENTIALS_FILE: nats.credentialsFile,
    BKG_PORT: String(port),
  };
}

async function occupy(): Promise<{ port: number; server: Server } & AsyncDisposable> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    server,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

describe('the program', () => {
  it('listens, becomes ready, and ends with 0 after SIGTERM', async () => {
    await using nats = await startNatsServer();
    await using gateway = start(envOf(nats, 0));
    const address = await eventually(() => gateway.lines().find((line) => line.address)?.address);
    expect((await fetch(`${address}/livez`)).status).toBe(200);
    const supervisor = new FakeSupervisor(await nats.connect('supervisor'));
    await supervisor.start();
    await eventually(async () => (await fetch(`${address}/readyz`)).status === 200);
    const startedAt = performance.now();
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toEqual({ code: 0 });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(gateway.lines().at(-1)?.message).toBe('the gateway has stopped');
    supervisor.stop();
  });

  it('ends with 1 and says everything that is missing', async () => {
    await using gateway = start({ BKG_PORT: 'x' });
    expect(await gateway.ended).toEqual({ code: 1 });
    const [line] = gateway.lines();
    expect(line?.level).toBe('fatal');
    for (const name of ['BKG_HOME', 'BKG_NATS_URL', 'BKG_CREDENTIALS_FILE', 'BKG_PORT']) {
      expect(line?.message).toContain(name);
    }
  });

  it('ends with 1 when its port stays taken, and says by whom', async () => {
    await using nats = await startNatsServer();
    await using taken = await occupy();
    await using gateway = start(envOf(nats, taken.port));
    expect(await gateway.ended).toEqual({ code: 1 });
    const message = gateway.lines().at(-1)?.message ?? '';
    expect(message).toContain(`Port ${taken.port} on 127.0.0.1 is taken by`);
    if (process.platform === 'linux') expect(message).toContain(`(pid ${process.pid})`);
    expect(message).toContain('BKG_PORT');
  });

  it('can be stopped while it still waits for its port', async () => {
    await using nats = await startNatsServer();
    await using taken = await occupy();
    await using gateway = start(envOf(nats, taken.port));
    await eventually(() => gateway.lines().some((line) => line.message === 'connected to the broker'));
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toEqual({ code: 0 });
  });
});

describe('listening', () => {
  it('tries a taken port again for a moment', async () => {
    const taken = await occupy();
    await using app = fastify();
    setTimeout(() => taken.server.close(), 300);
    const address = await listen(app, { host: '127.0.0.1', port: taken.port, everyMs: 50 });
    expect(address).toBe(`http://127.0.0.1:${taken.port}`);
  });

  it('says what is wrong with an address that is none of this machine', async () => {
    await using app = fastify();
    await expect(listen(app, { host: '203.0.113.7', port: 0 })).rejects.toThrow(
      /no address of this machine.*BKG_HOST/,
    );
  });

  it('knows a holder of a port by name and pid', async (context) => {
    if (process.platform !== 'linux') context.skip();
    await using taken = await occupy();
    expect(await portHolder(taken.port)).toContain(`(pid ${process.pid})`);
    const { port } = taken;
    await taken[Symbol.asyncDispose]();
    expect(await portHolder(port)).toBeUndefined();
  });

  it('reads the table of sockets, in which an outgoing connection can hold a port too', () => {
    const table = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 0100007F:A86F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0',
      '   1: 0100007F:A86F 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0',
      '   2: 0100007F:A86F 0100007F:1F90 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0 100 0',
      '   3: 0100007F:1F90 0100007F:A86F 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0',
    ].join('\n');
    expect(parseTcpTable(table, 43119)).toEqual([
      { inode: '4711', isListening: true },
      { inode: '4712', isListening: false },
    ]);
  });
});
