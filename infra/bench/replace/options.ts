import { parseArgs } from 'node:util';
import { readAmount } from '../options.ts';
import type { Plan } from './scenario.ts';

export interface Options {
  plans: Plan[];
  /** Nothing is printed but the line of JSON. */
  isJson: boolean;
}

const standard = { swaps: 100, restarts: 50, rate: 1_000, seconds: 20 };
type Amount = keyof typeof standard;
const short: typeof standard = { swaps: 4, restarts: 2, rate: 200, seconds: 2 };
const least: typeof standard = { swaps: 0, restarts: 0, rate: 2, seconds: 1 };
const most = 999_999;

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      short: { type: 'boolean', default: false },
      swaps: { type: 'string' },
      restarts: { type: 'string' },
      rate: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string', default: 'steady,plain,writer' },
      json: { type: 'boolean', default: false },
    },
  });
  const amount = (name: Amount): number =>
    readAmount(name, values[name] ?? String((values.short ? short : standard)[name]), least[name], most);
  const plans = plansOf({
    swaps: amount('swaps'),
    restarts: amount('restarts'),
    rate: amount('rate'),
    seconds: amount('seconds'),
  });
  const wanted = values.only.split(',');
  const unknown = wanted.find((id) => !plans.some((plan) => plan.id === id));
  if (unknown !== undefined)
    throw new Error(
      `--only names "${unknown}"; it takes steady, plain and writer, with commas between them.`,
    );
  return { plans: plans.filter(({ id }) => wanted.includes(id)), isJson: values.json };
}

function plansOf({ swaps, restarts, rate, seconds }: typeof standard): Plan[] {
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
