import { natsAccess, readNkey } from '@bkg/sdk/access';
import type { AccessSecrets } from './access-secrets.ts';
import type { BusTls } from './bus-settings.ts';
import { ownSystemUser, ownUsers } from './own-credentials.ts';

export interface NatsConfig {
  host: string;
  port: number;
  /** Where JetStream keeps its files. */
  storeFolder: string;
  secrets: AccessSecrets;
  tls?: BusTls;
}

/**
 * The configuration of our own nats-server, for 2.10 and everything newer.
 *
 * It knows the supervisor and the gateway, and asks the supervisor who everybody else is. `sync_interval: always`
 * makes an acknowledged write one that is on disk, for 0.2 ms a write. The two limits of JetStream bound a mistake;
 * the desired state of hundreds of plugins takes a few megabytes. Pings find a frozen client within a minute; the
 * default takes six.
 */
export function natsConfig({ host, port, storeFolder, secrets, tls }: NatsConfig): string {
  const access = natsAccess({
    users: ownUsers(secrets),
    system: ownSystemUser(secrets),
    issuer: readNkey(secrets.issuer_seed).publicKey,
  });
  return `# Written by bkg up at every start; changes made here are lost.
server_name: "bkg"
host: ${quote(host)}
port: ${port}
${access}${tls ? `tls { cert_file: ${quote(tls.cert)}, key_file: ${quote(tls.key)} }\n` : ''}max_payload: 1MB
write_deadline: "10s"
ping_interval: "20s"
ping_max: 2
jetstream {
  store_dir: ${quote(storeFolder)}
  sync_interval: always
  max_memory_store: 256MB
  max_file_store: 4GB
}
`;
}

/** Quoted, a text is one value whatever it holds; nats-server knows JSON's escapes of quote and backslash. */
function quote(text: string): string {
  return JSON.stringify(text);
}
