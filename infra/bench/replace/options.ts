import { amount, defineOptions, flag, isJson, words } from '../options.ts';
import type { Plan } from './scenario.ts';

interface Amounts {
  swaps: number;
  restarts: number;
  /** Invocations a second. */
  rate: number;
  /** Without any replacement, before the first. */
  seconds: number;
}

const standard: Amounts = { swaps: 100, restarts: 50, rate: 1_000, seconds: 20 };
const short: Amounts = { swaps: 4, restarts: 2, rate: 200, seconds: 2 };
const most = 999_999;

const read = defineOptions({
  isShort: flag('short'),
  swaps: amount(0, most),
  restarts: amount(0, most),
  rate: amount(2, most),
  seconds: amount(1, most),
  only: words(['steady', 'plain', 'writer']),
  isJson,
});

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]): { plans: Plan[]; isJson: boolean } {
  const { isShort, only, isJson: isSilent, ...given } = read(args);
  const usual = isShort ? short : standard;
  const plans = plansOf({
    swaps: given.swaps ?? usual.swaps,
    restarts: given.restarts ?? usual.restarts,
    rate: given.rate ?? usual.rate,
    seconds: given.seconds ?? usual.seconds,
  });
  return { plans: plans.filter(({ id }) => only.some((one) => one === id)), isJson: isSilent };
}

function plansOf({ swaps, restarts, rate, seconds }: Amounts): Plan[] {
  const kind = { isPlain: false, isSingleWriter: false };
  const load = { perSecond: rate, steadyMs: seconds * 1_000 };
  const briefly = { ...load, steadyMs: load.steadyMs / 4 };
  const part = (whole: number, share: number): number => Math.ceil(whole * share);
  return [
    { ...kind, id: 'steady', ...load, swaps, restarts },
    {
      ...kind,
      id: 'plain',
      isPlain: true,
      ...briefly,
      swaps: part(swaps, 0.2),
      restarts: part(restarts, 0.2),
    },
    // Half the rate: what comes during a pause has to fit into the queues of the gateway and of the new instance.
    {
      ...kind,
      id: 'writer',
      isSingleWriter: true,
      ...briefly,
      perSecond: rate / 2,
      swaps: part(swaps, 0.1),
      restarts: 0,
    },
  ];
}
