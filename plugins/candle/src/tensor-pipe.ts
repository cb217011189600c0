import { once } from 'node:events';
import type { Duplex, Readable } from 'node:stream';
import { datatypes, type Tensor } from './datatypes.ts';

/** The number of the pipe in a model's process, behind the channel for messages. */
export const PIPE = 4;

/** Written at once; other work gets its turn between two of them. */
const SLICE_BYTES = 256 * 1024;

/** A tensor without its elements, which follow on the pipe: so many bytes. Texts come with it. */
export interface TensorOnItsWay extends Omit<Tensor, 'data'> {
  data: number | string[];
}

export const onTheirWay = (tensors: readonly Tensor[]): TensorOnItsWay[] =>
  tensors.map((tensor) => ({
    ...tensor,
    data: Array.isArray(tensor.data) ? tensor.data : tensor.data.byteLength,
  }));

/** Writes the elements of tensors, one tensor behind the other. Throws when the pipe breaks. */
export async function sendTensors(pipe: Duplex, tensors: readonly Tensor[]): Promise<void> {
  for (const { data } of tensors) {
    if (Array.isArray(data)) continue;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
      if (!pipe.write(bytes.subarray(at, at + SLICE_BYTES))) await next(pipe, 'drain');
    }
  }
}

/** Reads exactly what `sendTensors` has written of these tensors. Throws when the pipe ends before. */
export async function receiveTensors(pipe: Duplex, tensors: readonly TensorOnItsWay[]): Promise<Tensor[]> {
  const received: Tensor[] = [];
  for (const tensor of tensors) received.push({ ...tensor, data: await receive(pipe, tensor) });
  return received;
}

async function receive(pipe: Duplex, { datatype, data }: TensorOnItsWay): Promise<Tensor['data']> {
  const ArrayOfType = datatypes[datatype].array;
  if (typeof data !== 'number') return data;
  if (ArrayOfType === undefined) throw new Error(`${datatype} does not come through the pipe`);
  const memory = new ArrayBuffer(data);
  const bytes = new Uint8Array(memory);
  for (let at = 0; at < bytes.length;) {
    const piece = takeUpTo(pipe, bytes.length - at);
    if (piece) {
      bytes.set(piece, at);
      at += piece.length;
    } else await next(pipe, 'readable');
  }
  return new ArrayOfType(memory);
}

/** `read` gives all or nothing of what it is asked for. */
function takeUpTo(pipe: Readable, most: number): Buffer | null {
  return pipe.read(Math.min(most, pipe.readableLength)) as Buffer | null;
}

async function next(pipe: Duplex, event: 'drain' | 'readable'): Promise<void> {
  // It says so once only, which may have been before: a process can end right after its answer.
  if (pipe.destroyed) throw brokenPipe();
  const controller = new AbortController();
  const closed = once(pipe, 'close', { signal: controller.signal });
  try {
    await Promise.race([
      once(pipe, event, { signal: controller.signal }),
      closed.then(() => {
        throw brokenPipe();
      }),
    ]);
  } finally {
    closed.catch(() => undefined);
    controller.abort();
  }
}

function brokenPipe(): Error {
  return new Error('the pipe between candle and a model is closed');
}
