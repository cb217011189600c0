import { connect, describeServers } from '../../connect.ts';
import type { Connection } from '../../connection.ts';
import type { Credentials } from '../../credentials.ts';
import { createLogger } from '../../logger.ts';
import type { Logger } from '../../logger.ts';
import { createToken } from '../../token.ts';
import { failure } from '../failure.ts';
import type { AnyMesh, MeshShape } from '../mesh.ts';
import { brokerAddress } from './broker-address.ts';
import { NatsClient } from './nats-client.ts';
import type { NatsClientOptions } from './nats-client.ts';

export interface ConnectClientOptions extends NatsClientOptions {
  /** `nats://127.0.0.1:43121`, one or the nodes of a cluster. @default BKG_NATS_URL, else the mesh of BKG_HOME */
  servers?: string | string[];
  /** @default BKG_CREDENTIALS_FILE, else the API key, else those of the mesh of BKG_HOME */
  credentials?: Credentials;
  /** Of a key with broker access, instead of credentials. @default BKG_API_KEY */
  apiKey?: string;
  /** Shown in the server's list of connections. @default 'client' */
  name?: string;
  /** How long the first connection may take. @default 10000 */
  connectTimeoutMs?: number;
  /** Ends the wait for the first connection. */
  signal?: AbortSignal;
  /** What happens to the connection. @default nothing is written */
  log?: Logger;
}

/**
 * Connects to the broker and gives a client of its plugins; it reconnects for ever.
 * @throws PluginUnavailableError when the broker cannot be reached in time; the reason of `signal`; Error that says what
 *   is missing
 */
export async function connectClient<M extends MeshShape<M> = AnyMesh>(
  options: ConnectClientOptions = {},
): Promise<NatsClient<M>> {
  const {
    servers: given,
    credentials: credentialsGiven,
    apiKey,
    name = 'client',
    connectTimeoutMs = 10_000,
    signal,
  } = options;
  const { servers, credentials } = brokerAddress(
    {
      ...(given && { servers: [given].flat() }),
      ...(credentialsGiven && { credentials: credentialsGiven }),
      ...(apiKey !== undefined && { apiKey }),
    },
    process.env,
  );
  const late = AbortSignal.timeout(connectTimeoutMs);
  try {
    const connection = await connect({
      servers,
      credentials,
      name,
      // Nobody else listens here, whatever the names are.
      identity: ['client', createToken()],
      log: options.log ?? createLogger({}, { level: 'silent' }),
      signal: signal ? AbortSignal.any([signal, late]) : late,
    });
    return new NatsClient<M>(connection, options, () => connection.close());
  } catch (cause) {
    if (signal?.aborted || !late.aborted) throw cause;
    throw failure(
      'PLUGIN_UNAVAILABLE',
      `The broker at ${describeServers(servers)} could not be reached within ${connectTimeoutMs} ms, or does not take the credentials. Is the mesh running (npm start)?`,
      { cause },
    );
  }
}

/** A client over a connection that somebody else has made, and closes. */
export function createClient<M extends MeshShape<M> = AnyMesh>(
  connection: Connection,
  options: NatsClientOptions = {},
): NatsClient<M> {
  return new NatsClient<M>(connection, options, async () => void (await connection.flush()));
}
