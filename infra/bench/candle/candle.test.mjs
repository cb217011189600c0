import path from 'node:path';
import { expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';
import { flawsOf, resultsOf } from './report.ts';

const round = (alone, nats, http) =>
  ['tiny', 'large'].flatMap((model) => [
    { model, way: 'alone', p50: alone, p99: alone },
    { model, way: 'NATS', p50: nats, p99: nats },
    { model, way: 'HTTP', p50: http, p99: http },
  ]);

it('the overhead is that of the middle round, each beside the session alone in it', () => {
  const results = resultsOf([round(1, 2, 3), round(10, 10.5, 12.5), round(5, 9, 9)]);
  expect(results.map(({ model, way, overheadMs }) => [model, way, overheadMs])).toEqual(
    ['tiny', 'large'].flatMap((model) => [
      [model, 'alone', 0],
      [model, 'NATS', 1],
      [model, 'HTTP', 2.5],
    ]),
  );
  expect(flawsOf(results)).toEqual([]);
});

it('the report finds what was not measured', () => {
  expect(flawsOf([])).toEqual(['nothing was measured']);
  const noHttp = round(1, 2, 3).filter(({ way }) => way !== 'HTTP');
  expect(flawsOf(resultsOf([noHttp]))).toEqual([
    'the tiny model was not measured: HTTP',
    'the large model was not measured: HTTP',
  ]);
});

it('a model runs alone, over NATS and over HTTP', { timeout: 240_000 }, async () => {
  const args = ['--rounds', '1', '--runs', '20', '--large-ms', '3', '--json'];
  const { text, result } = await runToLastLine(path.join(import.meta.dirname, 'run.ts'), args);
  expect(result, text).toBeDefined();
  expect(result.flaws).toEqual([]);
  expect(result.results).toHaveLength(6);
  for (const { p50 } of result.results) expect(p50).toBeGreaterThan(0);
});
