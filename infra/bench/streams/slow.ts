import { Readable } from 'node:stream';
import { MemoryWatch, settle } from '../memory.ts';
import type { MemoryUse } from '../memory.ts';
import { chunkEvents } from '../server-events.ts';
import { post, upload } from './http-streams.ts';
import type { SlowWay } from './options.ts';
import { readPaced } from './pace.ts';
import type { Pace, Paced } from './pace.ts';
import { PatternCheck, pieceAt } from './pattern.ts';
import { SocketStreams } from './socket-streams.ts';
import { Stage } from './stage.ts';
import type { ProcessName } from './stage.ts';

export interface SlowPlan {
  /** All that goes through. */
  megabytes: number;
  /** So long at `perSecond`. */
  slowSeconds: number;
  /** MB (10⁶ bytes). */
  perSecond: number;
}

export interface SlowResult {
  way: SlowWay;
  /** What arrived, in MB; less than was sent is an error. */
  megabytes: number;
  /** In the fast part, MB a second. */
  perSecond: number;
  /** From when all have come to rest after a short stream, which each process has seen by then. */
  warm: MemoryUse<ProcessName>;
  /** From the very start of the processes, the short stream included. */
  cold: MemoryUse<ProcessName>;
}

/** Everything is JSON, of about a message that is worth it. */
const chunkBytes = 64 * 1_024;
const blockBytes = 4_096;
const socketWindow = 8;
const warmUpBytes = 4 * 1_024 * 1_024;
const uploadPieceBytes = 64 * 1_024;
const fast: Pace = { bytesPerSecond: Infinity, slowMs: 0 };

/** Much through gateway and broker to a reader that is slow for long, and then fast: who keeps how much of it in memory? */
export async function measureSlow(way: SlowWay, plan: SlowPlan): Promise<SlowResult> {
  const pace: Pace = { bytesPerSecond: plan.perSecond * 1_000_000, slowMs: plan.slowSeconds * 1_000 };
  // What is uploaded the plugin reads, and the short stream has to be over soon.
  await using stage = await Stage.start(way === 'upload' ? { ...pace } : fast);
  const total = Math.ceil((plan.megabytes * 1_000_000) / blockBytes) * blockBytes;
  using cold = new MemoryWatch(stage.pids);
  // The plugin has one pace for all that it takes: what warms it up goes the other way.
  await read(stage, way === 'upload' ? 'bytes' : way, warmUpBytes, fast);
  await settle(stage.pids);
  using warm = new MemoryWatch(stage.pids);
  const { bytes, fastBytes, fastMs } =
    way === 'upload' ? await send(stage, total) : await read(stage, way, total, pace);
  const least = way === 'bytes' || way === 'upload' ? total : chunksOf(total) * chunkBytes;
  if (bytes !== least) throw new Error(`${bytes} bytes have arrived of ${least}`);
  return {
    way,
    megabytes: bytes / 1_000_000,
    perSecond: fastBytes / 1_000 / fastMs,
    warm: warm.use,
    cold: cold.use,
  };
}

async function read(
  stage: Stage,
  way: Exclude<SlowWay, 'upload'>,
  total: number,
  pace: Pace,
): Promise<Paced> {
  const { port } = stage;
  const words = { chunks: chunksOf(total), bytes: chunkBytes };
  if (way === 'bytes') {
    const ask = { port, capability: 'bytes', payload: { total }, accept: 'application/octet-stream' };
    const check = new PatternCheck();
    return await readPaced<Buffer>(await post(ask), pace, (piece) => {
      check.take(piece);
      return piece.length;
    });
  }
  if (way === 'sse') {
    const ask = { port, capability: 'words', payload: words, accept: 'text/event-stream' };
    return await readPaced(chunkEvents(await post(ask)), pace, ({ length }) => length);
  }
  using socket = await SocketStreams.open(port);
  return await readPaced(socket.stream('words', words, socketWindow), pace, (length) => length);
}

async function send({ port }: Stage, total: number): Promise<Paced> {
  const text = await upload({ port, capability: 'take', sizeBytes: total }, Readable.from(pieces(total)));
  return JSON.parse(text) as Paced;
}

function* pieces(total: number): Generator<Buffer> {
  for (let at = 0; at < total; at += uploadPieceBytes)
    yield pieceAt(at, Math.min(uploadPieceBytes, total - at));
}

function chunksOf(total: number): number {
  return Math.ceil(total / chunkBytes);
}
