import { readFileSync } from 'node:fs';
import path from 'node:path';
import { UsageError } from './command.ts';
import { projectFolder } from './project.ts';

const defaultPort = 43_119;
const defaultBusPort = 43_121;

/** BKG_HOME, absolute. */
export function homeFolder(env: NodeJS.ProcessEnv): string {
  return path.resolve(projectFolder, env['BKG_HOME'] || '.bkg');
}

/**
 * The gateway: `--url`, else BKG_HOST and BKG_PORT, else where the mesh of BKG_HOME says it is, else the default.
 * @throws UsageError
 */
export function gatewayUrl(env: NodeJS.ProcessEnv, given: string | undefined): URL {
  if (given !== undefined) return parseUrl(given);
  const record = upRecord(env);
  const port = portOf('BKG_PORT', env['BKG_PORT']) || record.port || defaultPort;
  const host = env['BKG_HOST']?.trim() || (record.url && URL.parse(record.url)?.hostname) || '127.0.0.1';
  // localhost may be IPv6 first, where another program can listen.
  const name = host === 'localhost' ? '127.0.0.1' : host.replace(/^\[|\]$/g, '');
  return new URL(`http://${name.includes(':') ? `[${name}]` : name}:${port}`);
}

/** The nats-server that `bkg up` has started for BKG_HOME. @throws UsageError */
export function ownBroker(env: NodeJS.ProcessEnv): string {
  const { bus_url = 'nats://127.0.0.1', bus_port } = upRecord(env);
  const port = portOf('BKG_PLUGIN_BUS_PORT', env['BKG_PLUGIN_BUS_PORT']) || bus_port || defaultBusPort;
  return `${bus_url.replace(/:\d+$/, '')}:${port}`;
}

function parseUrl(given: string): URL {
  const example = `such as http://localhost:${defaultPort}`;
  const [, scheme] = /^([a-z][a-z\d+.-]*):\/\//i.exec(given) ?? [];
  if (scheme !== undefined && !/^https?$/i.test(scheme))
    throw new UsageError(`--url is "${given}"; it takes http:// or https://, not ${scheme}://, ${example}`);
  const url = URL.parse(scheme === undefined ? `http://${given}` : given);
  if (!url || given.includes('://', 8))
    throw new UsageError(`--url is "${given}"; it takes an address ${example}`);
  return url;
}

/** @returns 0 for "any free one", and when nothing was given: then the record knows */
function portOf(name: string, given: string | undefined): number {
  const text = given?.trim() || '0';
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new UsageError(`${name} is "${text}"; it takes a whole number from 0 to 65535`);
}

/** What `bkg up` has noted; nothing when it has not, or when that cannot be read: then it was only to help. */
function upRecord(env: NodeJS.ProcessEnv): {
  url?: string;
  port?: number;
  bus_port?: number;
  bus_url?: string;
} {
  try {
    const text = readFileSync(path.join(homeFolder(env), 'run', 'up.json'), 'utf8');
    return (JSON.parse(text) ?? {}) as ReturnType<typeof upRecord>;
  } catch {
    return {};
  }
}
