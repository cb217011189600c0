import { connect as dial } from '@nats-io/transport-node';
import { parseKey } from './access/key.ts';
import { Connection } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import type { Credentials } from './credentials.ts';
import { delay } from './host/delay.ts';
import { subjects } from './protocol/subjects.ts';
import { tlsOptions } from './tls-options.ts';
import { createToken } from './token.ts';

export interface ConnectOptions extends ConnectionOptions {
  /** `nats://127.0.0.1:43121`, one or the nodes of a cluster; with `tls://` in one of them all have to speak TLS. */
  servers: string[];
  credentials: Credentials;
  /** Shown in the server's list of connections. */
  name: string;
  /** Ends the wait for the first connection. */
  signal?: AbortSignal;
}

const dialTimeoutMs = 2_000;
const firstDialEveryMs = 500;

/**
 * Where replies to a connection arrive. Who shows an API key must listen below its prefix, and so the identity comes after
 * that.
 */
function inboxIdentity(identity: readonly string[], { password }: Credentials): string[] {
  const key = parseKey(password);
  return key ? [key.prefix, ...identity] : [...identity];
}

/**
 * Connects, and goes on trying until it succeeds or `signal` aborts; afterwards reconnects for ever.
 * @throws the reason of `signal`
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { servers, credentials, name, log, signal } = options;
  const identity = inboxIdentity(options.identity, credentials);
  // Two processes with the same credentials must not take one another's answers.
  const core = credentials.core_inbox && `${credentials.core_inbox}.${createToken()}`;
  const tls = tlsOptions(servers, credentials.ca_file);
  for (let attempt = 0; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      const nats = await dial({
        servers,
        user: credentials.user,
        pass: credentials.password,
        name,
        inboxPrefix: core ?? subjects.inbox(...identity),
        ...(tls && { tls }),
        timeout: dialTimeoutMs,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 100,
        reconnectJitter: 400,
        pingInterval: 10_000,
        maxPingOut: 2,
        // Otherwise nats.js gives up for ever after two refusals, one restart of an authentication service.
        ignoreAuthErrorAbort: true,
      });
      return new Connection(nats, { ...options, identity });
    } catch (error) {
      // Once is a broker that is just starting; from then on somebody wants to know.
      if (attempt % 10 === 4)
        log.warn({ servers: describeServers(servers), error }, 'the broker cannot be reached; trying again');
      await delay(firstDialEveryMs, signal);
    }
  }
}

/** The servers as they may be shown: a user and password in a URL are nobody's business. */
export function describeServers(servers: readonly string[]): string {
  return servers.map(withoutCredentials).join(', ');
}

export function withoutCredentials(server: string): string {
  return server.replace(/\/\/[^/]*@/, '//');
}
