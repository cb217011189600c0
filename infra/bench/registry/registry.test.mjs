import path from 'node:path';
import { expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';
import { flawsOf } from './report.ts';

function resultOf(change = {}) {
  const rest = { cpu: { supervisor: 2, gateway: 1, nats: 1 }, heartbeats: 25 };
  return {
    plugins: 2,
    instances: 4,
    missing: { plugins: 0, instances: 0 },
    listed: 2,
    told: { plugins: 2, telemetry: 2 },
    hears: {
      nobody: [],
      one: ['plugin.a.events.*.telemetry'],
      all: ['plugin.*.events.*.telemetry'],
    },
    rest: { alone: rest, watched: rest },
    ...change,
  };
}

it.each([
  ['nothing', {}, 0],
  ['a plugin that is not listed in full', { missing: { plugins: 1, instances: 0 } }, 1],
  ['a plugin that the supervisor does not list', { listed: 1 }, 1],
  ['a plugin of which a dashboard is not told', { told: { plugins: 1, telemetry: 2 } }, 1],
  ['a plugin without telemetry', { told: { plugins: 2, telemetry: 1 } }, 1],
  [
    'telemetry that nobody looks at',
    {
      hears: {
        nobody: ['plugin.*.events.*.telemetry'],
        one: ['plugin.*.events.*.telemetry'],
        all: ['plugin.*.events.*.telemetry'],
      },
    },
    2,
  ],
  [
    'a tenth of a core at rest',
    { rest: { alone: resultOf().rest.alone, watched: { cpu: { supervisor: 6, gateway: 4 } } } },
    1,
  ],
])('the report finds %s', (_what, change, count) => {
  expect(flawsOf(resultOf(change))).toHaveLength(count);
});

it(
  'a mesh of 50 plugins and 100 instances is listed in full, its changes are seen, and telemetry is heard as far as somebody looks',
  { timeout: 120_000 },
  async () => {
    const options = ['--sizes', '50/100', '--seconds', '1', '--json'];
    const { text, result } = await runToLastLine(path.join(import.meta.dirname, 'run.ts'), options);
    expect(result, text).toBeDefined();
    const { results, flaws } = result;
    // What it takes at rest is measured for too short a time here, among other tests.
    expect(flaws.filter((flaw) => !flaw.includes('at rest'))).toEqual([]);
    expect(results).toMatchObject([
      {
        plugins: 50,
        missing: { plugins: 0, instances: 0 },
        listed: 50,
        told: { plugins: 50, telemetry: 50 },
        hears: {
          nobody: [],
          one: ['plugin.simulated-0000.events.*.telemetry'],
          all: ['plugin.*.events.*.telemetry'],
        },
      },
    ]);
    // A change that nobody sees ends the run; one that is seen has taken its time.
    expect(results[0].latency['status change to WebSocket frame'].p50).toBeGreaterThan(0);
  },
);
