/**
 * What is known about the way to the gateway, from requests and sockets that really happened.
 * `offline` is said after three failures in a row; before that it may be a hiccup. A gateway that answers with a
 * failure is not offline, however long it does.
 */
export type ConnectionPhase = 'connecting' | 'live' | 'reconnecting' | 'offline';

export interface Connection {
  phase: ConnectionPhase;
  failures: number;
  /** ms since the epoch; undefined before the first contact. */
  lastContactAt?: number;
  /** When the next try is due, while there is no contact. */
  retryAt?: number;
  /** Why the last try failed, as a sentence. */
  reason?: string;
}

const failuresUntilOffline = 3;

export const connectionAtStart: Connection = { phase: 'connecting', failures: 0 };

export function contacted(now: number): Connection {
  return { phase: 'live', failures: 0, lastContactAt: now };
}

export interface Failure {
  /** A sentence for people. */
  reason: string;
  retryAt: number;
  /** The gateway answered, only not with what was asked for. */
  answered: boolean;
}

export function failed(before: Connection, { reason, retryAt, answered }: Failure): Connection {
  const failures = answered ? 1 : before.failures + 1;
  return {
    ...before,
    phase: failures >= failuresUntilOffline ? 'offline' : 'reconnecting',
    failures,
    retryAt,
    reason,
  };
}

export const connectionLabels: Record<ConnectionPhase, string> = {
  connecting: 'Connecting',
  live: 'Live',
  reconnecting: 'Reconnecting',
  offline: 'Offline',
};
