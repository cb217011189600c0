import type { ApiKey, Principal } from '@bkg/sdk/protocol';
import { keyPath } from '../api-paths.ts';
import type { Arguments } from '../command.ts';
import { Gateway } from '../gateway.ts';
import { parsePrefix } from '../key-options.ts';
import { keyPage, principalPage } from '../key-page.ts';
import { printRaw } from '../raw-answer.ts';

/** `bkg keys show [<prefix>]` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const [word] = args.words;
  const path = word === undefined ? '/api/session' : keyPath(parsePrefix(word));
  const gateway = new Gateway(args, env);
  if (args.isSet('json')) return printRaw(gateway, path);
  const lines =
    word === undefined
      ? principalPage(await gateway.json<Principal>(path), gateway.key.from)
      : keyPage(await gateway.json<ApiKey>(path), Date.now());
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}
