import { subjects } from '@bkg/sdk';
import type { Connection, KeyEvent } from '@bkg/sdk';
import type { Change } from './contents.ts';
import { isOver } from './record.ts';
import type { KeyRecord, RoleRecord } from './record.ts';
import type { Store } from './store.ts';

export interface KeyEventsOptions {
  connection: Connection;
  instance: string;
  store: Store;
  now: () => number;
}

/**
 * Tells gateways and supervisor of keys that have changed or ended. Each instance does when it knows of it itself, not
 * only the one that has made the change: who then asks again is answered by any of them, and after the last event no
 * answer is older than the change.
 */
export class KeyEvents {
  readonly #connection: Connection;
  readonly #subject: string;
  readonly #store: Store;
  readonly #now: () => number;
  #lookedAt: number;

  constructor({ connection, instance, store, now }: KeyEventsOptions) {
    this.#connection = connection;
    this.#subject = subjects.keyChanged(instance);
    this.#store = store;
    this.#now = now;
    this.#lookedAt = now();
  }

  tell({ kind, id, before, after }: Change): void {
    if (kind === 'key') {
      const change = changeOf(before as KeyRecord | undefined, after as KeyRecord | undefined);
      if (change) this.#publish(id, change);
    }
    if (
      kind === 'role' &&
      !hasSameScopes(before as RoleRecord | undefined, after as RoleRecord | undefined)
    ) {
      for (const [prefix, { value }] of this.#store.all('key'))
        if (value.revoked_at === undefined && value.roles.includes(id)) this.#publish(prefix, 'updated');
    }
  }

  /** Tells of what has ended by itself since the last look. */
  look(): void {
    // Nobody would hear of it: what has ended meanwhile is told when the broker is back.
    if (!this.#connection.connected) return;
    const now = this.#now();
    const hasEnded = (time: string | undefined): boolean =>
      isOver(time, now) && !isOver(time, this.#lookedAt);
    for (const [prefix, { value }] of this.#store.all('key')) {
      if (value.revoked_at !== undefined) continue;
      if (hasEnded(value.expires_at)) this.#publish(prefix, 'expired');
      else if (hasEnded(value.old?.until)) this.#publish(prefix, 'rotated');
    }
    this.#lookedAt = now;
  }

  #publish(prefix: string, change: KeyEvent['change']): void {
    const event: KeyEvent = { prefix, change };
    // While the broker is away nobody hears of it; who remembers a key asks again by itself after a while.
    this.#connection.publish(this.#subject, JSON.stringify(event));
  }
}

/** What has become of a key; undefined when nobody can know it otherwise. */
function changeOf(
  before: KeyRecord | undefined,
  after: KeyRecord | undefined,
): KeyEvent['change'] | undefined {
  if (!before) return undefined;
  if (!after) return before.revoked_at === undefined ? 'revoked' : undefined;
  if (before.revoked_at === undefined && after.revoked_at !== undefined) return 'revoked';
  return before.hash === after.hash ? 'updated' : 'rotated';
}

function hasSameScopes(before: RoleRecord | undefined, after: RoleRecord | undefined): boolean {
  return before?.scopes.join(' ') === after?.scopes.join(' ');
}
