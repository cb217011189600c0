import type { Credentials } from '@bkg/sdk';

export interface NatsConfig {
  port: number;
  /** Where JetStream keeps its files. */
  storeFolder: string;
  credentials: Credentials;
}

/**
 * The configuration of our own nats-server, for 2.10 and everything newer.
 *
 * Its user makes anonymous clients impossible, and it is reachable from this machine only. `sync_interval: always`
 * makes an acknowledged write one that is on disk, for 0.2 ms a write. The two limits of JetStream bound a mistake;
 * the desired state of hundreds of plugins takes a few megabytes. Pings find a frozen client within a minute; the
 * default takes six.
 */
export function natsConfig({ port, storeFolder, credentials }: NatsConfig): string {
  const { user, password } = credentials;
  return `# Written by bkg up at every start; changes made here are lost.
server_name: "bkg"
host: "127.0.0.1"
port: ${port}
authorization { user: ${quote(user)}, password: ${quote(password)}, timeout: 5 }
max_payload: 1MB
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
