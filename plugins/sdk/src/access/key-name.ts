import { createHash } from 'node:crypto';
import { keyPrefixPattern } from '../protocol/access.ts';
import type { Principal } from '../protocol/access.ts';

const digits = 12;

/**
 * How the broker knows a connection of a key, and lists it: by the prefix, and by a print of what it was let in with. So
 * whoever has not heard of a change of the key can tell later which connections are of before it.
 */
export function keyName({
  prefix,
  revision,
  scopes,
  expires_at = '',
}: Pick<Principal, 'prefix' | 'revision' | 'scopes' | 'expires_at'>): string {
  const what = JSON.stringify([revision, expires_at, scopes.toSorted()]);
  return `${prefix}:${createHash('sha256').update(what).digest('hex').slice(0, digits)}`;
}

/** The prefix of the key in such a name; undefined for any other. */
export function prefixOfName(name: string): string | undefined {
  const [prefix = '', print, ...rest] = name.split(':');
  return print !== undefined && rest.length === 0 && keyPrefixPattern.test(prefix) ? prefix : undefined;
}
