import type { NewKey } from '@bkg/sdk/protocol';
import type { Arguments } from '../command.ts';
import { Gateway } from '../gateway.ts';
import { jsonRequest } from '../json-request.ts';
import { keyText } from '../key-list.ts';
import { keyOrder } from '../key-options.ts';
import { printSecret } from '../new-secret.ts';
import { printRaw } from '../raw-answer.ts';

/** `bkg keys create --name <text>` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const request = jsonRequest('POST', keyOrder(args, Date.now()));
  const gateway = new Gateway(args, env);
  if (args.isSet('json')) return printRaw(gateway, '/api/keys', request);
  const made = await gateway.json<NewKey>('/api/keys', request);
  printSecret(made, [`made ${keyText(made.key)}`, 'this is the key, shown this once:']);
  return 0;
}
