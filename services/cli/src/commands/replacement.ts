import type { Arguments } from '../command.ts';
import type { Gateway } from '../gateway.ts';
import { orderRollout, sendOrder } from '../order.ts';
import type { Order, Replaced } from '../order.ts';
import { orderedSaid, rolloutDetails, rolloutSaid, statusSaid } from '../receipt.ts';
import { createSay } from '../say.ts';

export interface Replacement extends Omit<Order<'swap' | 'rollback'>, 'forced'> {
  /** While it goes on. */
  doing: string;
  /** What is said before the receipt, or before the status when nothing had to be replaced. */
  head: (replaced: Replaced) => string[];
}

/** Orders a rollout with the options that were given, and prints its receipt. @returns the exit code. @throws Failure */
export async function replaceInstances(
  gateway: Gateway,
  args: Arguments,
  { verb, plugin, body, doing, head }: Replacement,
): Promise<number> {
  const say = createSay();
  const [force, wait, why] = [args.isSet('force'), !args.isSet('no-wait'), args.text('why')];
  const order: Order<'swap' | 'rollback'> = {
    verb,
    plugin,
    body: { ...body, ...(force && { force }), ...(!wait && { wait }), ...(why !== undefined && { why }) },
    ...(!force && { forced: ['bkg', verb, ...args.words, '--force'].join(' ') }),
  };
  if (!wait) {
    await say.while(plugin, doing, async () => {
      await sendOrder(gateway, order);
      return orderedSaid(plugin);
    });
    return 0;
  }
  let replaced: Replaced | undefined;
  await say.while(plugin, doing, async () => {
    replaced = await orderRollout(gateway, order);
    const { mark, text } = replaced.rollout ? rolloutSaid(replaced.rollout) : statusSaid(replaced.plugin);
    return { mark, text: [...head(replaced), text].join(', ') };
  });
  for (const line of replaced?.rollout ? rolloutDetails(replaced.rollout) : []) say.line(line);
  return replaced?.rollout?.state === 'failed' ? 1 : 0;
}
