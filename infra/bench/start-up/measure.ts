import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { subjects } from '@bkg/sdk';
import { now } from '../clock.ts';
import type { Side, Stage, StartedPlugin } from './stage.ts';

/** Where the time from the spawn to the first answer has gone, in ms, in this order. */
export const phases = ['process', 'node', 'modules', 'connect', 'ready', 'answer'] as const;
export type Phase = (typeof phases)[number];

/** MB (10⁶ bytes) a second after the first answer. */
export interface Memory {
  /** Resident. */
  rss: number;
  /** The same, with what it shares with others divided among them. */
  pss: number;
  /** Its alone. */
  uss: number;
}

export interface Measured {
  /** From the spawn to the first answer. */
  ms: number;
  phases: Record<Phase, number>;
  memory: Memory;
}

/** What the programs answer: in ms since 1970 when the process was there, all else in ms from then. */
interface Marks {
  startedAt: number;
  /** Node was ready for the first module. */
  nodeMs: number;
  /** All modules were loaded. */
  loadedMs: number;
  connectedMs: number;
  /** The request was there. */
  askedMs: number;
}

const subject = subjects.invokeCapability('small', 'say');
const body = JSON.stringify({ text: 'x'.repeat(100) });
const askEveryMs = 2;
const answerMostMs = 30_000;
/** What a start leaves behind has been used, or collected. */
const memoryAfterMs = 1_000;

export async function measure(stage: Stage, nats: NatsConnection, side: Side): Promise<Measured> {
  const spawnedAt = now();
  await using plugin = stage.launch(side);
  const { marks, answeredAt } = await firstAnswer(nats, plugin);
  await delay(memoryAfterMs);
  return {
    ms: answeredAt - spawnedAt,
    phases: phasesOf(marks, spawnedAt, answeredAt),
    memory: memoryOf(plugin.pid),
  };
}

/** @param folder for the profile of the whole life of one */
export async function profile(stage: Stage, nats: NatsConnection, side: Side, folder: string): Promise<void> {
  const options = ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${side}.cpuprofile`];
  await using plugin = stage.launch(side, options);
  await firstAnswer(nats, plugin);
  await plugin.end();
}

/** Asks again and again, until somebody is there. @throws Error when it has ended, or after 30 s */
async function firstAnswer(
  nats: NatsConnection,
  plugin: StartedPlugin,
): Promise<{ marks: Marks; answeredAt: number }> {
  const inbox = subjects.inbox('start-up', String((asked += 1)));
  const { promise, resolve, reject } = Promise.withResolvers<{ marks: Marks; answeredAt: number }>();
  const answers = nats.subscribe(inbox, {
    callback: (error, msg) => {
      if (error) return reject(error);
      // The broker itself, which knows of nobody who listens.
      if (msg.headers?.code === 503) return;
      if (msg.headers?.hasError || msg.data.length === 0) return reject(new Error(msg.headers?.toString()));
      resolve({ marks: msg.json<Marks>(), answeredAt: now() });
    },
  });
  const asking = setInterval(() => {
    if (plugin.hasEnded) return reject(new Error('it has ended before its first answer'));
    nats.publish(subject, body, { reply: inbox });
  }, askEveryMs);
  const late = setTimeout(() => reject(new Error('no answer within 30 s')), answerMostMs);
  try {
    return await promise;
  } finally {
    clearInterval(asking);
    clearTimeout(late);
    answers.unsubscribe();
  }
}

let asked = 0;

function phasesOf(marks: Marks, spawnedAt: number, answeredAt: number): Record<Phase, number> {
  const { startedAt, nodeMs, loadedMs, connectedMs, askedMs } = marks;
  return {
    process: startedAt - spawnedAt,
    node: nodeMs,
    modules: loadedMs - nodeMs,
    connect: connectedMs - loadedMs,
    ready: askedMs - connectedMs,
    answer: answeredAt - startedAt - askedMs,
  };
}

/** proc(5), smaps_rollup: lines as `Pss:   1234 kB`. */
function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mb = (name: string): number =>
    (Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * 1_024) / 1e6;
  return { rss: mb('Rss'), pss: mb('Pss'), uss: mb('Private_Clean') + mb('Private_Dirty') };
}
