import { runBenchmark } from '../command.ts';
import { measureGateways } from './gateways.ts';
import { readOptions } from './options.ts';
import { measureReplicas } from './replicas.ts';
import { describe, flawsOf, resultOf } from './report.ts';
import type { Result } from './report.ts';

/**
 * How well a rate limit is kept by several who let through: gateways that tell each other, over HTTP, and replicas that
 * each have a share, over NATS. Far more is offered than may pass. Prints a table; the last line is all of it as JSON. Ends
 * with code 1 when more was admitted than the protocol's bound, or something failed.
 *
 *   node infra/bench/limits/run.ts [--seconds 60] [--rate 100] [--burst 100] [--offered 300] [--gateways 2] [--replicas 1,2,4] [--json]
 */
await runBenchmark(readOptions, async (options, say) => {
  const { gateways, replicas, rate, burst, offered, seconds } = options;
  say(
    `a limit of ${rate}/s, ${burst} at once; ${offered}/s are offered for ${seconds} s, ${1 + replicas.length} times …`,
  );
  const results: Result[] = [
    resultOf(`${gateways} gateways`, await measureGateways(options), options, gateways),
  ];
  for (const count of replicas)
    results.push(resultOf(`${count} replicas`, await measureReplicas(count, options), options, 1));
  const flaws = results.flatMap(flawsOf);
  return { flaws, tables: describe(results), figures: { results } };
});
