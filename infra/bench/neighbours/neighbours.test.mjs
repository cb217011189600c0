import path from 'node:path';
import { expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';
import { flawsOf } from './report.ts';

const resultOf = (change = {}) => ({
  culprit: 'busy',
  cpu: { strength: 'enforced', by: 'cgroup-v2' },
  failures: { count: 0 },
  ratio: { p50: 1.2, p99: 2 },
  ...change,
});

it.each([
  ['nothing', {}, []],
  [
    'an invocation that failed',
    { failures: { count: 1, first: '502' } },
    [/1 invocations failed, one with: 502$/],
  ],
  ['a culprit that nothing holds', { cpu: { strength: 'none', by: 'nice' } }, [/nothing holds busy/]],
  ['a slow middle', { ratio: { p50: 1.21, p99: 2 } }, [/p50 is 1\.21 times/]],
  ['a slow tail', { ratio: { p50: 1, p99: 2.1 } }, [/p99 is 2\.10 times/]],
  ['what was not measured', { ratio: { p50: NaN, p99: NaN } }, [/p50/, /p99/]],
])('the report finds %s', (_what, change, flaws) => {
  expect(flawsOf(resultOf(change))).toEqual(flaws.map((flaw) => expect.stringMatching(flaw)));
});

it('a neighbour of a busy loop and of a bomb loses no invocation', { timeout: 90_000 }, async () => {
  const options = ['--pairs', '1', '--seconds', '1', '--culprits', 'busy,bomb', '--json'];
  const { text, result } = await runToLastLine(path.join(import.meta.dirname, 'run.ts'), options);
  expect(result, text).toBeDefined();
  const { results } = result;
  // How long it takes is measured for too short a time here, among other tests.
  expect(results).toMatchObject([
    { culprit: 'busy', failures: { count: 0 } },
    { culprit: 'bomb', failures: { count: 0 } },
  ]);
  for (const { pairs, ends } of results) {
    expect(pairs[0].with.sent).toBeGreaterThan(200);
    // It was there, and did not go by itself.
    expect(ends.length).toBeGreaterThan(0);
  }
});
