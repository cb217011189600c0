import type { ApiKey, Principal, RateLimit } from '@bkg/sdk';

/** A key as the bucket keeps it, under `key.<prefix>`. */
export interface KeyRecord {
  name: string;
  owner: string;
  scopes: string[];
  roles: string[];
  broker: boolean;
  limits?: RateLimit;
  /** `hashSecret` of the secret, which itself is kept nowhere. */
  hash: string;
  /** Of the secret before the last rotation. */
  old?: { hash: string; until: string };
  created_at: string;
  created_by: string;
  expires_at?: string;
  revoked_at?: string;
}

/** `role.<name>` */
export interface RoleRecord {
  description: string;
  scopes: string[];
}

/** `session.<hash of the session>` */
export interface SessionRecord {
  /** Of the key that has signed in. */
  prefix: string;
  /** Of the secret that the key had then: a session ends with it, so that a rotation ends those of a thief. */
  key_hash: string;
  created_at: string;
  expires_at: string;
}

/** `ticket.<hash of the ticket>` */
export interface TicketRecord {
  /** Of the key that it signs in. */
  prefix: string;
  /** Of the secret that was shown for it: the session ends with that, and not with a newer one. */
  key_hash: string;
  expires_at: string;
}

/** `used.<prefix>`: apart from the key, so that to use a key is not to change it. */
export interface UsedRecord {
  at: string;
}

/** What the bucket holds, by the first token of its keys. */
export interface Kinds {
  key: KeyRecord;
  role: RoleRecord;
  session: SessionRecord;
  ticket: TicketRecord;
  used: UsedRecord;
}

export type Kind = keyof Kinds;

export const kinds = ['key', 'role', 'session', 'ticket', 'used'] as const satisfies readonly Kind[];

/** Whether a time of a record is over. */
export function isOver(time: string | undefined, now: number): boolean {
  return time !== undefined && Date.parse(time) <= now;
}

/** What is shown of a key: everything but its hashes. */
export function apiKeyOf(
  prefix: string,
  { hash: _, old, ...shown }: KeyRecord,
  { revision, usedAt, now }: { revision: number; usedAt: string | undefined; now: number },
): ApiKey {
  return {
    prefix,
    ...shown,
    ...(old && !isOver(old.until, now) && { old_secret_until: old.until }),
    ...(usedAt !== undefined && { last_used_at: usedAt }),
    revision,
  };
}

/** Who it is that has shown a key. @param ends the earliest of the times at which something of it ends */
export function principalOf(
  prefix: string,
  { value: { name, owner, broker, limits }, revision }: { value: KeyRecord; revision: number },
  scopes: string[],
  ends: (string | undefined)[],
): Principal {
  const [first] = ends.filter((time) => time !== undefined).sort((a, b) => Date.parse(a) - Date.parse(b));
  return {
    prefix,
    name,
    owner,
    scopes,
    broker,
    ...(limits && { limits }),
    ...(first !== undefined && { expires_at: first }),
    revision,
  };
}
