import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { cpus } from 'node:os';
import { natsServerProgram } from '@bkg/sdk/testing';
import { titles } from './side-names.ts';
import type { SideName } from './side-names.ts';

/** What each side is made of, and how it is set; everybody has NODE_ENV=production, connections that are kept, and no line for a request. */
const setUps: Record<SideName, { packages: string[]; how: string }> = {
  bkg: {
    packages: ['@bkg/sdk', 'fastify', '@nats-io/transport-node'],
    how: 'bkg up: supervisor, apikeys, JetStream; a key with the scope invoke:echo; limits of key, plugin and capability; input and output validated; telemetry',
  },
  bridge: { packages: ['fastify', '@nats-io/transport-node'], how: 'nothing on; the answer goes out unread' },
  coalesced: {
    packages: ['fastify', '@nats-io/transport-node'],
    how: 'the same, and what is published in a turn of the event loop goes out in one write, at both ends',
  },
  moleculer: {
    packages: ['moleculer', 'moleculer-web', 'nats'],
    how: 'logLevel warn, serializer JSON, requestTimeout 5000; route with bodyParsers.json, mappingPolicy restrict; no metrics, tracing, params',
  },
  nestjs: {
    packages: [
      '@nestjs/core',
      '@nestjs/microservices',
      '@nestjs/platform-fastify',
      '@nats-io/transport-node',
    ],
    how: 'ClientsModule and microservice with Transport.NATS, queue; logger error and warn; no pipes',
  },
  fastify: { packages: ['fastify'], how: 'the handler echoes: no broker, no second process' },
};

export interface SetUp {
  node: string;
  natsServer: string;
  processors: string;
  /** By package. */
  versions: Record<string, string>;
}

export function readSetUp(sides: readonly SideName[]): SetUp {
  const packages = new Set(sides.flatMap((side) => setUps[side].packages));
  const [first] = cpus();
  return {
    node: process.version,
    natsServer: execFileSync(natsServerProgram(), ['-v'], { encoding: 'utf8' })
      .trim()
      .replace(/^nats-server: /, ''),
    processors: `${cpus().length} × ${first?.model ?? 'unknown'}`,
    versions: Object.fromEntries([...packages].map((name) => [name, versionOf(name)])),
  };
}

export function describeSetUp(
  sides: readonly SideName[],
  { node, natsServer, processors, versions }: SetUp,
): string {
  const lines = sides.map((side) => {
    const { packages, how } = setUps[side];
    return `${titles[side]}: ${packages.map((name) => `${name} ${versions[name]}`).join(', ')}; ${how}`;
  });
  return [`Node ${node}, nats-server ${natsServer}, ${processors}`, ...lines].join('\n');
}

function versionOf(name: string): string {
  // Not every package exports its package.json.
  const file = findPackageJSON(name, import.meta.url);
  if (file === undefined) throw new Error(`${name} is not installed: run the set-up (npm start).`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
