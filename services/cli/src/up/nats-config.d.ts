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
export declare function natsConfig({ port, storeFolder, credentials }: NatsConfig): string;
