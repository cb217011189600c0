import type { NewKey } from '@bkg/sdk/protocol';
import { readFileSync } from 'node:fs';
import { adminKeyFile, prefixOf } from '../api-key.ts';
import type { Arguments } from '../command.ts';
import { dateAndTime } from '../clock.ts';
import { Gateway } from '../gateway.ts';
import { parseGrace, parsePrefix } from '../key-options.ts';
import { jsonRequest, keyPath, keyText, printSecret } from '../key-request.ts';
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
  if (isOwnGateway(gateway.url, env) && heldPrefix(file) === key.prefix) {
    writeAdminKey(file, secret);
    notes.push(`${file} has the new one`);
  }
  if (args.isSet('json')) process.stdout.write(`${JSON.stringify(rotated)}\n`);
  else printSecret(rotated, [...notes, 'this is the key, shown this once:']);
  return 0;
}

/** Whose secret the file holds; undefined when there is none, or it cannot be read. */
function heldPrefix(file: string): string | undefined {
  try {
    return prefixOf({ text: readFileSync(file, 'utf8').trim(), from: file });
  } catch {
    return undefined;
  }
}
