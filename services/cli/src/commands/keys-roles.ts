import type { Role } from '@bkg/sdk/protocol';
import type { Arguments } from '../command.ts';
import { Gateway } from '../gateway.ts';
import { roleLines } from '../key-list.ts';
import { printRaw } from '../raw-answer.ts';
import { columns } from '../terminal.ts';

/** `bkg keys roles` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const gateway = new Gateway(args, env);
  if (args.isSet('json')) return printRaw(gateway, '/api/roles');
  process.stdout.write(`${roleLines(await gateway.json<Role[]>('/api/roles'), columns()).join('\n')}\n`);
  return 0;
}
