import type { Arguments } from '../command.ts';
import { parseRevision } from '../config-history.ts';
import { Gateway } from '../gateway.ts';
import { replaceInstances } from './replacement.ts';

/** `bkg rollback <plugin> [<revision>]` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const gateway = new Gateway(args, env);
  const [plugin = '', revision] = args.words;
  const to = revision === undefined ? undefined : parseRevision('the revision', revision);
  return replaceInstances(gateway, args, {
    verb: 'rollback',
    plugin,
    body: to === undefined ? {} : { to },
    doing: to === undefined ? 'rolling back' : `rolling back to revision ${to}`,
    head: ({ plugin: { config } }) => [`revision ${config.revision}`],
  });
}
