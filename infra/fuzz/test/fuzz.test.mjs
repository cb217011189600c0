import path from 'node:path';
import { expect, it } from 'vitest';
import { runToLastLine } from '../../bench/last-line.mjs';

it('a mesh takes some thousand inputs, and no rule is broken', { timeout: 400_000 }, async () => {
  const args = ['--seed', '8', '--inputs', '2500', '--json'];
  const { code, text, result } = await runToLastLine(path.join(import.meta.dirname, '../run.ts'), args);
  expect(result, text).toBeDefined();
  expect(
    result.verdicts.flatMap(({ flaws }) => flaws),
    text.slice(0, 4_000),
  ).toEqual([]);
  expect(code).toBe(0);
  for (const { inputs, outcomes } of result.campaigns) {
    expect(inputs).toBe(500);
    expect(outcomes.length).toBeGreaterThan(10);
  }
});
