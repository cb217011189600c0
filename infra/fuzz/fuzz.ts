import type { Verdict } from '../chaos/rules/verdict.ts';
import { runCampaign, tryInput } from './campaign.ts';
import type { CampaignResult } from './campaign.ts';
import { Corpus } from './corpus.ts';
import type { Options } from './options.ts';
import { judgeFindings } from './rules/findings.ts';
import { Stage } from './stage.ts';
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

// Each has inputs of its own, and nobody mixes them.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
const ways: Partial<Record<WayName, (grounds: Grounds) => Promise<Way<any>>>> = { http: httpWay, ws: socketWay, nats: natsWay, hostile: hostileWay };

/** From the start of a mesh to the verdicts. @param signal ends it early */
export async function runFuzz(options: Options, say: (text: string) => void, signal: AbortSignal): Promise<Result> {
  await using stage = await Stage.start();
  const grounds = await stage.grounds();
  const campaigns: CampaignResult[] = [];
  const verdicts: Verdict[] = [];
  for (const name of options.ways) {
    const open = ways[name];
    if (!open) continue;
    await using way = await open(grounds);
    if (options.only) {
      const { outcomes, flaws, shown } = await tryInput(way, options.seed, options.only.lineage);
      say([shown, ...outcomes, ...flaws.map((flaw) => `! ${flaw}`)].join('\n'));
      continue;
    }
    const started = Date.now();
    const inputs = Math.floor(options.inputs / options.ways.length);
    campaigns.push(await runCampaign({ name, way, seed: options.seed, from: 0, inputs, corpus: new Corpus(), signal }));
    say(`${name}: ${Math.round(inputs / ((Date.now() - started) / 1_000))} inputs/s`);
  }
  verdicts.push(judgeFindings(campaigns));
  const isBad = verdicts.some(({ flaws }) => flaws.length > 0);
  stage.folders.isKept = isBad;
  return { campaigns, verdicts, ...(isBad && { kept: stage.folders.root }) };
}
