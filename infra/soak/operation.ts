import { between } from '../chaos/random.ts';
import type { Random } from '../chaos/random.ts';
import { pluginIds } from './folders.ts';
import type { PluginId } from './folders.ts';
import type { Content } from './plugins/content.ts';

/** `POST` (and server-sent events), frames on `/ws`, or the SDK's client over NATS. */
export const ways = ['http', 'ws', 'nats'] as const;
export type Way = (typeof ways)[number];

export const kinds = ['plain', 'nested', 'words', 'bytes', 'take'] as const;
export type Kind = (typeof kinds)[number];

/**
 * What its client does: it waits for the end, or reads slowly to the end; it cancels; it is gone, without a word; it reads
 * nothing more, and stays.
 */
export const fates = ['complete', 'slow', 'cancel', 'drop', 'stall'] as const;
export type Fate = (typeof fates)[number];

export interface Operation {
  number: number;
  way: Way;
  kind: Kind;
  fate: Fate;
  plugin: PluginId;
  content: Content;
  /** Of its sender, between two pieces. */
  pauseMs: number;
  /** When its client does what its fate is, after the begin. */
  turnMs: number;
}

/** Of each: by then it has to have ended, also one that is stalled. */
export const timeoutMs = 8_000;
/** Who connects for one of them waits so long for a broker that is away. */
export const connectMostMs = 45_000;
/** Who stalls goes on when the time must be over for everybody. */
export const stallMs = timeoutMs + 500;

/** What is not of the kind: bytes need a way that has them. */
const kindsOf: Record<Way, readonly Kind[]> = {
  http: ['plain', 'nested', 'words', 'words', 'bytes', 'take'],
  ws: ['plain', 'nested', 'words', 'words'],
  nats: ['plain', 'nested', 'words', 'words', 'bytes', 'take'],
};
const fateDeck: readonly Fate[] = [
  'complete',
  'complete',
  'complete',
  'slow',
  'cancel',
  'cancel',
  'drop',
  'stall',
];
/** One that is answered at once can only be waited for, or not. */
const briefFates: readonly Fate[] = ['complete', 'complete', 'cancel', 'drop'];

/** What stalls has to be more than all buffers on its way hold. */
const stalled: Partial<Record<Kind, Omit<Content, 'seed'>>> = {
  words: { pieces: 1_000, bytes: 16_000 },
  bytes: { pieces: 200, bytes: 300_000 },
};

const pieceBytes: Record<Kind, readonly number[]> = {
  plain: [0],
  nested: [100, 4_000],
  words: [100, 4_000, 16_000],
  bytes: [16 * 1_024, 64 * 1_024, 300_000],
  take: [16 * 1_024, 64 * 1_024, 300_000],
};

/** The next one: nothing but chance and its number decides. */
export function newOperation(random: Random, number: number): Operation {
  const pick = <T>(some: readonly T[]): T => some[between(random, 0, some.length - 1)]!;
  const way = pick(ways);
  const kind = pick(kindsOf[way]);
  const isBrief = kind === 'plain' || kind === 'nested';
  const fate = pick(isBrief ? briefFates : fateDeck);
  const size = { pieces: kind === 'plain' ? 0 : between(random, 2, 40), bytes: pick(pieceBytes[kind]) };
  return {
    number,
    way,
    kind,
    fate,
    plugin: pick(pluginIds),
    content: { seed: number, ...((fate === 'stall' && stalled[kind]) || size) },
    pauseMs: kind === 'plain' ? between(random, 0, 500) : between(random, 0, 20),
    turnMs: between(random, 10, 600),
  };
}

/** Whether its client waits for its end, so that it has to be well. */
export function isAwaited({ fate }: Operation): boolean {
  return fate === 'complete' || fate === 'slow';
}
