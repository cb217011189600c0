import type { Arguments } from '../command.ts';
import { describe } from '../failure.ts';
import { Gateway } from '../gateway.ts';
import { orderRollout, sendOrder } from '../order.ts';
import { rolloutSaid, statusSaid } from '../receipt.ts';
import { createSay } from '../say.ts';
import type { Said } from '../say.ts';

type Verb = 'start' | 'stop' | 'restart';

const doing: Record<Verb, string> = { start: 'starting', stop: 'stopping', restart: 'starting anew' };

/** `bkg start|stop|restart <plugin>…`: one after the other; one that fails does not keep the rest from being tried. */
export function control(verb: Verb) {
  return async (args: Arguments, env: NodeJS.ProcessEnv): Promise<number> => {
    const gateway = new Gateway(args, env);
    const say = createSay();
    const isWaiting = !args.isSet('no-wait');
    let exitCode = 0;
    for (const plugin of new Set(args.words)) {
      try {
        await say.while(plugin, doing[verb], () =>
          verb === 'restart' && isWaiting
            ? restart(gateway, plugin)
            : carryOut(gateway, verb, plugin, isWaiting),
        );
      } catch (error) {
        process.stderr.write(`${describe(error)}\n`);
        exitCode = 1;
      }
    }
    return exitCode;
  };
}

async function carryOut(gateway: Gateway, verb: Verb, plugin: string, wait: boolean): Promise<Said> {
  return statusSaid(await sendOrder(gateway, { verb, plugin, body: wait ? {} : { wait } }));
}

async function restart(gateway: Gateway, id: string): Promise<Said> {
  const { plugin, rollout } = await orderRollout(gateway, { verb: 'restart', plugin: id, body: {} });
  const { mark, text } = statusSaid(plugin);
  return { mark, text: rollout ? `${text}, ${rolloutSaid(rollout).text}` : text };
}
