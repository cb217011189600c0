import path from 'node:path';
import { expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';

const resultOf = (program, args) => runToLastLine(path.join(import.meta.dirname, program), args);

it(
  'what access costs is measured on both sides, and told in the last line',
  { timeout: 60_000 },
  async () => {
    const args = ['--rounds', '1', '--connects', '3', '--invocations', '50', '--seconds', '1'];
    const { code, text, result } = await resultOf('run.ts', args);
    expect(code, text).toBe(0);
    const { known, 'asked for': asked, ratios, http } = result;
    for (const figures of [known, asked, ratios, ...Object.values(http)])
      expect(Object.values(figures).every((value) => Number.isFinite(value) && value > 0)).toBe(true);
  },
);

it('of a flood of wrong keys 19 are looked at, and the valid one goes on', { timeout: 60_000 }, async () => {
  const args = ['--rounds', '1', '--seconds', '1', '--window', '3', '--floods', 'near,sessions'];
  const { text, result } = await resultOf('flood.ts', args);
  expect(result?.results, text).toHaveLength(2);
  for (const { unauthenticated, limited, others } of result.results)
    expect([unauthenticated, limited, others]).toEqual([[19], [981], 0]);
  // How long it takes beside it says nothing while other tests run: it is for the command alone.
  for (const { without, beside } of result.results)
    for (const { p50, p99 } of [without, beside]) expect(p50 > 0 && p99 >= p50).toBe(true);
});

// Once more on a busy machine: a leak is there each time.
it(
  'the time of an answer over HTTP does not tell how wrong a secret was',
  { timeout: 120_000, retry: 1 },
  async () => {
    const { code, text, result } = await resultOf('timing.ts', ['--samples', '1500']);
    expect(code, text).toBe(0);
    expect(result.results).toHaveLength(3);
    expect(result.control).toBeGreaterThan(4.5);
  },
);
