import type { Arguments } from '../command.ts';
import { configChanges } from '../config-changes.ts';
import { parseRevision, readRevision } from '../config-history.ts';
import { Gateway } from '../gateway.ts';
import { printable } from '../terminal.ts';

/** A word, as no JSON is. */
const absent = 'none';

/** `bkg config diff <plugin> <revision> [<revision>]` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const gateway = new Gateway(args, env);
  const [plugin = '', ...given] = args.words;
  const [a, b] = given.map((revision) => parseRevision('the revision', revision));
  const [before, after] = [await readRevision(gateway, plugin, a), await readRevision(gateway, plugin, b)];
  const lines = configChanges(before, after).map(
    ({ path, before: from = absent, after: to = absent, isSecret }) =>
      isSecret
        ? `${printable(path)}: changed, its value is not shown`
        : `${printable(path)}: ${printable(from)} → ${printable(to)}`,
  );
  const same = `Revisions ${before.revision} and ${after.revision} do not differ.`;
  process.stdout.write(`${lines.length > 0 ? lines.join('\n') : same}\n`);
  return 0;
}
