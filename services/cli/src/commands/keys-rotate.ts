import { readFileSync } from 'node:fs';
import type { NewKey } from '@bkg/sdk/protocol';
import { adminKeyFile, prefixOf } from '../api-key.ts';
import { keyPath } from '../api-paths.ts';
import type { Arguments } from '../command.ts';
import { dateAndTime } from '../clock.ts';
import { Failure } from '../failure.ts';
import { Gateway } from '../gateway.ts';
import { parseGrace, parsePrefix } from '../key-options.ts';
import { jsonRequest } from '../json-request.ts';
import { keyText } from '../key-list.ts';
import { printSecret } from '../new-secret.ts';
import { isOwnGateway } from '../mesh-address.ts';
import { writeAdminKey } from '../up/admin-key.ts';

/** `bkg keys rotate <prefix>` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const [word = ''] = args.words;
  const path = keyPath(parsePrefix(word), 'rotate');
  const grace = args.text('grace');
  const order = grace === undefined ? {} : { grace_secs: parseGrace(grace) };
  const gateway = new Gateway(args, env);
  const rotated = await gateway.json<NewKey>(path, jsonRequest('POST', order));
  const { key, secret } = rotated;
  const notes = [`${keyText(key)}, has another secret`];
  if (key.old_secret_until !== undefined)
    notes.push(`the old one does until ${dateAndTime(key.old_secret_until)}`);
  // Or the next start would stand there with a key that does not do.
  const file = adminKeyFile(env);
  const isHeld = isOwnGateway(gateway.url, env) && heldPrefix(file) === key.prefix;
  const unwritten = isHeld ? keepNew(file, secret) : undefined;
  if (isHeld && !unwritten) notes.push(`${file} has the new one`);
  if (args.isSet('json')) process.stdout.write(`${JSON.stringify(rotated)}\n`);
  else printSecret(rotated, [...notes, 'this is the key, shown this once:']);
  if (unwritten) throw unwritten;
  return 0;
}

/** @returns why it could not be written: nobody else has the secret by now, so it must be shown before that is told */
function keepNew(file: string, secret: string): Failure | undefined {
  try {
    writeAdminKey(file, secret);
    return undefined;
  } catch (cause) {
    return new Failure(
      `The key has another secret, and ${file} has the old one: ${(cause as Error).message}`,
      `put the key that was just shown into ${file}, in one line.`,
      { cause },
    );
  }
}

/** Whose secret the file holds; undefined when there is none, or it cannot be read. */
function heldPrefix(file: string): string | undefined {
  try {
    return prefixOf(readFileSync(file, 'utf8').trim());
  } catch {
    return undefined;
  }
}
