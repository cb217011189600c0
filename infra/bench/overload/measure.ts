import { setTimeout as delay } from 'node:timers/promises';
import { connect, createLogger } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';
import { keyCredentials } from '@bkg/sdk/access';
import { MemoryWatch } from '../memory.ts';
import type { MemoryUse, Pids } from '../memory.ts';
import { Follower } from './follower.ts';
import type { Followed } from './follower.ts';
import { Load } from './load/load.ts';
import { ok } from './load/outcome.ts';
import type { Offered } from './load/phase.ts';
import type { Options, Part, Way } from './options.ts';
import { plans } from './parts.ts';
import type { ProcessName, Stage } from './stage.ts';
import { Witness } from './witness.ts';
import type { Asked, Question } from './witness.ts';

/** While there was overload. */
interface Meanwhile {
  asked: Record<Question, Asked>;
  followed: Followed;
  memory: MemoryUse<ProcessName>;
  /** The most at any look of its first half, less before. */
  growthAtHalf: MemoryUse<ProcessName>['growth'];
}

export interface Result extends Meanwhile {
  part: Part;
  way: Way;
  /** Invocations a second: as many as can be done, and how many were to be offered. */
  sustainable: number;
  meant: number;
  /** Half of what is sustainable, the overload, and half of it again. */
  before: Offered;
  overload: Offered;
  after: Offered;
}

/** By then all has to be as before. */
export const recoveryMostSeconds = 5;
/** For what is measured beside the overload, which itself may be shorter. */
const besideMostSeconds = 5;
/** At half of what is sustainable more than this would be a sign of its own. */
const calmUnderWay = 256;
const connectMostMs = 10_000;

export async function measure(stage: Stage, part: Part, way: Way, options: Options): Promise<Result> {
  const { seconds, times, mostUnderWay } = options;
  const { mesh } = stage;
  const { httpPort, busPort, apiKey } = mesh;
  const { plugin, trial, configuredPerSecond = 0 } = plans[part];
  await using stack = new AsyncDisposableStack();
  const room = mostUnderWay + calmUnderWay;
  const load = stack.use(await Load.open({ way, httpPort, busPort, apiKey, plugin, mostUnderWay: room }));
  const besideSeconds = Math.min(besideMostSeconds, seconds);
  // What everybody does for the first time, and the burst of a rate limit, do not count.
  const [, tried] = await load.run([
    { ...trial, seconds: besideSeconds },
    { ...trial, seconds: besideSeconds },
  ]);
  const sustainable = (tried.outcomes[ok] ?? 0) / besideSeconds;
  if (sustainable === 0) throw new Error(`${plugin} answers nothing: ${JSON.stringify(tried.outcomes)}`);
  // A machine that was busy at the trial must not make less of it than there has to be.
  const meant = Math.max(sustainable, configuredPerSecond) * times;
  const calm = { perSecond: sustainable / 2, mostUnderWay: calmUnderWay };
  const connection = await connectTo(mesh.busPort, apiKey);
  stack.defer(() => connection.close());
  const follower = stack.use(await Follower.connect(mesh));
  const pids = await stage.pids(plugin);
  const over = Promise.withResolvers<void>();
  let meanwhile: Promise<Meanwhile> | undefined;
  const [before, overload, after] = await load.run(
    [
      { ...calm, seconds: besideSeconds },
      { perSecond: meant, mostUnderWay, seconds },
      { ...calm, seconds: recoveryMostSeconds + besideSeconds },
    ],
    (i) => {
      if (i === 2) over.resolve();
      if (i !== 1) return;
      const witness = new Witness({ httpPort, apiKey, connection });
      meanwhile = lookOn({ witness, follower, pids, halfMs: seconds * 500, over: over.promise });
      // It is looked at when the load is over.
      meanwhile.catch(() => undefined);
    },
  );
  if (!meanwhile) throw new Error('the overload has never begun');
  return { ...{ part, way, sustainable, meant, before, overload, after }, ...(await meanwhile) };
}

interface Watching {
  witness: Witness;
  follower: Follower;
  pids: Pids<ProcessName>;
  halfMs: number;
  /** When nothing more is offered. */
  over: Promise<void>;
}

async function lookOn({ witness, follower, pids, halfMs, over }: Watching): Promise<Meanwhile> {
  using watch = new MemoryWatch(pids);
  follower.begin();
  await delay(halfMs);
  const growthAtHalf = watch.use.growth;
  await over;
  const memory = watch.use;
  const [asked, followed] = await Promise.all([witness.stop(), follower.stop()]);
  return { asked, followed, memory, growthAtHalf };
}

function connectTo(busPort: number, apiKey: string): Promise<Connection> {
  const credentials = keyCredentials(apiKey);
  return connect({
    servers: [`nats://127.0.0.1:${busPort}`],
    credentials,
    name: 'overload witness',
    identity: [credentials.user],
    log: createLogger({}, { level: 'error' }),
    signal: AbortSignal.timeout(connectMostMs),
  });
}
