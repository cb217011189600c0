import { hideSecrets, isRecord } from '@bkg/sdk/protocol';
import { tokenize } from '../json-tokens.ts';

/** Not every "token": `max_tokens` is none. */
const secretNames =
  /passw(or)?d|passphrase|secret|credential|authorization|cookie|^pwd$|^pin$|^token$|(api|access|private|signing)[_-]?key|(access|refresh|auth|bearer|session|id|api)[_-]?token/i;

/**
 * Whether a payload may hold a secret: by the names of its members, by what bkg's own secrets look like, or because its
 * schema says of any member that it is one. Rather too often than too seldom.
 */
export function mayHoldSecret(json: string, schema: unknown): boolean {
  if (hideSecrets(json) !== json || namesSecret(schema)) return true;
  return tokenize(json).some(
    ({ kind, start, end }) =>
      kind === 'key' && secretNames.test(JSON.parse(json.slice(start, end)) as string),
  );
}

/** `writeOnly` and the format of a password are what JSON Schema has to say it. */
function namesSecret(schema: unknown): boolean {
  const open: unknown[] = [schema];
  // A schema is anybody's to write: no recursion, and an end.
  for (let looked = 0; open.length > 0; looked++) {
    if (looked > 20_000) return true;
    const one = open.pop();
    if (Array.isArray(one)) open.push(...(one as unknown[]));
    if (!isRecord(one)) continue;
    if (one['writeOnly'] === true || one['format'] === 'password') return true;
    open.push(...Object.values(one));
  }
  return false;
}
