import type { PluginInfo } from '@bkg/sdk/protocol';
import { cannotRun, runsElsewhere } from './status.ts';

/** What to say where the capabilities of a plugin would be, when there are none. */
export function whyNoCapabilities(plugin: PluginInfo): string {
  if (plugin.unknown_since)
    return 'Its state is not known now. What it can do shows up here by itself when it is.';
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
        : 'A plugin tells what it can do when it runs. Start it to see, and to invoke something.';
    case 'error':
      if (runsElsewhere(plugin))
        return 'It failed before it told what it can do. Whoever runs it can see why and start it again.';
      return cannotRun(plugin)
        ? 'What stands above has to be mended before it can run; then it tells what it can do.'
        : 'It failed before it told what it can do. Why stands above.';
  }
}

/** Why an invocation would not be answered now; undefined when the plugin runs. */
export function whyNoAnswer(plugin: PluginInfo): string | undefined {
  const { name, status, unknown_since } = plugin;
  if (status === 'running') return undefined;
  if (unknown_since)
    return `${name} was ${status} when it was last heard of: whether it answers is not known now.`;
  switch (status) {
    case 'starting':
      return `${name} is starting: it answers as soon as it runs.`;
    case 'stopping':
      return `${name} is stopping: it takes nothing new.`;
    case 'stopped':
      return runsElsewhere(plugin)
        ? `${name} is stopped: whoever runs it can start it.`
        : `${name} is stopped: start it to get an answer.`;
    case 'error':
      if (runsElsewhere(plugin))
        return `${name} failed, why stands above: whoever runs it can start it again.`;
      return cannotRun(plugin)
        ? `${name} cannot run before what stands above is mended.`
        : `${name} failed, why stands above: it answers when it runs again.`;
  }
}
