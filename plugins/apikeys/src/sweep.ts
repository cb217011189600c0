import { isOver } from './record.ts';
import type { KeyRecord } from './record.ts';
import type { Store } from './store.ts';
import { judgeSession } from './verdict.ts';

const dayMs = 86_400_000;
/** So long it can still be seen what a key was that the audit names. */
const endedKeptMs = 90 * dayMs;
/** Looked for at once; as long as there are so many it goes on, so that it keeps up with whoever makes them. */
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
  for (let isMore = true; isMore;) {
    const found = due(store, now).slice(0, sweptMost);
    const removed = await removeAll(store, found, signal);
    // Where others have removed them all, it is heard of by the next sweep.
    isMore = found.length === sweptMost && removed > 0;
  }
  for (let isMore = true; isMore;) {
    signal.throwIfAborted();
    isMore = (await store.forgetRemovals(Date.now() - removalKeptMs, sweptMost)) === sweptMost;
  }
}

/** @returns how many it was that removed them */
async function removeAll(store: Store, found: readonly Due[], signal: AbortSignal): Promise<number> {
  let removed = 0;
  for (const { kind, id, revision } of found) {
    signal.throwIfAborted();
    if (await store.remove(kind, id, revision)) removed += 1;
  }
  return removed;
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
