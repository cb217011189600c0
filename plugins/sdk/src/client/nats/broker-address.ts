import { readFileSync } from 'node:fs';
import path from 'node:path';
import { keyCredentials } from '../../access/key-credentials.ts';
import { withoutCredentials } from '../../connect.ts';
import { readCredentials } from '../../credentials.ts';
import type { Credentials } from '../../credentials.ts';
import { homePaths } from '../../host/home.ts';
import type { HomePaths } from '../../host/home.ts';
import { parseServers } from '../../host/service-settings.ts';

export interface BrokerAddress {
  servers: string[];
  credentials: Credentials;
}

/** What somebody says of it themselves. */
export interface GivenAddress extends Partial<BrokerAddress> {
  apiKey?: string;
}

const busPortDefault = 43_121;

/**
 * Where the broker is and how it takes us: what is given; else `BKG_NATS_URL` and `BKG_CREDENTIALS_FILE` or `BKG_API_KEY`;
 * else the mesh of `BKG_HOME`, `.bkg` in the current folder when that is unset.
 * @throws Error that says what is missing
 */
export function brokerAddress(given: GivenAddress, env: NodeJS.ProcessEnv): BrokerAddress {
  const home = homePaths(path.resolve(env['BKG_HOME'] || '.bkg'));
  const asked = given.servers ?? parseServers(env['BKG_NATS_URL']);
  const servers = asked.length > 0 ? asked : [ownBroker(home.run, env)];
  const credentials =
    given.credentials ??
    (given.apiKey === undefined ? credentialsOf(servers) : keyCredentials(given.apiKey)) ??
    credentialsIn(env, home);
  return { servers: servers.map(withoutCredentials), credentials };
}

/** A file is for the broker, a key may be for the gateway only: the file comes first. */
function credentialsIn(env: NodeJS.ProcessEnv, home: HomePaths): Credentials {
  const file = env['BKG_CREDENTIALS_FILE'];
  const key = env['BKG_API_KEY'];
  return key && !file ? keyCredentials(key) : readCredentials(file || home.credentialsFile);
}

/** Where the running mesh has its broker, which may be elsewhere than it was asked for. */
function ownBroker(runFolder: string, env: NodeJS.ProcessEnv): string {
  try {
    const record = JSON.parse(readFileSync(path.join(runFolder, 'up.json'), 'utf8')) as {
      bus_url?: unknown;
      bus_port?: unknown;
    };
    if (typeof record.bus_url === 'string') return record.bus_url;
    if (typeof record.bus_port === 'number') return `nats://127.0.0.1:${record.bus_port}`;
  } catch {
    // No mesh runs here, or one that uses a broker of its owner's: what comes next says that it cannot be reached.
  }
  return `nats://127.0.0.1:${env['BKG_PLUGIN_BUS_PORT'] || busPortDefault}`;
}

function credentialsOf(servers: readonly string[]): Credentials | undefined {
  for (const server of servers) {
    const url = URL.parse(server);
    const [user, password] = [url?.username, url?.password].map((text) => decodeURIComponent(text ?? ''));
    if (user && password) return { user, password };
  }
  return undefined;
}
