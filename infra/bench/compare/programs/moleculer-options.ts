import type { BrokerOptions } from 'moleculer';
import type { OnBroker } from './on-broker.ts';

/**
 * The defaults, which are what its documentation runs in production (`docs/0.15/deploying`, `configuration`): JSON, no
 * metrics, no tracing, no retries. Of what it says beside them, requests have a deadline, and only warnings are logged.
 */
export function moleculerOptions(nodeID: string, { url, user, password }: OnBroker): BrokerOptions {
  return {
    nodeID,
    logger: true,
    logLevel: 'warn',
    transporter: { type: 'NATS', options: { servers: [url], user, pass: password } },
    serializer: 'JSON',
    requestTimeout: 5_000,
  };
}
