import { Corpus } from './corpus.ts';
import { inputOf, lineageText, randomOf } from './lineage.ts';
import type { Lineage } from './lineage.ts';
import type { Observation, Way, WayName } from './ways/way.ts';

export interface Finding {
  way: WayName;
  /** For `--only`. */
  input: string;
  flaw: string;
  shown: string;
}

export interface CampaignResult {
  way: WayName;
  inputs: number;
  findings: Finding[];
  outcomes: { outcome: string; count: number; example: string }[];
}

export interface CampaignOptions<Input> {
  name: WayName;
  way: Way<Input>;
  seed: number;
  /** The first number, and how many. */
  from: number;
  inputs: number;
  corpus: Corpus;
  signal: AbortSignal;
}

/** How often an input is one before it, changed; else it is made anew. */
const changed = 0.5;

/** As many inputs as were asked for; those that end in a new way are changed further. */
export async function runCampaign<Input>(options: CampaignOptions<Input>): Promise<CampaignResult> {
  const { name, way, seed, from, inputs, corpus, signal } = options;
  const findings: Finding[] = [];
  let next = from;
  let done = 0;
  const work = async (): Promise<void> => {
    while (next < from + inputs && !signal.aborted) {
      const number = next;
      next += 1;
      const lineage = lineageOf(seed, number, corpus);
      const { outcomes, flaws, shown } = await tryInput(way, seed, lineage);
      done += 1;
      corpus.learn(outcomes, lineage);
      for (const flaw of flaws)
        findings.push({ way: name, input: `${name}:${lineageText(lineage)}`, flaw, shown });
    }
  };
  await Promise.all(Array.from({ length: way.atOnce }, work));
  const outcomes = corpus.outcomes.map(({ lineage, ...rest }) => ({
    ...rest,
    example: lineageText(lineage),
  }));
  return { way: name, inputs: done, findings, outcomes };
}

/** Sends one input, and says what it was when something is wrong. */
export async function tryInput<Input>(
  way: Way<Input>,
  seed: number,
  lineage: Lineage,
): Promise<Observation & { shown: string }> {
  const input = inputOf(way.grammar, seed, lineage);
  const observation = await way.run(input);
  return { ...observation, shown: way.show(input) };
}

/** What it is depends on what was met before; its lineage says it without that. */
function lineageOf(seed: number, number: number, corpus: Corpus): Lineage {
  // Not the numbers that it is made from.
  const random = randomOf(seed + 1, number);
  const parent = random() < changed ? corpus.choose(random) : undefined;
  return parent ? [...parent, number] : [number];
}
