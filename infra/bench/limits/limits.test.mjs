import path from 'node:path';
import { expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';
import { flawsOf, resultOf } from './report.ts';

const options = { rate: 100, burst: 50, seconds: 10, offered: 300, gateways: 2, replicas: [1], isJson: true };
const offered = { seconds: 10, sent: 3_000, admitted: 1_050, limited: 1_950, failed: 0, bySecond: [] };

it.each([
  ['nothing', {}, 2, []],
  ['nothing within the bound', { admitted: 1_126 }, 2, []],
  ['what is beyond it', { admitted: 1_127 }, 2, [/1127 were admitted, and at most 1126 may be/]],
  ['what is beyond it for one alone', { admitted: 1_052 }, 1, [/at most 1051/]],
  ['a failure', { failed: 1 }, 2, [/1 failed/]],
  ['a limit that was never reached', { limited: 0 }, 2, [/nothing was measured/]],
])('the report finds %s', (_what, change, parts, flaws) => {
  const result = resultOf('x', { ...offered, ...change }, options, parts);
  expect(flawsOf(result)).toEqual(flaws.map((flaw) => expect.stringMatching(flaw)));
});

it('two gateways, and two replicas, keep to a limit', { timeout: 60_000 }, async () => {
  const args = ['--seconds', '3', '--rate', '50', '--offered', '200', '--replicas', '2', '--json'];
  const { text, result } = await runToLastLine(path.join(import.meta.dirname, 'run.ts'), args);
  expect(result, text).toMatchObject({ ok: true, flaws: [] });
  for (const { admitted, sent } of result.results) {
    expect(sent).toBe(600);
    expect(admitted).toBeGreaterThan(100);
  }
});
