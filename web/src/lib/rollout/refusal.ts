import type { ContractBreak, ContractChange, Problem, Rollout } from '@bkg/sdk/protocol';
import type { OrderFailure, RolloutOrder } from './rollouts.svelte.ts';

/** What of an order names its receipt. */
type Ordered = { verb: 'swap'; version: string } | { verb: 'rollback' };

/** The receipt of an order that failed; undefined when it has none, or another one came after it. */
export function receiptOf(order: Ordered, rollout: Rollout | undefined): Rollout | undefined {
  if (rollout?.state !== 'failed' || rollout.verb !== order.verb) return undefined;
  return order.verb === 'swap' && order.version !== rollout.to ? undefined : rollout;
}

/** Whether this receipt is that of the order that failed, and that order one of this kind. */
export function isReceipt(
  failure: OrderFailure | undefined,
  verb: RolloutOrder['verb'],
  rollout: Rollout | undefined,
): boolean {
  return failure?.order.verb === verb && receiptOf(failure.order, rollout) !== undefined;
}

/** By the words of the mesh, which has no code of its own for it. */
export function isOvertakenByStop(detail: string): boolean {
  return detail.includes('was overtaken by one to stop');
}

/**
 * What a refused order would break; undefined when it was refused for another reason, which no force overcomes. The
 * receipt names the rules, the answer itself the places only.
 */
export function brokenContract(
  { status, code, errors }: Problem,
  receipt: Rollout | undefined,
): readonly (ContractChange & Partial<Pick<ContractBreak, 'rule'>>)[] | undefined {
  if (status !== 409 || code !== 'CONFLICT' || !errors || errors.length === 0) return undefined;
  if (receipt && receipt.contract.breaks.length > 0) return receipt.contract.breaks;
  return errors.map(({ path, message }) => {
    const [, capability = '', ...inner] = path.split('/');
    return { capability, path: inner.length > 0 ? `/${inner.join('/')}` : '', detail: message };
  });
}
