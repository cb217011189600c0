import type { ClientState } from '@bkg/sdk/client/ws';

/** What is known about the way to the gateway. A short absence is a hiccup; then it is said to be away. */
export type ConnectionPhase = 'connecting' | 'live' | 'reconnecting' | 'offline';

export interface Connection {
  phase: ConnectionPhase;
  /** ms since the epoch, while there is no contact and there was one before. */
  lastContactAt?: number;
  /** When the next try is due, while there is no contact. */
  retryAt?: number;
  /** Why there is none, as a sentence. */
  reason?: string;
}

export const connectionAtStart: Connection = { phase: 'connecting' };

/** How long an absence is called reconnecting. */
export const hiccupMs = 3_000;

/** @param before what was shown until now */
export function connectionOf(state: ClientState, before: Connection, now: number): Connection {
  if (state.status === 'live') return { phase: 'live' };
  if (state.status === 'connecting') return connectionAtStart;
  const lastContactAt = before.phase === 'live' ? now : before.lastContactAt;
  return {
    phase: now - state.since.getTime() < hiccupMs ? 'reconnecting' : 'offline',
    ...(lastContactAt !== undefined && { lastContactAt }),
    ...(state.retryAt && { retryAt: state.retryAt.getTime() }),
    ...(state.reason !== undefined && { reason: state.reason }),
  };
}

export const connectionLabels: Record<ConnectionPhase, string> = {
  connecting: 'Connecting',
  live: 'Live',
  reconnecting: 'Reconnecting',
  offline: 'Offline',
};
