import type { ApiKey } from '@bkg/sdk/protocol';
import { keyPath } from '../api-paths.ts';
import type { Arguments } from '../command.ts';
import { Gateway } from '../gateway.ts';
import { keyText } from '../key-list.ts';
import { parsePrefix } from '../key-options.ts';
import { printRaw } from '../raw-answer.ts';

/** `bkg keys revoke <prefix>` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const [word = ''] = args.words;
  const path = keyPath(parsePrefix(word));
  const gateway = new Gateway(args, env);
  if (args.isSet('json')) return printRaw(gateway, path, { method: 'DELETE' });
  process.stdout.write(`${keyText(await gateway.json<ApiKey>(path, { method: 'DELETE' }))}\n`);
  return 0;
}
