/** The gateway, on a free port. Options: see `GatewayOptions`; says its port when it has the broker. */
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '@bkg/sdk';
import type { Credentials, RegistryEntry } from '@bkg/sdk';
// For what they add to Fastify's types.
import type {} from '../../../services/gateway/dist/mesh/broker-link.js';
import type {} from '../../../services/gateway/dist/mesh/mesh-watch.js';
import { createServer } from '../../../services/gateway/dist/server.js';

export interface GatewayOptions {
  url: string;
  credentials: Credentials;
  joinWrites: boolean;
  /** What it knows from the beginning, where no supervisor writes the registry. */
  entries?: RegistryEntry[];
  /** It asks nobody who they are: what that takes is not measured. @default it does */
  noAuth?: boolean;
  /** How often wrong keys are looked at, other than by default. */
  attempts?: { most: number; windowMs: number };
}

const {
  url,
  credentials,
  joinWrites,
  entries = [],
  noAuth = false,
  attempts,
} = JSON.parse(process.argv[2] ?? '{}') as GatewayOptions;
const folder = tmpdir();
const app = await createServer({
  settings: {
    servers: [url],
    credentials,
    home: folder,
    host: '127.0.0.1',
    port: 0,
    dashboard: folder,
    noAuth,
  },
  log: createLogger({}, { level: 'error' }),
  joinWrites,
  ...(attempts && { attempts }),
});
for (const entry of entries) app.catalog.put(entry);
await app.listen({ host: '127.0.0.1', port: 0 });
const { port } = app.server.address() as AddressInfo;
while (!app.broker.connected) await delay(10);
process.send?.({ ready: port });
