import { parseArgs } from 'node:util';
import { roundedTo } from '../figures.ts';
import { optionsOrEnd, readAmount } from '../options.ts';
import { measure } from './measure.ts';
import { describe, flawsOf } from './report.ts';

/**
 * How long it takes from the reason to cancel an invocation until its handler's signal aborts: a client that disconnects, the
 * frame `cancel`, `DELETE`, a message over NATS, the deadline, the SDK's client, and an invocation of an invocation of it. All
 * in turns, alone and beside other load. Prints a table; the last line is all of it as JSON. Ends with code 1 when a p99 is
 * more than 50 ms, or something else has failed.
 *
 *   node infra/bench/cancel/run.ts [--samples 500] [--rate 200] [--json]
 */
const { samples, rate, isJson } = optionsOrEnd((args) => {
  const options = {
    samples: { type: 'string', default: '500' },
    rate: { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
  } as const;
  const { values } = parseArgs({ args, options });
  return {
    samples: readAmount('samples', values.samples, 1, 100_000),
    rate: readAmount('rate', values.rate, 1, 2_000),
    isJson: values.json,
  };
});

const say = (text: string): void => void (isJson || console.log(text));
say(`${samples} of each cause, alone and beside ${rate} invocations/s …`);
const { results, load } = await measure(samples, rate);
const flaws = flawsOf(results, load);
say(`\n${describe(results)}\n${flaws.map((flaw) => `\nNOT as it has to be: ${flaw}`).join('')}`);
console.log(JSON.stringify({ ok: flaws.length === 0, flaws, results, load }, roundedTo(1_000)));
process.exitCode = flaws.length === 0 ? 0 : 1;
