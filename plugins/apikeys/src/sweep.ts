import { isOver } from './record.ts';
import type { KeyRecord } from './record.ts';
import type { Store } from './store.ts';
import { judgeSession } from './verdict.ts';

const dayMs = 86_400_000;
/** So long it can still be seen what a key was that the audit names. */
export const endedKeptMs = 90 * dayMs;
/** In one sweep, so that it takes no more than some seconds; the rest waits for the next. */
const sweptMost = 500;

export interface SweepOptions {
  /** In ms since the epoch. */
  now: number;
  /** How long the bucket remembers that something was removed: whoever follows it has heard of that by then. */
  removalKeptMs: number;
  signal: AbortSignal;
}

/**
 * Removes what is of no use any more: sessions and tickets that are over, and keys that ended 90 days ago. Any number of
 * instances may do so at the same time: each removes only what is still as it saw it.
 */
export async function sweep(store: Store, { now, removalKeptMs, signal }: SweepOptions): Promise<void> {
  for (const { kind, id, revision } of due(store, now).slice(0, sweptMost)) {
    signal.throwIfAborted();
    await store.remove(kind, id, revision);
  }
  await store.forgetRemovals(Date.now() - removalKeptMs, sweptMost);
}

interface Due {
  kind: 'key' | 'used' | 'session' | 'ticket';
  id: string;
  revision: number;
}

function due(store: Store, now: number): Due[] {
  const list: Due[] = [];
  for (const [id, { value, revision }] of store.all('ticket'))
    if (isOver(value.expires_at, now)) list.push({ kind: 'ticket', id, revision });
  for (const [id, { value, revision }] of store.all('session'))
    if ('refused' in judgeSession(store, value, now)) list.push({ kind: 'session', id, revision });
  for (const [id, { value, revision }] of store.all('key'))
    if (endedAt(value) <= now - endedKeptMs) list.push({ kind: 'key', id, revision });
  for (const [id, { revision }] of store.all('used'))
    if (!store.get('key', id)) list.push({ kind: 'used', id, revision });
  return list;
}

/** In ms since the epoch; Infinity for one that goes on. */
function endedAt({ revoked_at, expires_at }: KeyRecord): number {
  const ends = [revoked_at, expires_at].filter((time) => time !== undefined).map((time) => Date.parse(time));
  return Math.min(...ends);
}
