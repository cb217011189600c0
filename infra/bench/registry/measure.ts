import { heartbeatDefaultMs, heartbeatsPerSecond, subjects } from '@bkg/sdk';
import type { PluginInfo } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { Dashboard } from './dashboard.ts';
import { latencyOf, measureRest, memoryOf, summary } from './measures.ts';
import type { Latency, Rest } from './measures.ts';
import { Stage } from './stage.ts';
import type { Missing, Size } from './stage.ts';

export interface Result extends Size {
  /** Until the gateway listed all in full, in ms after the last instance was running. */
  fullAfterMs: number;
  /** What was not listed then. */
  missing: Missing;
  /** Until all beat as rarely as they have to, in ms after that. */
  pacedAfterMs: number;
  /** Plugins in `bkg.registry.list`. */
  listed: number;
  listBytes: number;
  latency: Record<
    'NATS list' | 'NATS get' | 'HTTP list' | 'HTTP get' | 'status change to WebSocket frame',
    Latency
  >;
  /** Without and with one dashboard that looks. */
  rest: Record<'alone' | 'watched', Rest>;
  memoryMb: ReturnType<typeof memoryOf>;
  /** What a dashboard got first: how many plugins, and of how many telemetry. */
  told: { plugins: number; telemetry: number };
  /** A second, to the dashboard. */
  telemetryFrames: number;
  /** How many subscriptions to telemetry the gateway had: nobody looks, at one plugin, at all. */
  hears: { nobody: string[]; one: string[]; all: string[] };
}

const paceMostMs = 180_000;
const leaveMostMs = 30_000;
const changesMost = 100;
const changed = 'stopping';

/** As the supervisor has it: so many a second of all together, none more often than by default. */
function pacedMs({ instances }: Size): number {
  return Math.max(heartbeatDefaultMs, Math.ceil(instances / heartbeatsPerSecond) * 1_000);
}

/** @param heartbeatMs what instances begin with */
export async function measure(size: Size, seconds: number, heartbeatMs = pacedMs(size)): Promise<Result> {
  await using stage = await Stage.start({ ...size, heartbeatMs });
  const startedAt = performance.now();
  // As far as it tolerates.
  await eventually(async () => (await stage.mesh.look()).heartbeatMs >= pacedMs(size) * 0.75, {
    withinMs: paceMostMs,
    everyMs: 500,
  });
  const pacedAfterMs = performance.now() - startedAt;
  await untilNobodyIsHeard(stage);
  const alone = await measureRest(stage, seconds);
  const nobody = await stage.telemetrySubscriptions();
  const { bytes: listBytes, count: listed } = await list(stage);
  const questions = await measureQuestions(stage, Math.min(300, seconds * 30));
  const one = await measureOne(stage);
  const watched = await measureWatched(stage, seconds);
  return {
    ...size,
    fullAfterMs: stage.fullAfterMs,
    missing: stage.missing,
    pacedAfterMs,
    listed,
    listBytes,
    latency: { ...questions, 'status change to WebSocket frame': watched.change },
    rest: { alone, watched: watched.rest },
    memoryMb: memoryOf(stage),
    told: watched.told,
    telemetryFrames: watched.frames,
    hears: { nobody, one, all: watched.all },
  };
}

async function untilNobodyIsHeard(stage: Stage): Promise<void> {
  await eventually(async () => (await stage.telemetrySubscriptions()).length === 0, {
    withinMs: leaveMostMs,
    everyMs: 250,
  });
}

async function list({ peer }: Stage): Promise<{ bytes: number; count: number }> {
  const { data } = await peer.request(subjects.registryList, '', { timeoutMs: 10_000 });
  return { bytes: data.length, count: (JSON.parse(Buffer.from(data).toString()) as PluginInfo[]).length };
}

/** @param times of those that are about one plugin; those about all are a third */
async function measureQuestions({ peer, mesh, url }: Stage, times: number) {
  const idOf = (i: number): string => mesh.plugins[(i * 7) % mesh.plugins.length] ?? '';
  const request = (subject: string) => peer.request(subject, '', { timeoutMs: 10_000 });
  const get = async (path: string): Promise<void> => {
    const response = await fetch(`${url}${path}`);
    if (!response.ok) throw new Error(`GET ${path} answered ${response.status}`);
    await response.arrayBuffer();
  };
  return {
    'NATS list': await latencyOf(times / 3, () => request(subjects.registryList)),
    'NATS get': await latencyOf(times, (i) => request(subjects.registryGet(idOf(i)))),
    'HTTP list': await latencyOf(times / 3, () => get('/api/plugins')),
    'HTTP get': await latencyOf(times, (i) => get(`/api/plugins/${idOf(i)}`)),
  };
}

/** What is heard while somebody looks at one plugin. */
async function measureOne(stage: Stage): Promise<string[]> {
  const [plugin = ''] = stage.mesh.plugins;
  const socket = new WebSocket(`${stage.url.replace('http', 'ws')}/ws/plugins/${plugin}`);
  try {
    return await eventually(async () => {
      const subscriptions = await stage.telemetrySubscriptions();
      return subscriptions.length > 0 && subscriptions;
    });
  } finally {
    socket.close();
    await untilNobodyIsHeard(stage);
  }
}

async function measureWatched(stage: Stage, seconds: number) {
  const { mesh, url } = stage;
  await using dashboard = await Dashboard.open(url);
  const [before, startedAt] = [dashboard.frames, performance.now()];
  const rest = await measureRest(stage, seconds);
  const frames = ((dashboard.frames - before) * 1_000) / (performance.now() - startedAt);
  const all = await stage.telemetrySubscriptions();
  const tookMs: number[] = [];
  // Each once: of one plugin the registry is written at most once a second.
  for (const plugin of mesh.plugins.slice(0, changesMost)) {
    const seen = dashboard.sees(plugin, ({ instances }) =>
      instances.some(({ status }) => status === changed),
    );
    const { at } = await mesh.say(plugin, changed);
    tookMs.push((await seen) - at);
  }
  return { rest, frames, all, told: dashboard.told, change: summary(tookMs) };
}
