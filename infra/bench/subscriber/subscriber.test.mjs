import path from 'node:path';
import { expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';
import { flawsOf, resultsOf } from './report.ts';

const cpu = { subscriber: 10, broker: 10, caller: 10 };
const rounds = (inFlight, ...perSeconds) =>
  perSeconds.map((perSecond) => ({ inFlight, perSecond, p50: 1, p99: 2, cpu, busy: 1 }));
const results = (inFlight, sdk) =>
  resultsOf(
    new Map([
      ['bare', rounds(inFlight, 90, 100, 300)],
      ['sdk', sdk],
    ]),
  );

it.each([
  ['nothing', results(64, rounds(64, 10, 90, 100)), []],
  ['too few answers', results(64, rounds(64, 10, 89, 100)), [/^with 64 in flight .* answers 0\.89 of/]],
  ['nothing about one at a time', results(1, rounds(1, 10, 10, 10)), []],
  ['what was not measured', results(64, rounds(64, NaN)), [/answers NaN of/]],
  ['that there was no plugin', [], ['the plugin was not measured']],
])('the report finds %s', (_what, given, flaws) => {
  expect(flawsOf(given)).toEqual(flaws.map((flaw) => expect.stringMatching(flaw)));
});

it(
  'a plugin and a bare subscriber answer the same caller, and are measured',
  { timeout: 240_000 },
  async () => {
    const args = ['--rounds', '1', '--seconds', '1', '--in-flight', '1,64', '--json'];
    const { text, result } = await runToLastLine(path.join(import.meta.dirname, 'run.ts'), args);
    expect(result, text).toBeDefined();
    expect(result.results.map(({ side, inFlight }) => `${side} ${inFlight}`)).toEqual([
      ...['bare 1', 'sdk 1'],
      ...['bare 64', 'sdk 64'],
    ]);
    for (const { middle } of result.results) expect(middle.perSecond).toBeGreaterThan(50);
    // While other tests run it says little; only another order of magnitude is sure to be no accident.
    const [, , , plugin] = result.results;
    expect(plugin.ratio.perSecond).toBeGreaterThan(0.03);
  },
);
