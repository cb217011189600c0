import path from 'node:path';
import { expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';
import { flawsOf } from './report.ts';

const resultOf = (p99) => ({ cause: 'DELETE', situation: 'idle', count: 1, p50: 1, p99, most: p99 });

it.each([
  ['nothing', [resultOf(50)], { sent: 9, failed: 0 }, []],
  ['a late signal', [resultOf(50.1)], { sent: 9, failed: 0 }, [/DELETE, idle: the p99 is 50\.1 ms/]],
  ['nothing about the machine', [{ ...resultOf(90), cause: 'a bare message' }], { sent: 9, failed: 0 }, []],
  ['what was not measured', [resultOf(NaN)], { sent: 9, failed: 0 }, [/DELETE, idle/]],
  ['what failed beside it', [resultOf(1)], { sent: 9, failed: 2 }, [/2 of 9 other invocations failed/]],
])('the report finds %s', (_what, results, load, flaws) => {
  expect(flawsOf(results, load)).toEqual(flaws.map((flaw) => expect.stringMatching(flaw)));
});

it('every way to cancel reaches the handler, alone and beside other load', { timeout: 90_000 }, async () => {
  const args = ['--samples', '10', '--rate', '100', '--json'];
  const { text, result } = await runToLastLine(path.join(import.meta.dirname, 'run.ts'), args);
  expect(result, text).toBeDefined();
  const { results, load } = result;
  expect(results).toHaveLength(16);
  for (const { count, p50, most } of results) {
    expect(count).toBe(10);
    // Its bound is for the command alone: other tests run, too. That nobody waits for a deadline is sure.
    expect(p50).toBeLessThan(1_000);
    expect(most).toBeLessThan(5_000);
  }
  expect(load.sent).toBeGreaterThan(0);
  expect(load.failed).toBe(0);
});
