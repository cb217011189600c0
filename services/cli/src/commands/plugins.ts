import { delay } from '@bkg/sdk/host';
import type { PluginInfo } from '@bkg/sdk/protocol';
import { pluginPath } from '../api-paths.ts';
import { UsageError } from '../command.ts';
import type { Arguments } from '../command.ts';
import { describe } from '../failure.ts';
import { Gateway } from '../gateway.ts';
import { pluginPage } from '../plugin-page.ts';
import { pluginLines } from '../plugin-table.ts';
import { printRaw } from '../raw-answer.ts';
import { columns } from '../terminal.ts';

const watchEveryMs = 2_000;

/** `bkg plugins [<id>]` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const gateway = new Gateway(args, env);
  const [id] = args.words;
  const path = id === undefined ? '/api/plugins' : pluginPath(id);
  const request = id === undefined ? {} : { concern: { plugin: id } };
  if (args.isSet('json')) {
    if (args.isSet('watch')) throw new UsageError('--watch is for people; it does not go with --json');
    return printRaw(gateway, path, request);
  }
  const read = async (): Promise<string[]> =>
    id === undefined
      ? listLines(await gateway.json<PluginInfo[]>(path, request))
      : pluginPage(await gateway.json<PluginInfo>(path, request));
  if (args.isSet('watch')) return watch(read);
  process.stdout.write(`${(await read()).join('\n')}\n`);
  return 0;
}

function listLines(plugins: readonly PluginInfo[]): string[] {
  if (plugins.length === 0) return ['There are no plugins yet; `bkg new <name>` makes one.'];
  return pluginLines(plugins, columns());
}

/** Draws it again and again, until the process is ended. A mesh that is away for a moment does not end it. */
async function watch(read: () => Promise<string[]>): Promise<never> {
  const { stdout } = process;
  for (;;) {
    const lines = await read().catch((error: unknown) => describe(error).split('\n'));
    const shown = stdout.isTTY ? lines.slice(0, (stdout.rows || 24) - 1) : [...lines, ''];
    // Home, each line to its end, then the rest of the screen: clearing all first would flicker.
    stdout.write(
      stdout.isTTY
        ? `\x1b[H${shown.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`
        : `${shown.join('\n')}\n`,
    );
    await delay(watchEveryMs);
  }
}
