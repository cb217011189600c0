import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { keyCredentials } from '@bkg/sdk/access';
import { aborted } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import type { ChaosLog } from '../chaos/chaos-log.ts';
import { now } from '../bench/clock.ts';
import { Lateness } from '../chaos/clock.ts';
import { freePort } from '../chaos/free-port.ts';
import { Mesh } from '../chaos/mesh.ts';
import { Processes } from '../chaos/processes.ts';
import { seededRandom } from '../chaos/random.ts';
import type { Random } from '../chaos/random.ts';
import { areKept } from '../chaos/rules/verdict.ts';
import type { Verdict } from '../chaos/rules/verdict.ts';
import { Faults } from './faults.ts';
import { Folders } from './folders.ts';
import { complete, Ledger } from './ledger.ts';
import { Load } from './load.ts';
import type { Options } from './options.ts';
import { Observer } from './quiet.ts';
import type { QuietState } from './quiet.ts';
import { judgeEnds } from './rules/ends.ts';
import { judgeLeaks } from './rules/leaks.ts';
import { judgeMemory } from './rules/memory.ts';
import { HttpWay } from './ways/http.ts';
import { NatsWay } from './ways/nats.ts';
import { SocketWay } from './ways/socket.ts';

export interface Result {
  verdicts: Verdict[];
  /** What was done, by kind. */
  faults: Faults['done'];
  quiets: QuietState[];
  /** Of this process, which is how busy the machine was. */
  lateMostMs: number;
  /** Where everything still lies; undefined when it was removed. */
  kept?: string;
}

const diagnosis = path.join(import.meta.dirname, 'plugins/diagnosis.mjs');
const startMostMs = 60_000;
/** Load without faults, so that everybody has done everything once before the first quiet. */
const warmUpMs = 10_000;
/** Between two quiets, but for short runs. */
const loadMostMs = 60_000;
const turnsLeast = 2;
/** By then whatever has ended is put away. */
const quietMs = 10_000;

/** A mesh with load and faults, and quiets in between, from its start to the verdicts. @param signal ends it early */
export async function runSoak(options: Options, log: ChaosLog, signal: AbortSignal): Promise<Result> {
  await using stack = new AsyncDisposableStack();
  const folders = stack.use(new Folders());
  const [httpPort, busPort] = [await freePort(), await freePort()];
  const processes = new Processes(folders.home);
  const mesh = new Mesh({ folders, httpPort, busPort, relays: new Map(), preload: diagnosis });
  stack.defer(() => mesh.close());
  // Whatever happens, nothing stays.
  stack.defer(() => mesh.kill(processes));
  await mesh.start();
  log.tell('up', `the mesh is up (process ${mesh.pid}, ${mesh.url}, ${folders.home})`);
  try {
    const result = await soak({ options, log, mesh, processes }, signal);
    folders.isKept = !areKept(result.verdicts);
    return { ...result, ...(folders.isKept && { kept: folders.root }) };
  } catch (error) {
    folders.isKept = true;
    log.tell(
      'broken',
      `the run has broken off; what it left lies in ${folders.root}; bkg up printed last:\n${mesh.output}`,
    );
    throw error;
  }
}

interface Scene {
  options: Options;
  log: ChaosLog;
  mesh: Mesh;
  processes: Processes;
}

async function soak({ options, log, mesh, processes }: Scene, signal: AbortSignal): Promise<Result> {
  const { seed, loadMs, perSecond } = options;
  const faults = new Faults({ mesh, processes, random: seededRandom(seed), log });
  await eventually(() => faults.allAreBack(), { withinMs: startMostMs, everyMs: 200 });
  using lateness = new Lateness();
  const ledger = new Ledger();
  const random = seededRandom(seed + 1);
  const use = (forMs: number, isHarsh?: boolean): Promise<void> =>
    useFor({ mesh, faults, ledger, random, perSecond, forMs, isHarsh, signal });
  const quiets: QuietState[] = [];
  const rest = async (): Promise<QuietState> => {
    await delay(quietMs);
    await using observer = await Observer.connect(mesh);
    const state = await observer.look(ledger.entries.map(({ invocationId }) => invocationId));
    log.note('quiet', 'what there is when nobody wants anything', { state });
    return state;
  };
  await use(warmUpMs);
  const baseline = await rest();
  const turns = Math.max(turnsLeast, Math.ceil(loadMs / loadMostMs));
  let secondHalfAt = Infinity;
  for (let turn = 0; turn < turns && !signal.aborted; turn += 1) {
    const isHarsh = turn < turns / 2;
    if (!isHarsh) secondHalfAt = Math.min(secondHalfAt, now());
    await use(loadMs / turns, isHarsh);
    quiets.push(await rest());
    log.tell('quiet', `quiet ${turn + 1} of ${turns}: ${summaryOf(ledger)}`);
  }
  for (const entry of ledger.entries)
    if (entry.outcome !== complete) log.note('end', `${entry.operation.number}: ${entry.outcome}`, { entry });
  const toleranceMs = (from: number, to: number): number => lateness.toleranceMs(from, to);
  const verdicts = [
    judgeEnds({ entries: ledger.entries, faults: faults.all, toleranceMs }),
    judgeLeaks(baseline, quiets),
    judgeMemory(quiets, secondHalfAt),
  ];
  const code = await mesh.stop();
  log.note('down', `bkg up has ended with ${code}`, { printed: mesh.output });
  return { verdicts, faults: faults.done, quiets: [baseline, ...quiets], lateMostMs: lateness.mostMs };
}

interface Use {
  mesh: Mesh;
  faults: Faults;
  ledger: Ledger;
  random: Random;
  perSecond: number;
  forMs: number;
  /** Undefined: without faults. */
  isHarsh: boolean | undefined;
  signal: AbortSignal;
}

/** Load and faults for a time, with clients of its own, which are gone afterwards. */
async function useFor({
  mesh,
  faults,
  ledger,
  random,
  perSecond,
  forMs,
  isHarsh,
  signal,
}: Use): Promise<void> {
  const { url, apiKey, headers, busUrl } = mesh;
  await using stack = new AsyncDisposableStack();
  const http = stack.use(new HttpWay({ url, headers }));
  const ws = stack.use(new SocketWay({ url, apiKey }));
  const nats = stack.use(await NatsWay.connect({ url: busUrl, credentials: keyCredentials(apiKey) }));
  const begin = { http: http.begin, ws: ws.begin, nats: nats.begin };
  const load = new Load({ begin, perSecond, random, ledger });
  const over = AbortSignal.any([signal, AbortSignal.timeout(forMs)]);
  if (isHarsh !== undefined) await faults.run(isHarsh, over);
  await aborted(over);
  await load.stop();
}

function summaryOf({ entries, underWay }: Ledger): string {
  const good = entries.filter(({ outcome }) => outcome === complete).length;
  return `${good} of ${entries.length} invocations were complete so far, ${underWay} have no end`;
}
