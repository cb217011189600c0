import { parseArgs } from 'node:util';
import { readAmount } from '../options.ts';
import type { Size } from './stage.ts';

export interface Options {
  sizes: Size[];
  /** Of each measurement at rest. */
  seconds: number;
  /** What instances begin with; undefined: what the supervisor will tell them in the end. */
  heartbeatMs: number | undefined;
  /** Nothing is printed but the line of JSON. */
  isJson: boolean;
}

const standardSizes = '50/100,1000/2000';
const most: Size = { plugins: 1_000, instances: 20_000 };

/** @throws Error that says what is wrong with them */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      sizes: { type: 'string', default: standardSizes },
      seconds: { type: 'string', default: '30' },
      'heartbeat-ms': { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const heartbeat = values['heartbeat-ms'];
  return {
    sizes: values.sizes.split(',').map(readSize),
    seconds: readAmount('seconds', values.seconds, 1, 3_600),
    heartbeatMs: heartbeat === undefined ? undefined : readAmount('heartbeat-ms', heartbeat, 500, 120_000),
    isJson: values.json,
  };
}

function readSize(text: string): Size {
  const [plugins = NaN, instances = NaN, ...rest] = text.split('/').map(Number);
  const fits = (value: number, top: number): boolean => Number.isInteger(value) && value > 0 && value <= top;
  if (fits(plugins, most.plugins) && fits(instances, most.instances) && instances >= plugins && !rest.length)
    return { plugins, instances };
  throw new Error(
    `--sizes names "${text}"; it takes plugins/instances with commas between them, as ${standardSizes}.`,
  );
}
