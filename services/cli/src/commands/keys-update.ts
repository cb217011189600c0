import type { ApiKey } from '@bkg/sdk/protocol';
import { keyPath } from '../api-paths.ts';
import type { Arguments } from '../command.ts';
import { Gateway } from '../gateway.ts';
import { jsonRequest } from '../json-request.ts';
import { keyChange, parsePrefix } from '../key-options.ts';
import { keyPage } from '../key-page.ts';
import { printRaw } from '../raw-answer.ts';

/** `bkg keys update <prefix>` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const [word = ''] = args.words;
  const path = keyPath(parsePrefix(word));
  const change = keyChange(args, Date.now());
  const gateway = new Gateway(args, env);
  // Who has changed it since then is not overruled: the gateway refuses.
  const { revision } = await gateway.json<ApiKey>(path);
  const request = jsonRequest('PATCH', { revision, ...change });
  if (args.isSet('json')) return printRaw(gateway, path, request);
  const changed = await gateway.json<ApiKey>(path, request);
  process.stdout.write(`${keyPage(changed, Date.now()).join('\n')}\n`);
  return 0;
}
