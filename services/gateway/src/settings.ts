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
  if (!service || host === undefined || port === undefined) throw new Error(complaints.list.join('\n'));
  return Object.freeze({ ...service, host, port, dashboard });
}

function readHost(given: string | undefined): string {
  const host = given?.trim() || defaultHost;
  // As a name it means two addresses, and a second server whose connections nobody would close.
  if (host === 'localhost') return defaultHost;
  // Colons for IPv6, which is given without its brackets.
  if (/^[A-Za-z0-9.:_-]+$/.test(host)) return host;
  throw new Error(`BKG_HOST is "${host}": it takes an address or name of this machine, such as 127.0.0.1.`);
}

function readPort(given: string | undefined): number {
  const text = given?.trim() || String(defaultPort);
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new Error(`BKG_PORT is "${text}": it takes a whole number from 0 to 65535; 0 means any free port.`);
}
