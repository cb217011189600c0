import { readFileSync } from 'node:fs';
import path from 'node:path';
import { homePaths, isSameProcess } from '@bkg/sdk/host';
import type { ProcessIdentity } from '@bkg/sdk/host';
import { UsageError } from './command.ts';
import { hostOf, reachableHost, urlHost } from './listen-address.ts';
import { projectFolder } from './project.ts';
import type { UpRecord } from './up/up-record.ts';

/** Of the gateway, and of the nats-server that `bkg up` starts. */
export const defaultPort = 43_119;
export const defaultBusPort = 43_121;

/** BKG_HOME, absolute. */
export function homeFolder(env: NodeJS.ProcessEnv): string {
  return path.resolve(projectFolder, env['BKG_HOME'] || '.bkg');
}

/** Where `bkg up` notes what runs, see up-record.ts. */
export function upFileOf(home: string): string {
  return path.join(homePaths(home).run, 'up.json');
}

/**
 * The gateway: `--url`, else BKG_HOST and BKG_PORT, else where the mesh of BKG_HOME says it is, else the default.
 * @throws UsageError
 */
export function gatewayUrl(env: NodeJS.ProcessEnv, given: string | undefined): URL {
  const record = upRecord(env);
  if (given !== undefined) {
    const url = parseUrl(given);
    // As a name it may be IPv6 first, where another program can listen: it is meant to be our own mesh.
    if (url.hostname === 'localhost' && url.port === String(record.port) && record.host !== undefined)
      url.hostname = urlHost(ownHost(record.host));
    return url;
  }
  const port = portOf('BKG_PORT', env['BKG_PORT']) || record.port || defaultPort;
  const noted = record.host ?? (record.url && URL.parse(record.url)?.hostname);
  const host = ownHost(env['BKG_HOST']?.trim() || noted || '127.0.0.1');
  return new URL(`http://${urlHost(host)}:${port}`);
}

/**
 * Whether it is the gateway of the mesh that a `bkg up` has started for BKG_HOME, and has not stopped. Of one that was
 * killed, or whose machine was, the record is left, and by now anybody may listen there.
 */
export function isOwnGateway(gateway: URL, env: NodeJS.ProcessEnv): boolean {
  const record = upRecord(env);
  const { host, port } = record;
  return (
    host !== undefined &&
    (isRunning(record) || isRunning(record.parts?.gateway)) &&
    gateway.protocol === 'http:' &&
    gateway.port === String(port) &&
    ownHost(hostOf(gateway)) === ownHost(host)
  );
}

function isRunning(process: Partial<ProcessIdentity> | undefined): boolean {
  const { pid, start } = process ?? {};
  return pid !== undefined && start !== undefined && isSameProcess({ pid, start });
}

/** The address for people of the dashboard behind a gateway: as its own mesh has noted it, else as it is asked for. */
export function dashboardOf(gateway: URL, env: NodeJS.ProcessEnv): string {
  const noted = isOwnGateway(gateway, env) ? upRecord(env).url : undefined;
  return noted ?? gateway.href.replace(/\/$/, '');
}

/** Where this machine reaches who listens on a host; in one form, to compare. */
function ownHost(host: string): string {
  const reachable = reachableHost(host.replace(/^\[|\]$/g, ''));
  return reachable === 'localhost' ? '127.0.0.1' : reachable;
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
  const port = parsePort(text);
  if (port !== undefined) return port;
  throw new UsageError(`${name} is "${text}"; it takes a whole number from 0 to 65535`);
}

/** @returns undefined for what is no port; 0 is "any free one" */
export function parsePort(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

/** What `bkg up` has noted; nothing when it has not, or when that cannot be read: then it was only to help. */
function upRecord(env: NodeJS.ProcessEnv): Partial<UpRecord> {
  try {
    const text = readFileSync(upFileOf(homeFolder(env)), 'utf8');
    return (JSON.parse(text) ?? {}) as ReturnType<typeof upRecord>;
  } catch {
    return {};
  }
}
