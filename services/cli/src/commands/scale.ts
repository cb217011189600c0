import { UsageError } from '../command.ts';
import type { Arguments } from '../command.ts';
import { Gateway } from '../gateway.ts';
import { sendOrder } from '../order.ts';
import { orderedSaid, statusSaid } from '../receipt.ts';
import { createSay } from '../say.ts';

/** `bkg scale <plugin> <count>` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const gateway = new Gateway(args, env);
  const [plugin = '', given = ''] = args.words;
  const replicas = parseCount(given);
  const [wait, why] = [!args.isSet('no-wait'), args.text('why')];
  const wanted = `${replicas} ${replicas === 1 ? 'instance' : 'instances'}`;
  await createSay().while(plugin, `scaling to ${wanted}`, async () => {
    const info = await sendOrder(gateway, {
      verb: 'scale',
      plugin,
      body: { replicas, ...(!wait && { wait }), ...(why !== undefined && { why }) },
    });
    if (!wait) return orderedSaid(plugin);
    const { mark, text } = statusSaid(info);
    return { mark, text: `${wanted}, ${text}` };
  });
  return 0;
}

/** How many are too many the supervisor says. */
function parseCount(given: string): number {
  if (/^\d{1,9}$/.test(given)) return Number(given);
  throw new UsageError(`the count is "${given}"; it takes a whole number, such as 2`);
}
