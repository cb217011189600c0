import type { PluginInfo } from '@bkg/sdk/protocol';
import type { Arguments } from '../command.ts';
import { describe } from '../failure.ts';
import { Gateway } from '../gateway.ts';
import { createSay } from '../say.ts';
import type { Mark } from '../say.ts';

type Verb = 'start' | 'stop' | 'restart';

const doing: Record<Verb, string> = { start: 'starting', stop: 'stopping', restart: 'starting anew' };

/** The supervisor gives up after 60 s, and says so. */
const timeoutMs = 70_000;

/** `bkg start|stop|restart <plugin>…`: one after the other; one that fails does not keep the rest from being tried. */
export function control(verb: Verb) {
  return async (args: Arguments, env: NodeJS.ProcessEnv): Promise<number> => {
    const gateway = new Gateway(args, env);
    const say = createSay();
    let exitCode = 0;
    for (const id of new Set(args.words)) {
      const path = `/api/plugins/${encodeURIComponent(id)}/${verb}${args.isSet('no-wait') ? '?wait=false' : ''}`;
      try {
        await say.while(id, doing[verb], async () => {
          const { status, error } = await gateway.json<PluginInfo>(path, {
            method: 'POST',
            timeoutMs,
            concern: { plugin: id },
          });
          return { mark: markOf(status), text: error ? `${status}: ${error}` : status };
        });
      } catch (error) {
        process.stderr.write(`${describe(error)}\n`);
        exitCode = 1;
      }
    }
    return exitCode;
  };
}

function markOf(status: PluginInfo['status']): Mark {
  if (status === 'error') return '✗';
  return status === 'running' || status === 'stopped' ? '✓' : '…';
}
