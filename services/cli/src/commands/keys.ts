import type { ApiKey } from '@bkg/sdk/protocol';
import { UsageError } from '../command.ts';
import type { Arguments } from '../command.ts';
import { Gateway } from '../gateway.ts';
import { keyLines } from '../key-list.ts';
import { printRaw } from '../raw-answer.ts';
import { columns } from '../terminal.ts';

/** `bkg keys [list]` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const [word = 'list'] = args.words;
  if (word !== 'list')
    throw new UsageError(
      `there is no "keys ${word}"; there are list, show, create, update, rotate, revoke, roles and sign-in`,
    );
  const gateway = new Gateway(args, env);
  if (args.isSet('json')) return printRaw(gateway, '/api/keys');
  const keys = await gateway.json<ApiKey[]>('/api/keys');
  process.stdout.write(`${keyLines(keys, columns(), Date.now()).join('\n')}\n`);
  return 0;
}
