import type { PluginInfo } from '@bkg/sdk/protocol';
import { hasRunning } from '../status.ts';

/** What a swap does to what runs now. @param current the version that runs, or that the next start brings */
export function swapNote(plugin: PluginInfo, current: string | undefined): string {
  const { instances, config, single_writer: ownsFiles } = plugin;
  if (instances.length === 0)
    return config.replicas === 0
      ? `The next instance is one of ${current}; choosing another here changes that.`
      : `Start brings ${current}; choosing another here changes that.`;
  if (ownsFiles)
    return 'It owns files: the old instance ends before the new one starts, and invocations wait meanwhile.';
  return hasRunning(plugin)
    ? 'Instances are replaced one by one; the old ones answer until the new ones have proved themselves.'
    : 'No instance serves now; the new ones do as soon as they have proved themselves.';
}
