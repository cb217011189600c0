import path from 'node:path';
import { expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';
import { lineOf, readLine } from './line.ts';
import { flawsOf, resultOf } from './report.ts';

const cpu = { 'nats-server': 1, supervisor: 1, gateway: 1 };
const told = (unpublished, dropped, skipped) => ({ told: { unpublished, dropped, skipped } });
const round = (change) => ({
  ...{ printed: 1_000, delivered: 1_000, disordered: 0, recordBytes: 250, p50: 50, p99: 100, cpu },
  ...told(0, 0, 0),
  ...change,
});
const results = (rate, ...changes) => [resultOf(rate, changes.map(round))];

it.each([
  ['nothing', results(1_000, {}), []],
  ['nothing of lines that are told', results(9_000, { delivered: 400, ...told(300, 200, 100) }, {}), []],
  [
    'lines that nobody speaks of',
    results(9_000, { delivered: 400, ...told(300, 200, 99) }),
    [/^of 1000 lines at 9000 a second 1 are missing/],
  ],
  [
    'lines that could have come',
    results(3_600, { delivered: 999, ...told(1, 0, 0) }),
    [/only 999 came, though all/],
  ],
  ['nothing of those at the bound', results(3_601, { delivered: 999, ...told(1, 0, 0) }), []],
  ['a wrong order', results(1_000, { disordered: 2 }), [/2 came twice or in the wrong order/]],
  ['what was not counted', results(1_000, { delivered: NaN }), [/NaN are missing/]],
  ['that nothing was measured', [], ['nothing was measured']],
])('the report finds %s', (_what, given, flaws) => {
  expect(flawsOf(given)).toEqual(flaws.map((flaw) => expect.stringMatching(flaw)));
});

it('a line says which it is and when it was printed, and has its length', () => {
  const line = lineOf({ seq: 7, at: 1_700_000_000_123.45 }, 100);
  expect(`${line}\n`).toHaveLength(100);
  expect(readLine(line)).toEqual({ seq: 7, at: 1_700_000_000_123.45 });
  expect(readLine('draining')).toBeUndefined();
});

it('lines go through a whole mesh to a socket, and each is accounted for', { timeout: 240_000 }, async () => {
  const args = ['--rounds', '1', '--seconds', '1', '--rates', '200,20000', '--json'];
  const { text, result } = await runToLastLine(path.join(import.meta.dirname, 'run.ts'), args);
  expect(result, text).toBeDefined();
  const [slow, fast] = result.results;
  expect([slow.printed, slow.delivered, slow.told]).toEqual([200, 200, 0]);
  expect(slow.p50).toBeGreaterThan(0);
  expect(fast.printed).toBe(20_000);
  // More than may go over the bus even with a second's worth in store.
  expect(fast.told).toBeGreaterThan(0);
  expect(result.flaws).toEqual([]);
});
