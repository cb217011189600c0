import type { RateLimit } from './plugin.ts';

/**
 * An API key is `bkg_<prefix>_<secret>`: the prefix is public and names it in logs, the secret is 256 random bits. The
 * prefix begins with a capital letter, so that no plugin id and no other identity of the broker is the same.
 */
export const keyPattern = /^bkg_(K[a-z2-7]{9})_([a-z2-7]{52})$/;
export const keyPrefixPattern = /^K[a-z2-7]{9}$/;

/** An API key as it is shown: without its secret. */
export interface ApiKey {
  /** Its public part. */
  prefix: string;
  name: string;
  owner: string;
  /** `<verb>[:<plugin>[:<capability>]]`, beside those of its roles. */
  scopes: string[];
  roles: string[];
  /** Whether it may connect to the broker. */
  broker: boolean;
  /** Of all that it invokes, over all gateways. */
  limits?: RateLimit;
  created_at: string;
  /** The prefix of the key that made it, or `bkg`. */
  created_by: string;
  expires_at?: string;
  revoked_at?: string;
  /** Until then the secret before the last rotation does, too. */
  old_secret_until?: string;
  /** To the minute. */
  last_used_at?: string;
  revision: number;
}

export const keyNameMostLength = 100;
export const keyScopesMost = 100;

/** A new key. One without scopes and roles may do nothing. */
export interface KeyOrder {
  name: string;
  owner?: string;
  scopes?: string[];
  roles?: string[];
  broker?: boolean;
  limits?: RateLimit;
  expires_at?: string;
}

/** What becomes of a key: a member that is absent stays, `null` takes it away. */
export interface KeyChange {
  /** That which it changes: another one by now is a CONFLICT. */
  revision: number;
  name?: string;
  owner?: string | null;
  scopes?: string[];
  roles?: string[];
  broker?: boolean;
  limits?: RateLimit | null;
  expires_at?: string | null;
}

export interface RotateOrder {
  /** How long the old secret does, too. @default 3600 */
  grace_secs?: number;
}

export const rotateGraceDefaultSecs = 3_600;
export const rotateGraceMostSecs = 30 * 86_400;

/** The only answer that has the secret. */
export interface NewKey {
  key: ApiKey;
  /** `bkg_<prefix>_<secret>` */
  secret: string;
}

/** A name for scopes. */
export interface Role {
  name: string;
  description: string;
  scopes: string[];
  /** Every mesh has it; it cannot be changed. */
  built_in: boolean;
}

export interface RoleOrder {
  description?: string;
  scopes: string[];
}

/** Who somebody is, after it was found out. */
export interface Principal {
  /** Of its key. */
  prefix: string;
  name: string;
  owner: string;
  /** With those of its roles. */
  scopes: string[];
  broker: boolean;
  limits?: RateLimit;
  /** When its key or its session ends. */
  expires_at?: string;
  /** Of its key. */
  revision: number;
}

/** The body of `POST /api/session`: one of the two. */
export interface SignIn {
  /** `bkg_<prefix>_<secret>` */
  key?: string;
  /** From a sign-in link: it does once. */
  ticket?: string;
}

export interface Ticket {
  ticket: string;
  expires_at: string;
}

export const ticketMostSecs = 600;
export const sessionMostSecs = 12 * 3_600;

/** `plugin.apikeys.events.<instance>.key` */
export interface KeyEvent {
  prefix: string;
  change: 'updated' | 'rotated' | 'revoked' | 'expired';
}

/** Something that somebody has done, or was refused. */
export interface AuditEvent {
  time: string;
  /** The prefix of a key; `bkg` for the mesh itself, `?` for nobody known. */
  who: string;
  via: 'http' | 'broker' | 'mesh';
  /** The address of the client, "" where it is not known. */
  from: string;
  /** `control.<verb>`, `key.<verb>`, `role.<verb>`, `session.<verb>`, `connect`, `invoke` … */
  action: string;
  /** A plugin id, a key's prefix, a route. */
  target: string;
  /** `ok`, or an error code. */
  result: string;
  detail?: string;
}

export interface AuditQuery {
  /** @default 100, at most 1000 */
  most?: number;
  /** Events before this `seq`. */
  before?: number;
  who?: string;
  action?: string;
}

/** The newest first. */
export interface AuditList {
  events: (AuditEvent & { seq: number })[];
  /** For `before`, when there is more. */
  next?: number;
}
