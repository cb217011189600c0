import { once } from 'node:events';
import { createServer } from 'node:http';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';
import { pacedLoad } from '../paced-load.ts';
import { readOptions } from './options.ts';
import { describe as describeTables, fixedRate, flawsOf, judge } from './report.ts';

const most = (perSecond, cpuSum) => ({
  perSecond,
  p50: 5,
  p99: 20,
  cpu: { gateway: cpuSum / 2, plugin: cpuSum / 4, broker: cpuSum / 4, rest: 0 },
  cpuSum,
  client: 30,
});
const paced = (p99) => ({ p50: 1, p99, lateP99: 1 });
/** What of `change` is not said is just as good as it has to be. */
const measuredOf = (change = {}) =>
  Object.entries({
    bkg: [most(1_150, 80), paced(5.5)],
    bridge: [most(1_000, 100), paced(5)],
    coalesced: [most(1_437, 70), paced(5)],
    moleculer: [most(884, 150), paced(5)],
    nestjs: [most(766, 150), paced(5)],
    ...change,
  }).map(([side, [one, other]]) => ({ side, most: [one], paced: [other] }));

describe('the report', () => {
  it.each([
    ['nothing where each target is just met', {}, []],
    [
      'CPU',
      { bkg: [most(1_150, 81), paced(5.5)] },
      [/^bkg's CPU per invocation is 0\.810 of that of bare bridge, and has to be at most 0\.8$/],
    ],
    [
      'throughput beside the bridge',
      { bridge: [most(1_001, 100), paced(5)] },
      [/throughput is 1\.149 .* bare bridge, .* at least 1\.15$/],
    ],
    [
      'throughput beside coalesced writes',
      { coalesced: [most(1_440, 70), paced(5)] },
      [/0\.799 .* bare bridge, coalesced, .* at least 0\.8$/],
    ],
    [
      'throughput beside Moleculer',
      { moleculer: [most(900, 150), paced(5)] },
      [/1\.278 .* Moleculer, .* at least 1\.3$/],
    ],
    [
      'throughput beside NestJS',
      { nestjs: [most(800, 150), paced(5)] },
      [/1\.438 .* NestJS, .* at least 1\.5$/],
    ],
    [
      'a late answer',
      { bkg: [most(1_150, 80), paced(5.6)] },
      [/p99 at the fixed rate is 1\.120 .* at most 1\.1$/],
    ],
    [
      'what was not measured',
      { bkg: [most(1_150, NaN), paced(NaN)] },
      [/CPU per invocation is NaN/, /p99 at the fixed rate is NaN/],
    ],
  ])('finds %s', (_what, change, flaws) => {
    expect(flawsOf(judge(measuredOf(change)))).toEqual(flaws.map((flaw) => expect.stringMatching(flaw)));
  });

  it('judges nothing that has no side to be compared with', () => {
    const of = (...names) =>
      measuredOf({ bkg: [most(1, 1_000), paced(50)] }).filter(({ side }) => names.includes(side));
    expect(judge(of('bkg', 'bridge', 'nestjs')).map(({ to, figure }) => `${figure} ${to}`)).toEqual([
      'cpuSum bridge',
      'perSecond bridge',
      'perSecond nestjs',
      'pacedP99 bridge',
    ]);
    expect(judge(of('bridge', 'nestjs'))).toEqual([]);
  });

  it('compares within each round, so that one in which the machine was slow for all says the same as the others', () => {
    const rounds = (...perSecond) => perSecond.map((value) => most(value, 100));
    const [bkg, bridge] = [rounds(1_200, 120, 1_300), rounds(1_000, 100, 1_400)];
    const one = (side, all) => ({ side, most: all, paced: all.map(() => paced(5)) });
    const judged = judge([one('bkg', bkg), one('bridge', bridge)]);
    expect(judged.find(({ figure }) => figure === 'perSecond')).toMatchObject({ isMet: true, ratio: 1.2 });
  });

  it('takes half of what the slowest side does in the middle for the rate of all', () => {
    const slow = { side: 'nestjs', most: [most(100, 1), most(800, 1), most(900, 1)] };
    expect(fixedRate([{ side: 'bridge', most: [most(2_000, 1)] }, slow])).toBe(400);
  });

  it('has a row for each side in both tables', () => {
    const text = describeTables(measuredOf(), 442);
    expect(text.match(/^bare bridge, coalesced /gm)).toHaveLength(2);
    expect(text).toContain('at 442/s');
  });
});

describe('the sides', () => {
  it('stand in the order of the table, whatever the order in which they are asked for', () => {
    expect(readOptions(['--sides', 'fastify,bridge, bkg']).sides).toEqual(['bkg', 'bridge', 'fastify']);
  });

  it.each([
    ['bkg,express', /names "express"; it takes bkg, bridge, coalesced, moleculer, nestjs, fastify/],
    ['bkg,nestjs', /has to name bridge/],
  ])('refuses %s', (sides, why) => {
    expect(() => readOptions(['--sides', sides])).toThrow(why);
  });
});

it('at a fixed rate, what waits while a server says nothing counts as late as it is', async () => {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    // The first one only opens the connection.
    const pauseMs = asked === 2 ? 500 : 0;
    request.resume().on('end', () => setTimeout(() => response.end('{}'), pauseMs));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const { port } = server.address();
    const result = await pacedLoad({
      port,
      path: '/',
      body: '{}',
      connections: 1,
      durationMs: 500,
      perSecond: 20,
    });
    expect(result).toMatchObject({ answered: 10, failed: 0 });
    expect(asked).toBe(11);
    // Those that were due in the first 300 ms; measured from when they were sent it would be one.
    expect(result.latencies.filter((ms) => ms > 200).length).toBeGreaterThanOrEqual(6);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

it('bkg with everything on is in the range of a bare bridge', { timeout: 400_000 }, async () => {
  const args = ['--rounds', '2', '--seconds', '1', '--warm-up', '5000', '--sides', 'bkg,bridge', '--json'];
  const { code, text, result } = await runToLastLine(path.join(import.meta.dirname, 'run.ts'), args);
  expect(result, text).toBeDefined();
  expect(code).toBe(result.ok ? 0 : 1);
  expect(result.measured.map(({ side, most, paced }) => [side, most.length, paced.length])).toEqual([
    ['bkg', 2, 2],
    ['bridge', 2, 2],
  ]);
  // The best of both rounds, and far from the targets: so short, and among other tests, a round may meet anything, and only
  // what has gone wrong altogether is seen.
  const best = (name, of, pick) => pick(...result.measured.find(({ side }) => side === name).most.map(of));
  const cpu = (side) => best(side, ({ cpuSum }) => cpuSum, Math.min);
  const perSecond = (side) => best(side, (one) => one.perSecond, Math.max);
  expect(cpu('bkg') / cpu('bridge'), text).toBeLessThan(2);
  expect(perSecond('bkg') / perSecond('bridge'), text).toBeGreaterThan(0.4);
});
