import { BlockList, isIP } from 'node:net';
import path from 'node:path';
import { Complaints, readServiceSettings } from '@bkg/sdk/host';
import type { ServiceSettings } from '@bkg/sdk/host';

export interface Settings extends ServiceSettings {
  /** BKG_HOST: the address to listen on. @default '127.0.0.1' */
  host: string;
  /** BKG_PORT; 0 takes any free one. @default 43119 */
  port: number;
  /** The folder with the dashboard's build. */
  dashboard: string;
  /** BKG_PUBLIC_URL: the address that people use, where something stands in between. */
  publicUrl?: URL;
  /** BKG_NO_AUTH: nobody is asked who they are, and everybody may do everything. */
  noAuth?: boolean;
}

const defaultHost = '127.0.0.1';
const defaultPort = 43119;
/** From `src` and from `dist` alike. */
const dashboard = path.resolve(import.meta.dirname, '../../../web/build');

/** @throws Error that lists everything that is missing or wrong, a line each */
export function readSettings(env: NodeJS.ProcessEnv): Readonly<Settings> {
  const complaints = new Complaints();
  const service = complaints.attempt(() => readServiceSettings(env));
  const host = complaints.attempt(() => readHost(env['BKG_HOST']));
  const port = complaints.attempt(() => readPort(env['BKG_PORT']));
  const publicUrl = complaints.attempt(() => readPublicUrl(env['BKG_PUBLIC_URL']));
  const noAuth = complaints.attempt(() => readNoAuth(env['BKG_NO_AUTH']));
  if (noAuth && host !== undefined && !isLoopback(host)) {
    complaints.add(
      `BKG_NO_AUTH is 1 and BKG_HOST is "${host}", which other machines can reach: whoever does could do everything. ` +
        'Leave one of them out.',
    );
  }
  if (noAuth && publicUrl && !isLoopback(publicUrl.hostname.replace(/^\[|\]$/g, ''))) {
    complaints.add(
      `BKG_NO_AUTH is 1 and BKG_PUBLIC_URL is ${publicUrl.origin}, by which others come: whoever does could do everything. ` +
        'Leave one of them out.',
    );
  }
  if (!service || host === undefined || port === undefined || complaints.list.length > 0)
    throw new Error(complaints.list.join('\n'));
  return Object.freeze({
    ...service,
    host,
    port,
    dashboard,
    ...(publicUrl && { publicUrl }),
    ...(noAuth && { noAuth }),
  });
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** Whether an address is one that only this machine itself reaches. A name may mean anything, but for localhost. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const family = isIP(host);
  return family !== 0 && loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

function readHost(given: string | undefined): string {
  const host = given?.trim() || defaultHost;
  // As a name it means two addresses, and a second server whose connections nobody would close.
  if (host === 'localhost') return defaultHost;
  // Colons for IPv6, which is given without its brackets.
  if (/^[A-Za-z0-9.:_-]+$/.test(host)) return host;
  throw new Error(`BKG_HOST is "${host}": it takes an address or name of this machine, such as 127.0.0.1.`);
}

function readPublicUrl(given: string | undefined): URL | undefined {
  const text = given?.trim();
  if (!text) return undefined;
  const url = URL.parse(text);
  // Nothing may stand behind the host: the dashboard is at the root, and a password would be shown to everybody.
  const isOrigin = url !== null && [url.origin, `${url.origin}/`].includes(text.toLowerCase());
  if (isOrigin && /^https?:$/.test(url.protocol)) return url;
  // Cut at what could be a password.
  const shown = text.replace(/\/\/.*@/, '//…@').slice(0, 200);
  throw new Error(
    `BKG_PUBLIC_URL is "${shown}": it takes the address that people use, without a path, such as https://mesh.example.`,
  );
}

function readNoAuth(given: string | undefined): boolean {
  const text = given?.trim() ?? '';
  if (text === '1') return true;
  if (text === '' || text === '0') return false;
  throw new Error(`BKG_NO_AUTH is "${text}": it takes 1, and only for tests; leave it out to ask for keys.`);
}

function readPort(given: string | undefined): number {
  const text = given?.trim() || String(defaultPort);
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new Error(`BKG_PORT is "${text}": it takes a whole number from 0 to 65535; 0 means any free port.`);
}
