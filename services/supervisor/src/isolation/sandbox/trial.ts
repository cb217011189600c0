import { chmodSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import type { NetConnectOpts, Server, Socket } from 'node:net';
import path from 'node:path';
import { landlockAbi } from './kernel.ts';
import { architectures } from './system-calls.ts';
import type { TrialResult, TrialSpec } from './trial-result.ts';

// Run in the sandbox by the probe: tries what must work and what must not, and prints what did.

const waitMs = 2_000;

const spec = JSON.parse(process.argv[2] ?? '') as TrialSpec;
const { dataDir, outside, sharesUser, brokerPort, otherPort, udpPort, unixSocket, outsider } = spec;
const result: TrialResult = {
  abi: landlockAbi(),
  filters: architectures[process.arch] !== undefined,
  readsOwn: works(() => readFileSync(import.meta.filename)),
  writesOwn: works(() => writeFileSync(path.join(dataDir, 'file'), 'x')),
  reads: works(() => readFileSync(outside)),
  writes: works(() => writeFileSync(outside, 'x', { flag: 'a' })),
  truncates: works(() => truncateSync(outside)),
  givesAway: sharesUser && works(() => chmodSync(outside, 0o644)),
  signals: works(() => process.kill(outsider, 0)),
  connects: await connects({ host: '127.0.0.1', port: brokerPort }),
  connectsElsewhere: await connects({ host: '127.0.0.1', port: otherPort }),
  connectsUnix: await connects({ path: unixSocket }),
  sendsUdp: await sendsUdp(udpPort),
  listens: await listens(),
};
process.stdout.write(JSON.stringify(result));

function works(does: () => unknown): boolean {
  try {
    does();
    return true;
  } catch {
    return false;
  }
}

async function connects(options: NetConnectOpts): Promise<boolean> {
  const socket = connect(options);
  return happens(socket, 'connect', () => socket.destroy());
}

async function sendsUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  const isSent = new Promise<boolean>((resolve) => {
    socket.once('error', () => resolve(false));
    socket.send('x', port, '127.0.0.1', (error) => resolve(!error));
  });
  const sends = await isSent;
  socket.close();
  return sends;
}

async function listens(): Promise<boolean> {
  const server = createServer();
  const isListening = happens(server, 'listening', () => server.close());
  server.listen(0, '127.0.0.1');
  return isListening;
}

function happens(emitter: Socket | Server, event: string, after: () => void): Promise<boolean> {
  return new Promise((resolve) => {
    const late = setTimeout(() => settle(false), waitMs);
    const settle = (did: boolean) => {
      clearTimeout(late);
      resolve(did);
      after();
    };
    emitter.once(event, () => settle(true));
    emitter.once('error', () => settle(false));
  });
}
