import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { isLoopback } from '../listen-address.ts';

/** Files of the certificate that our own nats-server shows. */
export interface BusTls {
  cert: string;
  key: string;
  /** The certificates that it comes from. @default those that Node trusts */
  ca?: string;
}

export interface BusSettings {
  /** BKG_PLUGIN_BUS_HOST: the address our own nats-server listens on. @default '127.0.0.1' */
  busHost: string;
  /** BKG_PLUGIN_BUS_TLS_CERT, _KEY and _CA, absolute: then it speaks TLS, and nothing else. */
  busTls?: BusTls;
}

/** @param from the folder in which relative paths begin @throws Error that says all that is wrong */
export function readBusSettings(env: NodeJS.ProcessEnv, from: string): BusSettings {
  const tls = readTls(env, from);
  const busHost = env['BKG_PLUGIN_BUS_HOST']?.trim() || '127.0.0.1';
  if (!/^[A-Za-z0-9.:_-]+$/.test(busHost))
    throw new Error(
      `BKG_PLUGIN_BUS_HOST is "${busHost}": it takes an address or name of this machine, such as 127.0.0.1.`,
    );
  if (!tls && !isLoopback(busHost))
    throw new Error(
      `BKG_PLUGIN_BUS_HOST is "${busHost}", which other machines can reach, and without TLS whoever is between could read ` +
        `and change everything, keys included: set BKG_PLUGIN_BUS_TLS_CERT and BKG_PLUGIN_BUS_TLS_KEY, or listen on this ` +
        `machine only (127.0.0.1, ::1 or localhost).`,
    );
  return { busHost, ...(tls && { busTls: tls }) };
}

function readTls(env: NodeJS.ProcessEnv, from: string): BusTls | undefined {
  const names = ['CERT', 'KEY', 'CA'].map((part) => `BKG_PLUGIN_BUS_TLS_${part}`);
  const given = names.filter((name) => env[name]?.trim());
  if (given.length === 0) return undefined;
  if (env['BKG_NATS_URL']?.trim())
    throw new Error(
      `${given.join(' and ')} ${given.length > 1 ? 'are' : 'is'} set beside BKG_NATS_URL: that is for the nats-server that bkg ` +
        `starts. For a broker of your own write tls:// into its address, and name certificates as "ca_file" in the file of ` +
        `BKG_CREDENTIALS_FILE.`,
    );
  const [cert, key, ca] = names.map((name) => readFilePath(name, env[name], from));
  if (!cert || !key)
    throw new Error(
      `${given.join(' and ')} ${given.length > 1 ? 'are' : 'is'} set: TLS takes BKG_PLUGIN_BUS_TLS_CERT and BKG_PLUGIN_BUS_TLS_KEY, ` +
        `and BKG_PLUGIN_BUS_TLS_CA when the certificate comes from nobody who is generally trusted.`,
    );
  return { cert, key, ...(ca && { ca }) };
}

function readFilePath(name: string, given: string | undefined, from: string): string | undefined {
  if (!given?.trim()) return undefined;
  const file = path.resolve(from, given.trim());
  try {
    accessSync(file, constants.R_OK);
    if (statSync(file).isFile()) return file;
  } catch (error) {
    throw new Error(`${name} names ${file}, which cannot be read (${(error as Error).message}).`, {
      cause: error,
    });
  }
  throw new Error(`${name} names ${file}, which is no file: it takes one in PEM.`);
}
