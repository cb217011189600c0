import { parseArgs } from 'node:util';
import { readAmount } from '../options.ts';

export interface Options {
  /** Of each run. */
  seconds: number;
  /** Of the limit. */
  rate: number;
  burst: number;
  /** Invocations a second, evenly over all gateways. */
  offered: number;
  gateways: number;
  /** For the runs over plain NATS: how many there are in each. */
  replicas: number[];
  /** Nothing is printed but the line of JSON. */
  isJson: boolean;
}

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '60' },
      rate: { type: 'string', default: '100' },
      burst: { type: 'string' },
      offered: { type: 'string', default: '300' },
      gateways: { type: 'string', default: '2' },
      replicas: { type: 'string', default: '1,2,4' },
      json: { type: 'boolean', default: false },
    },
  });
  const rate = readAmount('rate', values.rate, 1, 1_000);
  return {
    seconds: readAmount('seconds', values.seconds, 1, 600),
    rate,
    burst: readAmount('burst', values.burst ?? String(rate), 1, 10_000),
    offered: readAmount('offered', values.offered, 1, 2_000),
    gateways: readAmount('gateways', values.gateways, 1, 8),
    replicas: values.replicas.split(',').map((text) => readAmount('replicas', text, 1, 16)),
    isJson: values.json,
  };
}
