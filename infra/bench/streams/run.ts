import { runBenchmark } from '../command.ts';
import { measureMany } from './many.ts';
import { manyWays, readOptions } from './options.ts';
import { measureRates, rateWays } from './rates.ts';
import { describe, flawsOf } from './report.ts';
import type { Results } from './report.ts';
import { measureSlow } from './slow.ts';

/**
 * What streams cost: memory while a reader is slow for a minute, a thousand at the same time, chunks a second by their size
 * and their way. nats-server, gateway and plugin are processes of their own. Prints tables; the last line is all of it as
 * JSON. Ends with code 1 when a process has grown by more than 64 MB, a stream was not complete, or too little came through.
 *
 *   node infra/bench/streams/run.ts [--parts slow,many,rates] [--ways bytes,sse,ws,upload] [--megabytes 2000]
 *     [--slow-seconds 60] [--slow-rate 1] [--streams 1000] [--chunks 200] [--rounds 3] [--seconds 2] [--json]
 */
await runBenchmark(readOptions, async (options, say) => {
  const { parts, ways, megabytes, slowSeconds, slowRate, streams, chunks, rounds, seconds } = options;
  const results: Results = { slow: [], many: [], rates: [] };
  for (const way of parts.includes('slow') ? ways : []) {
    say(`${way}: ${megabytes} MB, ${slowSeconds} s of them at ${slowRate} MB/s …`);
    results.slow.push(await measureSlow(way, { megabytes, slowSeconds, perSecond: slowRate }));
  }
  for (const way of parts.includes('many') ? manyWays : []) {
    say(`${way}: ${streams} streams of ${chunks} chunks at a time …`);
    results.many.push(await measureMany(way, { streams, chunks }));
  }
  if (parts.includes('rates')) {
    say(`chunks a second: ${rounds} rounds, ${seconds} s each …`);
    results.rates = await measureRates(rounds, seconds, rateWays);
  }
  const flaws = flawsOf(results);
  return { flaws, tables: describe(results), figures: { ...results } };
});
