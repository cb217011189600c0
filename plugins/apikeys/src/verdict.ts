import type { Refusal, Verdict } from '@bkg/sdk/access';
import { isOver, principalOf } from './record.ts';
import type { KeyRecord, SessionRecord } from './record.ts';
import { rolesOf, scopesOf } from './scopes.ts';
import { matchSecret } from './secret.ts';
import type { Store } from './store.ts';

/** Who somebody is who shows a key. Whose secret is wrong is told nothing of the key. */
export function judgeKey(store: Store, prefix: string, hash: string, now: number): Verdict {
  const entry = store.get('key', prefix);
  const record = entry?.value;
  const match = matchSecret(record, hash, now);
  if (!entry || !record || !match) return { refused: 'unknown' };
  const ended = endOf(record, now);
  if (ended) return ended;
  const secretEnd = match === 'old' ? record.old?.until : undefined;
  const scopes = scopesOf(record, rolesOf(store));
  return { principal: principalOf(prefix, entry, scopes, [record.expires_at, secretEnd]) };
}

/** Who somebody is who shows a session: the key as it is now, for as long as the secret does that has signed in. */
export function judgeSession(store: Store, session: SessionRecord | undefined, now: number): Verdict {
  if (!session) return { refused: 'unknown' };
  if (isOver(session.expires_at, now)) return { refused: 'expired' };
  const entry = store.get('key', session.prefix);
  if (!entry) return { refused: 'unknown' };
  const record = entry.value;
  const ended = endOf(record, now);
  if (ended) return ended;
  const match = matchSecret(record, session.key_hash, now);
  if (!match) return { refused: 'expired' };
  const secretEnd = match === 'old' ? record.old?.until : undefined;
  const ends = [record.expires_at, session.expires_at, secretEnd];
  return { principal: principalOf(session.prefix, entry, scopesOf(record, rolesOf(store)), ends) };
}

/** Why a key is of no use any more; undefined when it is. */
export function endOf(record: KeyRecord, now: number): Refusal | undefined {
  if (record.revoked_at !== undefined) return { refused: 'revoked' };
  return isOver(record.expires_at, now) ? { refused: 'expired' } : undefined;
}
