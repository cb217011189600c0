import { writeWhole } from '@bkg/sdk/host';
import { explainFile } from '../failure.ts';
import type { BusAddress } from './bus.ts';
import { keptCredentials, writeCredentials } from './credentials.ts';
import { fingerprint } from './fingerprint.ts';
import type { Home } from './home.ts';
import { natsConfig } from './nats-config.ts';
import { findNatsServer } from './nats-server.ts';
import type { NatsServer } from './nats-server.ts';
import type { Settings } from './settings.ts';

/** The broker of this mesh, our own or a foreign one. */
export interface Broker extends BusAddress {
  credentialsFile: string;
  /** Of addresses and credentials. */
  fingerprint: string;
  /** Our own nats-server; undefined when somebody else runs the broker. */
  own?: NatsServer & { port: number; config: string };
}

/** Finds out how the broker is reached and, when it is ours, how it is started. @throws Failure */
export async function prepareBroker(
  settings: Settings,
  home: Home,
  busPort: number,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Broker> {
  if (settings.broker) {
    const { servers, credentials, credentialsFile = home.brokerCredentialsFile } = settings.broker;
    if (!settings.broker.credentialsFile) writeCredentials(credentialsFile, credentials);
    return { servers, credentials, credentialsFile, fingerprint: fingerprint(servers, credentials) };
  }
  const found = await findNatsServer(settings.natsServer, settings.home, env, signal);
  const credentials = keptCredentials(home.credentialsFile);
  const config = natsConfig({ port: busPort, storeFolder: home.nats, credentials });
  writeConfig(home.natsConfigFile, config);
  const servers = [`nats://127.0.0.1:${busPort}`];
  return {
    servers,
    credentials,
    credentialsFile: home.credentialsFile,
    fingerprint: fingerprint(servers, credentials),
    own: { ...found, port: busPort, config },
  };
}

function writeConfig(file: string, config: string): void {
  try {
    writeWhole(file, config, 0o600);
  } catch (error) {
    throw explainFile(error, `Writing ${file}`);
  }
}
