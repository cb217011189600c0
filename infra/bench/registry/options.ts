import { amount, defineOptions, isJson, list } from '../options.ts';
import type { Size } from './stage.ts';

const standardSizes = '50/100,1000/2000';
const most: Size = { plugins: 1_000, instances: 20_000 };

export const readOptions = defineOptions({
  sizes: list(standardSizes, readSize),
  /** Of each measurement at rest. */
  seconds: amount(1, 3_600, 30),
  /** What instances begin with; undefined: what the supervisor will tell them in the end. */
  heartbeatMs: amount(500, 120_000),
  isJson,
});

function readSize(text: string): Size {
  const [plugins = NaN, instances = NaN, ...rest] = text.split('/').map(Number);
  const fits = (value: number, top: number): boolean => Number.isInteger(value) && value > 0 && value <= top;
  if (fits(plugins, most.plugins) && fits(instances, most.instances) && instances >= plugins && !rest.length)
    return { plugins, instances };
  throw new Error(
    `--sizes names "${text}"; it takes plugins/instances (up to ${most.plugins}/${most.instances}) with commas between them, as ${standardSizes}.`,
  );
}
