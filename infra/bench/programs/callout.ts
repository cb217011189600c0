/** Says who connects to the broker, as the supervisor does. Options: see `CalloutProgram`. */
import { connect, createLogger } from '@bkg/sdk';
import type { Credentials, Principal } from '@bkg/sdk';
import { hashSecret, serveCallout } from '@bkg/sdk/access';

export interface CalloutProgram {
  url: string;
  credentials: Credentials;
  /** The one API key that there is. */
  hash: string;
  principal: Principal;
}

const { url, credentials, hash, principal } = JSON.parse(process.argv[2] ?? '{}') as CalloutProgram;
const log = createLogger({}, { level: 'warn' });
const connection = await connect({
  servers: [url],
  credentials,
  name: 'callout',
  identity: ['callout'],
  log,
  signal: AbortSignal.timeout(10_000),
});
serveCallout({
  connection,
  issuerSeed: credentials.callout?.issuer_seed ?? '',
  verifyInstance: () => Promise.resolve(true),
  verifyKey: ({ secret }) =>
    Promise.resolve(hashSecret(secret) === hash ? principal : { refused: 'unknown' }),
  log,
});
await connection.flush();
process.send?.({ ready: true });
