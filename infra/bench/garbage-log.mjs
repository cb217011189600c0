import { appendFileSync } from 'node:fs';
import path from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics } from 'node:v8';

/**
 * Writes down what a process collects, a line of JSON a second in a file of its own: how often and how long the young and all
 * were collected, and by how much the old generation grew meanwhile. A server that holds nothing of its requests grows
 * by next to nothing; what grows old with each of them makes all collections long.
 *
 *   NODE_OPTIONS="--import $PWD/infra/bench/garbage-log.mjs" GARBAGE_LOG=/tmp \
 *     node infra/bench/compare/run.ts --rounds 1 --sides bkg,bridge
 */
const folder = process.env.GARBAGE_LOG;
if (folder) {
  const program = path.basename(process.argv[1] ?? 'node');
  const file = path.join(folder, `garbage-${program}-${process.pid}.jsonl`);
  const oldBytes = () =>
    getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space').space_used_size;
  const kinds = { 1: 'young', 4: 'all' };
  let counts = {};
  let before = oldBytes();
  new PerformanceObserver((list) => {
    for (const { detail, duration } of list.getEntries()) {
      const kind = kinds[detail.kind] ?? 'other';
      const { n = 0, ms = 0 } = counts[kind] ?? {};
      counts[kind] = { n: n + 1, ms: Math.round((ms + duration) * 10) / 10 };
    }
  }).observe({ entryTypes: ['gc'] });
  setInterval(() => {
    const now = oldBytes();
    appendFileSync(file, `${JSON.stringify({ ...counts, oldGrewKb: Math.round((now - before) / 1024) })}\n`);
    [counts, before] = [{}, now];
  }, 1_000).unref();
}
