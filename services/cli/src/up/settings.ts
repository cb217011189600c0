import { statSync } from 'node:fs';
import { isIP } from 'node:net';
import path from 'node:path';
import { readCredentials } from '@bkg/sdk';
import type { Credentials } from '@bkg/sdk';
import { Complaints, parseServers } from '@bkg/sdk/host';
import { Failure } from '../failure.ts';
import { hostOf, isLoopback, reachableHost, urlHost } from '../listen-address.ts';
import { defaultBusPort, defaultPort, homeFolder, parsePort } from '../mesh-address.ts';
import { readBusSettings } from './bus-settings.ts';
import type { BusSettings } from './bus-settings.ts';

/** A broker that somebody else runs. */
export interface ForeignBroker {
  /** Without user and password, because children see them in their environment. */
  servers: string[];
  credentials: Credentials;
  /** BKG_CREDENTIALS_FILE, absolute; undefined when the credentials stood in BKG_NATS_URL. */
  credentialsFile?: string;
}

export interface Settings extends BusSettings {
  /** BKG_HOME, absolute. @default '.bkg' in the project's folder */
  home: string;
  /** BKG_HOST: the address the gateway listens on. @default '127.0.0.1' */
  host: string;
  /** BKG_PUBLIC_URL: the origin that people use, such as `https://mesh.example`. @default that of host and port */
  publicUrl?: string;
  /** BKG_NO_AUTH=1: the gateway asks nobody who they are. */
  noAuth?: true;
  /** BKG_PORT: the gateway's port; 0 takes any free one. @default 43119 */
  port: number;
  /** BKG_PLUGIN_BUS_PORT: the port of our own nats-server; 0 takes any free one. @default 43121 */
  busPort: number;
  /** BKG_NATS_URL: then no broker is started. */
  broker?: ForeignBroker;
  /** BKG_NATS_SERVER: the program, absolute. @default the one on the PATH, else the one that `npm start` fetched */
  natsServer?: string;
  /** BKG_PLUGINS_PATH: more folders with plugins, absolute; one that is not there yet is waited for. @default [] */
  pluginFolders: readonly string[];
}

/** @throws Failure that lists everything that is wrong */
export function readSettings(env: NodeJS.ProcessEnv): Readonly<Settings> {
  const complaints = new Complaints();
  const home = homeFolder(env);
  const host = complaints.attempt(() => readHost(env['BKG_HOST']));
  const publicUrl = complaints.attempt(() => readPublicUrl(env['BKG_PUBLIC_URL']));
  const noAuth = complaints.attempt(() => readNoAuth(env['BKG_NO_AUTH'], host, publicUrl));
  const port = complaints.attempt(() => readPort('BKG_PORT', env['BKG_PORT'], defaultPort));
  const busPort = complaints.attempt(() =>
    readPort('BKG_PLUGIN_BUS_PORT', env['BKG_PLUGIN_BUS_PORT'], defaultBusPort),
  );
  const bus = complaints.attempt(() => readBusSettings(env, callerFolder(env)));
  const broker = complaints.attempt(() => readBroker(env));
  if (!broker && port !== undefined && port > 0 && port === busPort)
    complaints.add(`BKG_PORT and BKG_PLUGIN_BUS_PORT are both ${port}: each needs a port of its own.`);
  const pluginFolders = complaints.attempt(() => readPluginFolders(env));
  if (
    host === undefined ||
    port === undefined ||
    busPort === undefined ||
    bus === undefined ||
    pluginFolders === undefined ||
    complaints.list.length > 0
  )
    throw new Failure(
      ['The settings are not right:', ...complaints.list.map((complaint) => `    ${complaint}`)].join('\n'),
      'correct or unset them (`bkg help` lists them all), then start again.',
    );
  const natsServer = fileOf(env, 'BKG_NATS_SERVER');
  return Object.freeze({
    home,
    host,
    port,
    busPort,
    ...bus,
    pluginFolders,
    ...(publicUrl && { publicUrl }),
    ...(noAuth && { noAuth }),
    ...(broker && { broker }),
    ...(natsServer && { natsServer }),
  });
}

/**
 * The folders of BKG_PLUGINS_PATH, absolute: a relative one begins where `npm start` was called.
 * @throws Error for one that is no folder
 */
export function readPluginFolders(env: NodeJS.ProcessEnv): string[] {
  const from = callerFolder(env);
  const given = (env['BKG_PLUGINS_PATH'] ?? '').split(path.delimiter).map((folder) => folder.trim());
  const folders = [...new Set(given.filter((folder) => folder !== '').map((one) => path.resolve(from, one)))];
  const files = folders.filter(
    (folder) => !(statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? true),
  );
  if (files.length === 0) return folders;
  throw new Error(
    `BKG_PLUGINS_PATH names ${files.join(' and ')}, which is no folder: it takes folders in which folders of ` +
      `plugins lie, with "${path.delimiter}" between them.`,
  );
}

/** A file, absolute; undefined when none is named. */
function fileOf(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const file = env[name]?.trim();
  return file ? path.resolve(callerFolder(env), file) : undefined;
}

/** npm runs its scripts in the project's folder, and tells from where it was called. */
function callerFolder(env: NodeJS.ProcessEnv): string {
  return env['INIT_CWD'] || process.cwd();
}

/** The address for people: what they type into a browser. */
export function dashboardUrl({
  host,
  port,
  publicUrl,
}: Pick<Settings, 'host' | 'port' | 'publicUrl'>): string {
  if (publicUrl !== undefined) return publicUrl;
  const reachable = reachableHost(host);
  if (reachable === '127.0.0.1') return `http://localhost:${port}`;
  return `http://${urlHost(reachable)}:${port}`;
}

function readHost(given: string | undefined): string {
  const host = given?.trim() || '127.0.0.1';
  if (isIP(host) || isHostName(host)) return host;
  throw new Error(
    `BKG_HOST is "${host}": it takes an address or a name of this machine, such as 127.0.0.1, 0.0.0.0 (every address), ` +
      `:: (without brackets) or mesh.example.`,
  );
}

/** Letters, digits and hyphens between dots. One whose last part is a number would be an address, and is none. */
function isHostName(host: string): boolean {
  const labels = host.split('.');
  return (
    host.length <= 253 &&
    labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?$/i.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? '')
  );
}

function readPublicUrl(given: string | undefined): string | undefined {
  const text = given?.trim();
  if (!text) return undefined;
  const url = URL.parse(text);
  const isOrigin =
    url && /^https?:$/.test(url.protocol) && url.hostname !== '' && /^https?:\/\/[^/?#@\\]+\/?$/i.test(text);
  if (isOrigin) return url.origin;
  // Without what may be a password in it.
  throw new Error(
    `BKG_PUBLIC_URL is "${text.replace(/\/\/[^/]*@/, '//…@')}": it takes the address that people use, http:// or ` +
      `https:// with a host and no path, such as https://mesh.example.`,
  );
}

function readNoAuth(
  given: string | undefined,
  host: string | undefined,
  publicUrl: string | undefined,
): true | undefined {
  const text = given?.trim();
  if (!text) return undefined;
  if (text !== '1')
    throw new Error(
      `BKG_NO_AUTH is "${text}": it takes 1, and then the gateway asks nobody who they are; unset it otherwise.`,
    );
  const reached = [host, publicUrl && hostOf(new URL(publicUrl))].find(
    (one) => one !== undefined && !isLoopback(one),
  );
  if (reached === undefined) return true;
  throw new Error(
    `BKG_NO_AUTH is 1, and others reach the gateway at ${reached}: whoever does could run everything. Unset it, or ` +
      `listen on this machine only (BKG_HOST=127.0.0.1 without BKG_PUBLIC_URL).`,
  );
}

function readPort(name: string, given: string | undefined, standard: number): number {
  const text = given?.trim() || String(standard);
  const port = parsePort(text);
  if (port !== undefined) return port;
  throw new Error(`${name} is "${text}": it takes a whole number from 0 to 65535; 0 means any free port.`);
}

function readBroker(env: NodeJS.ProcessEnv): ForeignBroker | undefined {
  const servers = parseServers(env['BKG_NATS_URL']);
  const credentialsFile = fileOf(env, 'BKG_CREDENTIALS_FILE');
  if (servers.length === 0) {
    if (!credentialsFile) return undefined;
    throw new Error(
      'BKG_CREDENTIALS_FILE is set without BKG_NATS_URL: it is for a broker of your own; bkg makes the credentials of its own one.',
    );
  }
  const parsed = servers.map(parseServer);
  const inUrl = parsed.find(({ credentials }) => credentials)?.credentials;
  if (inUrl && credentialsFile)
    throw new Error('BKG_NATS_URL and BKG_CREDENTIALS_FILE both hold credentials: give them once.');
  const bare = parsed.map(({ server }) => server);
  if (inUrl) return { servers: bare, credentials: inUrl };
  if (credentialsFile)
    return { servers: bare, credentials: readCredentials(credentialsFile), credentialsFile };
  throw new Error(
    'BKG_NATS_URL comes without credentials: put them into it (nats://user:password@host:4222), ' +
      'or name a JSON file with "user" and "password" in BKG_CREDENTIALS_FILE.',
  );
}

/** Never repeats what was given: it may hold a password. */
function parseServer(text: string): { server: string; credentials?: Credentials } {
  const wrong = 'BKG_NATS_URL holds something that is not the address of a broker, such as nats://host:4222.';
  const url = URL.parse(text.includes('://') ? text : `nats://${text}`);
  if (!url?.hostname || !/^(nats|tls):$/.test(url.protocol)) throw new Error(wrong);
  const server = `${url.protocol}//${url.host}`;
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  if (!user && !password) return { server };
  if (!user || !password) throw new Error('BKG_NATS_URL has a user or a password, but not both.');
  return { server, credentials: { user, password } };
}
