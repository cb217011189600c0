import type { ConfigHistory } from '@bkg/sdk/protocol';
import type { Arguments } from '../command.ts';
import { historyLines, historyPath, parseRevision } from '../config-history.ts';
import { Gateway } from '../gateway.ts';
import { printRaw } from '../raw-answer.ts';
import { columns, note, printable } from '../terminal.ts';

/** `bkg config history <plugin>` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const gateway = new Gateway(args, env);
  const [plugin = ''] = args.words;
  const given = args.text('before');
  const before = given === undefined ? undefined : parseRevision('--before', given);
  const path = historyPath(plugin, before);
  if (args.isSet('json')) return printRaw(gateway, path, { concern: { plugin } });
  const history = await gateway.json<ConfigHistory>(path, { concern: { plugin } });
  const oldest = history.revisions.at(-1);
  process.stdout.write(`${historyLines(history, columns()).join('\n')}\n`);
  if (history.truncated && oldest)
    note(
      `older ones are left out, because one answer cannot hold them; \`bkg config history ${printable(plugin)} --before ${oldest.revision}\` shows them`,
    );
  return 0;
}
