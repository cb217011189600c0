import path from 'node:path';
import { expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';

it('what access costs is measured on both sides, and told in the last line', async () => {
  const program = path.join(import.meta.dirname, 'run.ts');
  const { code, text, result } = await runToLastLine(program, [
    '--rounds',
    '1',
    '--connects',
    '3',
    '--invocations',
    '50',
  ]);
  expect(code, text).toBe(0);
  const { known, 'asked for': asked, ratios } = result;
  for (const figures of [known, asked, ratios])
    expect(Object.values(figures).every((value) => Number.isFinite(value) && value > 0)).toBe(true);
}, 60_000);
