import path from 'node:path';
import { readCredentials } from '../credentials.ts';
import type { Credentials } from '../credentials.ts';
import { Complaints } from './complaints.ts';

/** What supervisor and gateway are both started with. */
export interface ServiceSettings {
  /** BKG_HOME, absolute. */
  home: string;
  /** BKG_NATS_URL, one or several separated by commas. */
  servers: string[];
  credentials: Credentials;
}

/** @throws Error that lists everything that is missing or wrong */
export function readServiceSettings(env: NodeJS.ProcessEnv): ServiceSettings {
  const { BKG_HOME: home, BKG_NATS_URL: url, BKG_CREDENTIALS_FILE: file } = env;
  const complaints = new Complaints();
  const servers = parseServers(url);
  if (!home) complaints.add('BKG_HOME is not set: the folder with the data of the mesh.');
  if (servers.length === 0) {
    complaints.add('BKG_NATS_URL is not set: the broker, such as nats://127.0.0.1:43121.');
  }
  if (!file)
    complaints.add('BKG_CREDENTIALS_FILE is not set: JSON with "user" and "password" for the broker.');
  const credentials = file ? complaints.attempt(() => readCredentials(file)) : undefined;
  if (!home || !credentials || complaints.list.length > 0) throw new Error(complaints.list.join('\n'));
  return { home: path.resolve(home), servers, credentials };
}

/** The servers of `BKG_NATS_URL`. */
export function parseServers(url: string | undefined): string[] {
  return (url ?? '')
    .split(',')
    .map((server) => server.trim())
    .filter((server) => server !== '');
}
