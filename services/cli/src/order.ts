import { userInfo } from 'node:os';
import { orderByMostLength } from '@bkg/sdk/protocol';
import type { PluginInfo, RollbackOrder, Rollout, ScaleOrder, SwapOrder } from '@bkg/sdk/protocol';
import { pluginPath } from './api-paths.ts';
import type { Gateway } from './gateway.ts';
import { jsonRequest } from './json-request.ts';
import type { Concern } from './refusal.ts';

interface Bodies {
  start: { wait?: boolean };
  stop: { wait?: boolean };
  restart: { wait?: boolean };
  swap: SwapOrder;
  scale: ScaleOrder;
  rollback: RollbackOrder;
}

export type OrderVerb = keyof Bodies;

export interface Order<Verb extends OrderVerb = OrderVerb> {
  verb: Verb;
  plugin: string;
  /** Who orders it is added. */
  body: Bodies[Verb];
  /** The same command that does it whatever the rules of a contract say. */
  forced?: string;
}

/** The supervisor gives up after 60 s, and says so. */
export const orderTimeoutMs = 70_000;
/** It goes on instance after instance; the gateway knows when that takes too long, and says so. */
const rolloutTimeoutMs = 15 * 60_000;

/** The user at the keyboard; undefined where the system has no name for them, and then the order names nobody. */
export function orderedBy(nameOf = (): string => userInfo().username): string | undefined {
  try {
    return nameOf().slice(0, orderByMostLength) || undefined;
  } catch {
    // As in a container that runs as a number: an order needs no name.
    return undefined;
  }
}

/** @returns the plugin when it is reached, or, not to wait, when it is written. @throws Failure */
export function sendOrder<Verb extends OrderVerb>(
  gateway: Gateway,
  order: Order<Verb>,
  timeoutMs = orderTimeoutMs,
): Promise<PluginInfo> {
  const { verb, plugin, body } = order;
  const by = orderedBy();
  return gateway.json<PluginInfo>(pluginPath(plugin, verb), {
    ...jsonRequest('POST', { ...body, ...(by !== undefined && { by }) }),
    timeoutMs,
    concern: concernOf(order),
  });
}

/** A plugin after an order, and the receipt of that order; without one nothing had to be replaced. */
export interface Replaced {
  plugin: PluginInfo;
  rollout?: Rollout;
}

/** @throws Failure */
export async function orderRollout(
  gateway: Gateway,
  order: Order<'restart' | 'swap' | 'rollback'>,
): Promise<Replaced> {
  const before = await gateway.json<PluginInfo>(pluginPath(order.plugin), { concern: concernOf(order) });
  const plugin = await sendOrder(gateway, order, rolloutTimeoutMs);
  // A plugin keeps its last receipt, so an order that had nothing to replace is answered with an old one.
  const { rollout } = plugin;
  return rollout && rollout.started_at !== before.rollout?.started_at ? { plugin, rollout } : { plugin };
}

function concernOf({ plugin, verb, forced }: Order): Concern {
  return { plugin, order: verb, ...(forced !== undefined && { forced }) };
}
