import path from 'node:path';
import { expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';
import { flawsOf, resultsOf } from './report.ts';

const phases = { process: 1, node: 1, modules: 1, connect: 1, ready: 1, answer: 1 };
const round = (ms, rss) => ({ ms, phases, memory: { rss, pss: 1, uss: 1 } });
const results = (...sdk) =>
  resultsOf(
    new Map([
      ['bare.mjs', [round(90, 40), round(100, 50), round(400, 90)]],
      ['sdk.mjs', sdk],
    ]),
  );

it.each([
  ['nothing', results(round(200, 65), round(1, 1), round(900, 900)), []],
  ['a slow start', results(round(201, 65)), [/sdk\.mjs takes 2\.01 of the time of bare\.mjs/]],
  ['a large one', results(round(200, 66)), [/takes 1\.32 of the memory/]],
  ['what was not measured', results(round(NaN, NaN)), [/NaN of the time/, /NaN of the memory/]],
  ['that there was no plugin', [], ['the plugin was not measured']],
])('the report finds %s', (_what, given, flaws) => {
  expect(flawsOf(given)).toEqual(flaws.map((flaw) => expect.stringMatching(flaw)));
});

it('a plugin starts, answers, and is measured until then', { timeout: 240_000 }, async () => {
  const args = ['--rounds', '1', '--json'];
  const { text, result } = await runToLastLine(path.join(import.meta.dirname, 'run.ts'), args);
  expect(result, text).toBeDefined();
  expect(result.results.map(({ side }) => side)).toEqual(['bare.mjs', 'sdk.mjs', 'bare.ts', 'sdk.ts']);
  for (const { middle, ratio } of result.results) {
    const sum = Object.values(middle.phases).reduce((all, ms) => all + ms, 0);
    expect(Math.abs(sum - middle.ms)).toBeLessThan(1);
    expect(Math.min(...Object.values(middle.phases))).toBeGreaterThan(-5);
    // Times say little while other tests run; memory is nearly the same everywhere.
    expect(middle.memory.rss).toBeGreaterThan(middle.memory.uss);
    expect(ratio.memory).toBeLessThan(2);
  }
});
