import { existsSync } from 'node:fs';
import { reachableHost, urlHost } from '../listen-address.ts';
import { keptSecrets } from './access-secrets.ts';
import type { BusAddress } from './bus.ts';
import type { BusTls } from './bus-settings.ts';
import { fingerprint } from './fingerprint.ts';
import type { Home } from './home.ts';
import { natsConfig } from './nats-config.ts';
import { findNatsServer } from './nats-server.ts';
import type { NatsServer } from './nats-server.ts';
import { ownCredentials } from './own-credentials.ts';
import type { Settings } from './settings.ts';
import { readText, secretMode, writeSecret, writeText } from './text-file.ts';

/** The broker of this mesh, our own or a foreign one. */
export interface Broker extends BusAddress {
  /** Of the supervisor. */
  credentialsFile: string;
  gatewayCredentialsFile: string;
  /** Of addresses and credentials. */
  fingerprint: string;
  /** Our own nats-server; undefined when somebody else runs the broker. */
  own?: OwnBroker;
}

export interface OwnBroker extends NatsServer {
  /** Where we ourselves find it. */
  host: string;
  port: number;
  config: string;
  /** What is in the files of its certificate, which may be renewed. */
  certificate: string;
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
    if (!settings.broker.credentialsFile) writeSecret(credentialsFile, credentials);
    const files = { credentialsFile, gatewayCredentialsFile: credentialsFile };
    return { servers, credentials, ...files, fingerprint: fingerprint(servers, credentials) };
  }
  const { busHost, busTls } = settings;
  const found = await findNatsServer(settings.natsServer, settings.home, env, signal);
  const secrets = keptSecrets(home.accessFile);
  const caFile = busTls?.ca === undefined ? undefined : copyCa(busTls.ca, home.caFile);
  const { supervisor, gateway } = ownCredentials(secrets, caFile);
  writeSecret(home.credentialsFile, supervisor);
  writeSecret(home.gatewayCredentialsFile, gateway);
  const config = natsConfig({
    host: busHost,
    port: busPort,
    storeFolder: home.nats,
    secrets,
    ...(busTls && { tls: busTls }),
  });
  writeText(home.natsConfigFile, config, secretMode);
  const host = reachableHost(busHost);
  const servers = [`${busTls ? 'tls' : 'nats'}://${urlHost(host)}:${busPort}`];
  return {
    servers,
    credentials: supervisor,
    credentialsFile: home.credentialsFile,
    gatewayCredentialsFile: home.gatewayCredentialsFile,
    fingerprint: fingerprint(servers, secrets, caFile && readText(caFile)),
    own: { ...found, host, port: busPort, config, certificate: certificateOf(busTls) },
  };
}

/** A plugin with a user of its own could not read it where it is. @returns the copy */
function copyCa(ca: string, file: string): string {
  const text = readText(ca);
  // One that is sealed in may read the file that was there at its start, and no other that is called like it.
  if (!existsSync(file) || readText(file) !== text) writeText(file, text, 0o644);
  return file;
}

function certificateOf(tls: BusTls | undefined): string {
  return tls ? fingerprint(readText(tls.cert), readText(tls.key)) : '';
}
