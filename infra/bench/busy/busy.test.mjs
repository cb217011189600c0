import path from 'node:path';
import { expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';
import { flawsOf, resultOf } from './report.ts';

const plain = [{ sent: 1_000, failed: 300, failures: { 504: 300 }, p50: 20, p99: 4_000 }];
const round = (change) => [{ sent: 1_000, failed: 0, failures: {}, p50: 21, p99: 600, ...change }];

it.each([
  ['nothing', {}, []],
  ['what fails all the same', { failed: 11, failures: { 429: 11 } }, [/1\.10 % failed/]],
  ['a p99 that is no better', { p99: 2_100 }, [/p99 is 0\.53 of that of the queue group/]],
  ['what was not measured', { p99: NaN, failed: NaN }, [/NaN % failed/, /p99 is NaN/]],
])('the report finds %s', (_what, change, flaws) => {
  const results = [resultOf('queue group', plain, plain), resultOf('second try', round(change), plain)];
  expect(flawsOf(results)).toEqual(flaws.map((flaw) => expect.stringMatching(flaw)));
});

it('finds that there was no second try', () => {
  expect(flawsOf([resultOf('queue group', plain, plain)])).toEqual(['the second try was not measured']);
});

it(
  'a slow instance that says so, and a second try, lose less than either alone',
  { timeout: 90_000 },
  async () => {
    const args = ['--rounds', '1', '--seconds', '3', '--load', '40', '--json'];
    const { text, result } = await runToLastLine(path.join(import.meta.dirname, 'run.ts'), args);
    expect(result, text).toBeDefined();
    const [queueGroup, bounded, second] = result.results;
    for (const { sent } of result.results) expect(sent).toBeGreaterThan(400);
    // How many and how long says little while other tests run; who is better is sure.
    expect(bounded.failed).toBeGreaterThan(20);
    expect(second.failed).toBeLessThan(bounded.failed);
    expect(second.p99).toBeLessThan(queueGroup.p99);
  },
);
