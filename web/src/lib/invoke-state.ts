import type { PluginInfo } from '@bkg/sdk/protocol';
import { cannotRun, runsElsewhere } from './status.ts';

/** What to say where the capabilities of a plugin would be, when there are none. */
export function whyNoCapabilities(plugin: PluginInfo): string {
  switch (plugin.status) {
    case 'running':
      return 'This plugin says that it can do nothing.';
    case 'starting':
      return 'It is starting. What it can do shows up here by itself when it runs.';
    case 'stopping':
      return 'It is stopping. What it can do is known again when it runs.';
    case 'stopped':
      return runsElsewhere(plugin)
        ? 'A plugin tells what it can do when it runs. Whoever runs this one can start it.'
        : 'A plugin tells what it can do when it runs. Start it to invoke something.';
    case 'error':
      return cannotRun(plugin)
        ? 'What stands above has to be mended before it can run; then it tells what it can do.'
        : 'It failed before it told what it can do. Why stands above.';
  }
}

/** Why an invocation would not be answered now; undefined when the plugin runs. */
export function whyNoAnswer(plugin: PluginInfo): string | undefined {
  const { name, status } = plugin;
  switch (status) {
    case 'running':
      return undefined;
    case 'starting':
      return `${name} is starting: it answers as soon as it runs.`;
    case 'stopping':
      return `${name} is stopping: it takes nothing new.`;
    case 'stopped':
      return runsElsewhere(plugin)
        ? `${name} is stopped: whoever runs it can start it.`
        : `${name} is stopped: start it to get an answer.`;
    case 'error':
      return cannotRun(plugin)
        ? `${name} cannot run before what stands above is mended.`
        : `${name} failed, why stands above: it answers when it runs again.`;
  }
}
