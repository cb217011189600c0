import { sayUnless } from '../command.ts';
import { endOnSignal } from '../signals.ts';
import { rounded } from '../figures.ts';
import { optionsOrEnd } from '../options.ts';
import { Folders } from './folders.ts';
import { judge, unexcused } from './judge.ts';
import { Mesh } from './mesh.ts';
import { readOptions } from './options.ts';
import { countFlaws, describe } from './report.ts';
import { observe } from './scenario.ts';
import type { Plan } from './scenario.ts';

/**
 * Proves on a real mesh of its own that plugins are replaced without loss while they are used. Prints what it measures; the
 * last line is all of it as JSON. Ends with code 1 when anything was lost, failed or done twice, or a receipt was wrong.
 *
 *   node infra/bench/replace/prove.ts [--short] [--swaps 100] [--restarts 50] [--rate 1000] [--seconds 20]
 *     [--only steady,plain,writer] [--json]
 */
process.exitCode = (await prove(optionsOrEnd(readOptions))) ? 0 : 1;

async function prove({ plans, isJson }: ReturnType<typeof readOptions>): Promise<boolean> {
  const say = sayUnless(isJson);
  await using stack = new AsyncDisposableStack();
  const folders = stack.use(new Folders());
  const starting = Mesh.start(folders).then((started) => stack.use(started));
  endOnSignal(starting.then(() => stack));
  const mesh = await starting;
  const results = [];
  for (const plan of plans) {
    say(`\n${titleOf(plan)}`);
    const evidence = await observe(mesh, folders, plan);
    const verdict = judge(evidence);
    say(describe(evidence, verdict));
    const { flaws, starts: _, ...figures } = verdict;
    const isExact = unexcused(verdict, plan).length === 0 && verdict.orderFlaws.length === 0;
    say(isExact ? 'Nothing was lost, nothing was done twice.' : 'NOT without loss.');
    results.push({ plugin: plan.id, isExact, flaws: countFlaws(flaws), ...figures });
  }
  const ok = results.every(({ isExact }) => isExact);
  console.log(JSON.stringify({ ok, results }, rounded));
  return ok;
}

function titleOf({ id, perSecond, steadyMs, swaps, restarts, isPlain, isSingleWriter }: Plan): string {
  const kind = isPlain ? ', without the SDK' : isSingleWriter ? ', a single_writer' : '';
  return `${id}${kind}: ${perSecond} invocations/s, ${steadyMs / 1_000} s steady, ${swaps} swaps, ${restarts} restarts`;
}
