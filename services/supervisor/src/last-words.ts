import { BkgError } from '@bkg/sdk';
import type { Logger } from '@bkg/sdk';
import type { Plugin } from './plugin.ts';
import type { PluginLogs } from './plugin-logs.ts';
import type { Plugins } from './plugins.ts';

const linesMost = 20;
const lineMostChars = 500;

/** What an instance has printed last, the oldest line first. */
async function lastLines(
  logs: Pick<PluginLogs, 'lastOutput'>,
  id: string,
  instance: string,
): Promise<string[]> {
  const lines = await logs.lastOutput(id, instance, linesMost);
  return lines.map((line) => line.slice(0, lineMostChars));
}

/** The same as the end of a failure's text. */
export async function lastWords(
  logs: Pick<PluginLogs, 'lastOutput'>,
  id: string,
  instance: string,
): Promise<string> {
  let lines: string[];
  try {
    lines = await lastLines(logs, id, instance);
  } catch (error) {
    // Why it failed counts more.
    return ` Its log cannot be read (${(error as Error).message}).`;
  }
  const shown = lines.join('\n');
  return shown ? ` Its last lines:\n${shown}` : ' It printed nothing.';
}

/** What to answer who has ordered something of a plugin that has failed with it. */
export async function crashOf(
  logs: Pick<PluginLogs, 'lastOutput'>,
  { id, failed }: Pick<Plugin, 'id' | 'failed'>,
): Promise<BkgError> {
  const words = failed ? await lastWords(logs, id, failed.instance) : '';
  return new BkgError('PLUGIN_CRASHED', `${id} ${failed?.error ?? 'has failed'}.${words}`);
}

/** Shows what an instance that has failed has printed last. */
export async function keepLastOutput({
  plugin,
  instance,
  logs,
  plugins,
  log,
}: {
  plugin: Plugin;
  instance: string;
  logs: Pick<PluginLogs, 'lastOutput'>;
  plugins: Pick<Plugins, 'changed'>;
  log: Logger;
}): Promise<void> {
  try {
    plugin.setOutput(instance, await lastLines(logs, plugin.id, instance));
    plugins.changed(plugin.id);
  } catch (error) {
    log.error({ error, plugin_id: plugin.id, instance }, 'its last output cannot be read');
  }
}
