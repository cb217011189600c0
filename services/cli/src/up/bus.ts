import { connect, createLogger } from '@bkg/sdk';
import type { Connection, Credentials } from '@bkg/sdk';

/** How the broker is reached. */
export interface BusAddress {
  servers: string[];
  credentials: Credentials;
}

/**
 * Connects, works, and closes: what `bkg up` has to ask is rare, and a connection kept between would only have to be
 * kept alive.
 * @throws when `signal` aborts before there is a connection, what kept it from coming about
 */
export async function withBus<T>(
  { servers, credentials }: BusAddress,
  signal: AbortSignal,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  let problem = 'it does not answer';
  const destination = {
    write: (line: string) => {
      const { error } = JSON.parse(line) as { error?: { message?: string } };
      if (error?.message) problem = error.message;
    },
  };
  const log = createLogger({}, { level: 'warn', destination });
  let connection: Connection;
  try {
    connection = await connect({
      servers,
      credentials,
      name: 'bkg up',
      identity: ['bkg', 'up'],
      log,
      signal,
    });
  } catch (error) {
    throw new Error(`no connection to the broker at ${servers.join(', ')}: ${problem}`, { cause: error });
  }
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}
