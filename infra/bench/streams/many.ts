import { MemoryWatch, settle } from '../memory.ts';
import type { MemoryUse } from '../memory.ts';
import { chunkEvents } from '../server-events.ts';
import { post } from './http-streams.ts';
import { natsWords } from './nats-streams.ts';
import type { ManyWay } from './options.ts';
import type { WordsInput } from './plugin.ts';
import { SocketStreams } from './socket-streams.ts';
import { Stage } from './stage.ts';
import type { ProcessName } from './stage.ts';

export interface ManyPlan {
  streams: number;
  /** Of each stream. */
  chunks: number;
}

export interface ManyResult {
  way: ManyWay;
  streams: number;
  /** Streams that had all their chunks and their result. */
  complete: number;
  /** What ended the others. */
  failures: string[];
  /** From the first request until each stream had its first chunk. */
  openMs: number;
  /** From then until the last has ended. */
  chunksPerSecond: number;
  memory: MemoryUse<ProcessName>;
}

const chunkBytes = 100;
/** A socket takes so many at a time. */
const streamsPerSocket = 64;
const socketWindow = 32;

/** The i-th of them. */
type Open = (i: number, input: WordsInput) => AsyncIterable<unknown>;

/** Many streams at the same time: none goes on after its first chunk before all have come as far. */
export async function measureMany(way: ManyWay, { streams, chunks }: ManyPlan): Promise<ManyResult> {
  await using stage = await Stage.start();
  await using stack = new AsyncDisposableStack();
  const open = await openerOf(way, stage, Math.ceil(streams / streamsPerSocket), stack);
  // Each process has seen a stream before it counts.
  for await (const _ of open(0, { chunks, bytes: chunkBytes }));
  await settle(stage.pids);
  using watch = new MemoryWatch(stage.pids);
  const startedAt = performance.now();
  let [opened, openMs, received, complete] = [0, NaN, 0, 0];
  const failures: string[] = [];
  const input = { chunks, bytes: chunkBytes, together: streams };
  const readAll = async (i: number): Promise<void> => {
    let count = 0;
    try {
      for await (const _ of open(i, input)) {
        count += 1;
        received += 1;
        if (count > 1) continue;
        opened += 1;
        if (opened === streams) openMs = performance.now() - startedAt;
      }
      if (count === chunks) complete += 1;
      else failures.push(`a stream has ended after ${count} of ${chunks} chunks`);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  };
  await Promise.all(Array.from({ length: streams }, (_, i) => readAll(i)));
  const ms = performance.now() - startedAt - openMs;
  return {
    ...{ way, streams, complete, failures, openMs },
    chunksPerSecond: ((received - streams) * 1_000) / ms,
    memory: watch.use,
  };
}

async function openerOf(
  way: ManyWay,
  { port, connection }: Stage,
  sockets: number,
  stack: AsyncDisposableStack,
): Promise<Open> {
  if (way === 'nats') return (_i, input) => natsWords(connection, input);
  if (way === 'sse') return (_i, input) => serverEvents(port, input);
  const all: SocketStreams[] = [];
  while (all.length < sockets) all.push(stack.use(await SocketStreams.open(port)));
  return (i, input) => all[i % all.length]!.stream('words', input, socketWindow);
}

async function* serverEvents(port: number, payload: object): AsyncGenerator<Buffer, void, void> {
  yield* chunkEvents(await post({ port, capability: 'words', payload, accept: 'text/event-stream' }));
}
