import { NoRespondersError, problemOfMsg, subjects } from '@bkg/sdk';
import type { Connection, Logger, Principal } from '@bkg/sdk';
import { hashSecret, serveCallout } from '@bkg/sdk/access';
import type { AuditWriter, Callout } from '@bkg/sdk/access';
import type { Keys } from './keys.ts';

export interface BrokerAccessOptions {
  connection: Connection;
  issuerSeed: string;
  keys: Pick<Keys, 'verify'>;
  audit: AuditWriter;
  log: Logger;
}

const askMs = 2_000;

/** Tells nats-server who a client is, beside the supervisor: so plugins and keys get in while there is none. */
export function serveBrokerAccess({
  connection,
  issuerSeed,
  keys,
  audit,
  log,
}: BrokerAccessOptions): Callout {
  return serveCallout({
    connection,
    issuerSeed,
    verifyInstance: ({ instance }) => isWanted(connection, instance),
    verifyKey: async ({ prefix, secret }): Promise<Principal | { refused: string }> => {
      const verdict = await keys.verify({ prefix, hash: hashSecret(secret) });
      return 'refused' in verdict ? verdict : verdict.principal;
    },
    audit: (event) => audit.write(event),
    log,
  });
}

/** The supervisor knows; while there is none its signature counts, and the next one puts out what has ended meanwhile. */
async function isWanted(connection: Connection, instance: string): Promise<boolean> {
  try {
    const reply = await connection.request(subjects.accessInstance, JSON.stringify({ instance }), {
      timeoutMs: askMs,
    });
    const problem = problemOfMsg(reply);
    if (problem) throw new Error(problem.detail);
    return reply.json<{ ok?: unknown }>().ok === true;
  } catch (error) {
    if (error instanceof NoRespondersError) return true;
    throw error;
  }
}
