import { setTimeout as delay } from 'node:timers/promises';
import { createToken } from '@bkg/sdk';
import { InvocationError } from '@bkg/sdk/client';
import { now } from '../bench/clock.ts';
import type { Random } from '../chaos/random.ts';
import { complete, dropped, unforeseen, wrong } from './ledger.ts';
import type { Entry, Ledger } from './ledger.ts';
import { newOperation, stallMs, timeoutMs } from './operation.ts';
import type { Operation, Way } from './operation.ts';
import { hashOf, newHash } from './plugins/content.ts';
import { Failure } from './ways/running.ts';
import type { Begin, Running } from './ways/running.ts';

/** Of a slow reader, between two pieces; it still comes to the end in time. */
const slowMs = 15;
const tickMs = 10;
/** More are not begun. */
const underWayMost = 500;
/** By then each has ended, or never will. */
export const endMostMs = timeoutMs + 12_000;

export interface LoadOptions {
  begin: Record<Way, Begin>;
  perSecond: number;
  random: Random;
  ledger: Ledger;
}

/** Invocations of every kind at a fixed rate, whatever becomes of them. */
export class Load {
  readonly #options: LoadOptions;
  readonly #startedAt = now();
  readonly #timer: NodeJS.Timeout;
  #due = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  /** Begins nothing more, and waits for what is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const until = now() + endMostMs;
    while (this.#options.ledger.underWay > 0 && now() < until) await delay(tickMs * 5);
  }

  #tick(): void {
    const { perSecond, random, ledger, begin } = this.#options;
    for (; this.#startedAt + (this.#due * 1_000) / perSecond <= now(); this.#due += 1) {
      if (ledger.underWay >= underWayMost) continue;
      const operation = newOperation(random, ledger.entries.length);
      const entry = ledger.begin(operation, createToken());
      void perform(entry, begin[operation.way]).then(({ outcome, detail }) =>
        ledger.end(entry, outcome, detail),
      );
    }
  }
}

interface Outcome {
  outcome: string;
  detail?: string;
}

async function perform({ operation, invocationId }: Entry, begin: Begin): Promise<Outcome> {
  let isDropped = false;
  let turn: NodeJS.Timeout | undefined;
  try {
    const running = await begin(operation, invocationId);
    if (operation.fate === 'cancel') turn = setTimeout(running.cancel, operation.turnMs);
    if (operation.fate === 'drop')
      turn = setTimeout(() => {
        isDropped = true;
        running.drop();
      }, operation.turnMs);
    const isRight = await readAll(operation, running);
    // One that was over before its turn leaves nothing open.
    if (operation.fate === 'drop' && !isDropped) running.drop();
    return { outcome: isRight ? complete : wrong };
  } catch (error) {
    if (isDropped) return { outcome: dropped };
    const { message } = error as Error;
    if (error instanceof InvocationError || error instanceof Failure)
      return { outcome: error.code, detail: message };
    return { outcome: unforeseen, detail: String((error as Error).stack ?? message).slice(0, 500) };
  } finally {
    clearTimeout(turn);
  }
}

/** @returns whether what came is what had to come */
async function readAll(operation: Operation, { pieces, output }: Running): Promise<boolean> {
  const { fate, kind, content, turnMs } = operation;
  const startedAt = now();
  const hash = newHash();
  let left = content.bytes;
  for await (const piece of pieces) {
    hash.update(piece);
    left -= piece.length;
    // Bytes may come in smaller pieces than they were sent.
    if (fate === 'slow' && left <= 0) {
      left += content.bytes;
      await delay(slowMs);
    }
    if (fate === 'stall' && now() - startedAt >= turnMs)
      await delay(Math.max(0, stallMs - (now() - startedAt)));
  }
  const given = (await output()) as Record<string, unknown> | null | undefined;
  if (kind === 'plain') return given?.['seed'] === content.seed;
  if (kind === 'nested' || kind === 'take') return given?.['hash'] === hashOf(content);
  if (kind === 'words' && given?.['count'] !== content.pieces) return false;
  return hash.digest('hex') === hashOf(content);
}
