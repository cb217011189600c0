import type { PluginInfo } from '@bkg/sdk/protocol';
import { pluginPath } from '../api-paths.ts';
import { UsageError } from '../command.ts';
import type { Arguments } from '../command.ts';
import { Gateway } from '../gateway.ts';
import { printable } from '../terminal.ts';
import { versionTexts } from '../version-list.ts';
import { replaceInstances } from './replacement.ts';

/** `bkg swap <plugin> <version>` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const gateway = new Gateway(args, env);
  const [plugin = '', version] = args.words;
  if (version === undefined) throw await whichVersion(gateway, plugin);
  return replaceInstances(gateway, args, {
    verb: 'swap',
    plugin,
    body: { version },
    doing: `swapping to ${printable(version)}`,
    // A receipt names the versions itself.
    head: ({ rollout }) => (rollout ? [] : [printable(version)]),
  });
}

async function whichVersion(gateway: Gateway, id: string): Promise<UsageError> {
  const plugin = await gateway.json<PluginInfo>(pluginPath(id), { concern: { plugin: id } });
  const list = versionTexts(plugin).map((text) => `\n    ${text}`);
  return new UsageError(
    plugin.versions.length > 0
      ? `a version is missing; of ${id} there ${list.length === 1 ? 'is' : 'are'}${list.join('')}`
      : `a version is missing, and no version of ${id} lies in a folder of plugins${list.join('')}`,
  );
}
