import type { PluginConfig } from '@bkg/sdk/protocol';
import { pluginPath } from '../api-paths.ts';
import { UsageError } from '../command.ts';
import type { Arguments } from '../command.ts';
import { explainRefusal } from '../config-members.ts';
import { configPatch } from '../config-patch.ts';
import { Gateway } from '../gateway.ts';
import { layOut } from '../json-layout.ts';
import { jsonRequest } from '../json-request.ts';
import { orderedBy, orderTimeoutMs } from '../order.ts';
import { secretWarning, withSecretInput } from '../secret-input.ts';
import { note, printableLines } from '../terminal.ts';

/** `bkg config <plugin> [--set <member>=<value>]…` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const gateway = new Gateway(args, env);
  const [id = ''] = args.words;
  const [settings, why, wait] = [args.list('set'), args.text('why'), !args.isSet('no-wait')];
  if (settings.length === 0 && why !== undefined) throw new UsageError('--why goes with --set');
  if (settings.length === 0 && !wait) throw new UsageError('--no-wait goes with --set');
  const warning = secretWarning(settings);
  if (warning !== undefined) note(warning);
  const patch = configPatch(await withSecretInput(settings));
  const path = pluginPath(id, 'config');
  const concern = { plugin: id, isConfig: true };
  let config = await gateway.get(path, { concern });
  if (settings.length > 0) {
    // Who has changed it since then is not overruled: the gateway refuses.
    const { revision } = JSON.parse(config.toString()) as PluginConfig;
    const by = orderedBy();
    const sent = gateway.get(path, {
      ...jsonRequest('POST', {
        revision,
        ...patch,
        ...(why !== undefined && { why }),
        ...(by !== undefined && { by }),
        ...(!wait && { wait }),
      }),
      timeoutMs: orderTimeoutMs,
      concern,
    });
    config = await sent.catch((error: unknown) => {
      throw explainRefusal(error, settings);
    });
  }
  const { stdout } = process;
  const text = config.toString();
  stdout.write(`${stdout.isTTY ? printableLines(layOut(text)) : text}\n`);
  return 0;
}
