import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { eventually } from '@bkg/sdk/testing';
import { areKept } from '../chaos/rules/verdict.ts';
import type { Verdict } from '../chaos/rules/verdict.ts';
import { Observer } from '../soak/quiet.ts';
import type { QuietState } from '../soak/quiet.ts';
import { judgeLeaks } from '../soak/rules/leaks.ts';
import { runCampaign, tryInput } from './campaign.ts';
import type { CampaignResult } from './campaign.ts';
import { Corpus } from './corpus.ts';
import { Neighbour } from './neighbour.ts';
import type { Options } from './options.ts';
import { judgeFindings } from './rules/findings.ts';
import { judgeGrowth } from './rules/growth.ts';
import { judgeLogs } from './rules/logs.ts';
import type { LogFile } from './rules/logs.ts';
import { judgeNeighbour } from './rules/neighbour.ts';
import { judgeSurvival } from './rules/survival.ts';
import { Stage } from './stage.ts';
import { filesWay } from './ways/files.ts';
import type { Grounds } from './ways/grounds.ts';
import { hostileWay } from './ways/hostile.ts';
import { httpWay } from './ways/http.ts';
import { natsWay } from './ways/nats.ts';
import { socketWay } from './ways/socket.ts';
import type { Way, WayName } from './ways/way.ts';

export interface Result {
  campaigns: CampaignResult[];
  verdicts: Verdict[];
  /** Where everything still lies; undefined when it was removed. */
  kept?: string;
}

interface Run {
  options: Options;
  stage: Stage;
  grounds: Grounds;
  say: (text: string) => void;
  signal: AbortSignal;
}

// Each has inputs of its own, and nobody mixes them.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
const ways: Record<WayName, (grounds: Grounds) => Promise<Way<any>>> = {
  http: httpWay,
  ws: socketWay,
  nats: natsWay,
  hostile: hostileWay,
  files: filesWay,
};
/** `spare` is ordered about. */
const observed = ['target', 'steady'];
/** So that everybody has met everything once before the first look. */
const warmUpInputs = 1_000;
/** From so many inputs on it is looked at what is left: before, what was met first counts for more than what leaks. */
const leaksFrom = 20_000;
/** The gateway hears the logs of a plugin for a minute after its last listener, and who is wrong is remembered for as long. */
const settleMostMs = 150_000;
const quietMs = 3_000;
const lookEveryMs = 5_000;

/** From the start of a mesh to the verdicts. @param signal ends it early */
export async function runFuzz(
  options: Options,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<Result> {
  await using stage = await Stage.start();
  stage.folders.isKept = true;
  const grounds = await stage.grounds();
  const run = { options, stage, grounds, say, signal };
  const result = options.only ? await runOne(run) : await runAll(run);
  stage.folders.isKept = !areKept(result.verdicts);
  return { ...result, ...(stage.folders.isKept && { kept: stage.folders.root }) };
}

async function runOne({ options, grounds, say }: Run): Promise<Result> {
  const { seed, only } = options;
  if (!only) throw new Error('there is no input to be tried');
  await using way = await ways[only.way](grounds);
  const { outcomes, flaws, shown } = await tryInput(way, seed, only.lineage);
  say([shown, ...outcomes.map((outcome) => `→ ${outcome}`)].join('\n'));
  return {
    campaigns: [],
    verdicts: [{ rule: 'this input ends as it may', flaws, counted: `${outcomes.length} answers` }],
  };
}

async function runAll({ options, stage, grounds, say, signal }: Run): Promise<Result> {
  const { seed } = options;
  const begun = new Date().toISOString();
  const corpora = new Map(options.ways.map((name) => [name, new Corpus()]));
  const campaigns: CampaignResult[] = [];
  const each = Math.ceil(options.inputs / options.ways.length);
  const warm = Math.min(warmUpInputs, Math.ceil(each / 4));
  const part = async (name: WayName, from: number, inputs: number): Promise<void> => {
    await using way = await ways[name](grounds);
    const started = performance.now();
    const corpus = corpora.get(name) ?? new Corpus();
    const campaign = await runCampaign({ name, way, seed, from, inputs, corpus, signal });
    campaigns.push(campaign);
    const perSecond = campaign.inputs / ((performance.now() - started) / 1_000);
    say(
      `${name}: ${campaign.inputs} inputs, ${perSecond.toFixed(0)}/s, ${corpus.outcomes.length} outcomes, ${campaign.findings.length} findings`,
    );
  };
  const neighbour = await Neighbour.begin(stage);
  for (const name of options.ways) await part(name, 0, warm);
  const before = await look(stage);
  for (const name of options.ways) await part(name, warm, each - warm);
  await neighbour[Symbol.asyncDispose]();
  const after = await lookAgain(stage, before, options.inputs >= leaksFrom && !signal.aborted);
  const verdicts = [
    judgeFindings(merged(campaigns)),
    judgeSurvival(before, after),
    judgeNeighbour(neighbour.calls),
    judgeLogs(logsIn(path.join(stage.folders.home, 'logs')), begun),
    ...(options.inputs >= leaksFrom ? [judgeLeaks(before, [after]), judgeGrowth(before, after)] : []),
  ];
  return { campaigns: merged(campaigns), verdicts };
}

async function look(stage: Stage): Promise<QuietState> {
  await new Promise((resolve) => setTimeout(resolve, quietMs));
  await using observer = await Observer.connect(stage.mesh, observed);
  // Awaited here: with what it returns, the observer is closed.
  return await observer.look([]);
}

/** When it is quiet; what leaves slowly is waited for. */
async function lookAgain(stage: Stage, before: QuietState, isPatient: boolean): Promise<QuietState> {
  let state = await look(stage);
  if (!isPatient) return state;
  const isQuiet = async (): Promise<boolean> => {
    state = await look(stage);
    return judgeLeaks(before, [state]).flaws.length === 0;
  };
  // What is not gone then is what the rule tells of.
  await eventually(isQuiet, { withinMs: settleMostMs, everyMs: lookEveryMs }).catch(() => undefined);
  return state;
}

/** Both parts of each way as one; the outcomes of the later one are those of both. */
function merged(campaigns: readonly CampaignResult[]): CampaignResult[] {
  return [...Map.groupBy(campaigns, ({ way }) => way)].map(([way, parts]) => ({
    way,
    inputs: parts.reduce((sum, { inputs }) => sum + inputs, 0),
    findings: parts.flatMap(({ findings }) => findings),
    outcomes: parts.at(-1)?.outcomes ?? [],
  }));
}

function logsIn(folder: string): LogFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.log(?:\.\d+)?$/.test(entry.name))
    .map(({ name, parentPath }) => {
      const inside = path.relative(folder, parentPath);
      return { name: inside || name, text: readFileSync(path.join(parentPath, name), 'utf8') };
    });
}
