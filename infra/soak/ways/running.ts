import { setTimeout as delay } from 'node:timers/promises';
import { stallMs } from '../operation.ts';
import type { Operation } from '../operation.ts';
import { pieceOf } from '../plugins/content.ts';

/** An invocation that is under way. */
export interface Running {
  /** What it streams, as bytes: of texts their characters. */
  pieces: AsyncIterable<Uint8Array>;
  /** What it ends with, when all pieces are read. */
  output: () => Promise<unknown>;
  /** As a client does that wants no more. */
  cancel: () => void;
  /** As a client does that is gone. */
  drop: () => void;
}

/** How to begin one. */
export type Begin = (operation: Operation, invocationId: string) => Running | Promise<Running>;

/** An end that has a code. */
export class Failure extends Error {
  readonly code: string;

  constructor(code: string, detail: string) {
    super(detail);
    this.code = code;
  }
}

/** What the capability of an operation takes as JSON. */
export function payloadOf({ kind, content, pauseMs }: Operation): Record<string, number> {
  return kind === 'plain' ? { seed: content.seed, pauseMs } : { ...content, pauseMs };
}

/** What it uploads, at its pace; who stalls has nothing more after the first piece, for too long. */
export async function* uploadOf({ fate, content, pauseMs }: Operation): AsyncGenerator<Buffer> {
  for (let i = 0; i < content.pieces; i += 1) {
    yield pieceOf(content, i);
    if (fate === 'stall' && i === 0) await delay(stallMs);
    if (pauseMs > 0) await delay(pauseMs);
  }
}

export const none: AsyncIterable<never> = {
  async *[Symbol.asyncIterator]() {
    // A single answer has no pieces.
  },
};
