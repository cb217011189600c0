import { between, seededRandom, shuffled } from './random.ts';
import type { Random } from './random.ts';

export const parts = ['supervisor', 'gateway', 'nats-server', 'bkg up'] as const;
export type PartName = (typeof parts)[number];

export const pluginIds = ['echo', 'writer', 'plain'] as const;
export type PluginId = (typeof pluginIds)[number];

export type Victim = PartName | PluginId;

/**
 * - `kill`: SIGKILL. `bkg up` is started again, as its user would.
 * - `stop`: SIGSTOP, and SIGCONT afterwards.
 * - `partition`: nothing goes between the victim and the broker any more; of a plugin, of all its instances.
 * - `block`: a handler keeps the event loop of an instance.
 * - `full stdout`: nobody reads what `bkg up` prints, and the pipe is full.
 * - `deaf socket`: a client of `/ws` that has subscribed to all and reads nothing.
 */
export const faultKinds = ['kill', 'stop', 'partition', 'block', 'full stdout', 'deaf socket'] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  kind: FaultKind;
  victim: Victim;
  /** Of a plugin: the place of the instance among those that run, the oldest first. */
  place: number;
  /** From the begin of the faults. */
  atMs: number;
  /** 0 of what has no end. */
  forMs: number;
}

type Kind = Pick<Fault, 'kind' | 'victim'>;

const partitioned: readonly Victim[] = ['supervisor', 'gateway', ...pluginIds];
const deck: readonly Kind[] = [
  ...[...parts, ...pluginIds].map((victim): Kind => ({ kind: 'kill', victim })),
  ...[...parts, ...pluginIds].map((victim): Kind => ({ kind: 'stop', victim })),
  ...partitioned.map((victim): Kind => ({ kind: 'partition', victim })),
  { kind: 'block', victim: 'echo' },
  { kind: 'full stdout', victim: 'bkg up' },
  { kind: 'deaf socket', victim: 'gateway' },
];

const [gapLeastMs, gapMostMs] = [1_500, 5_500];
const firstAtMs = 1_000;
/** Shorter than that nothing is stopped or cut off. */
const leastMs = 1_000;
/** Longer than any invocation may take, so that it is noticed as what it is. */
const blockMs = 12_000;
/** From the end of a fault until the same victim has the next: it has come back, or is doing so. */
const restMs = 8_000;
const placesMost = 3;

/**
 * The faults of a run: nothing but the seed and the time decides. One of each kind comes first, so that a short run has
 * all of them; then the other victims in an order of chance, then all again in another.
 */
export function planFaults(seed: number, forMs: number): Fault[] {
  const random = seededRandom(seed);
  const faults: Fault[] = [];
  const freeAt = new Map<Victim, number>();
  const cards = firstDeal(random);
  for (let atMs = firstAtMs; atMs <= forMs - leastMs; atMs += between(random, gapLeastMs, gapMostMs)) {
    if (cards.length < deck.length / 2) cards.push(...shuffled(random, deck));
    const at = atMs;
    const card = cards.find(({ victim }) => (freeAt.get(victim) ?? 0) <= at);
    if (!card) continue;
    cards.splice(cards.indexOf(card), 1);
    const fault = { ...card, place: between(random, 0, placesMost - 1), atMs, forMs: timeOf(card, random) };
    // All end with the time: what comes afterwards is judged.
    const endMs = Math.min(atMs + fault.forMs, forMs);
    freeAt.set(card.victim, endMs + restMs);
    faults.push({ ...fault, forMs: endMs - atMs });
  }
  return faults;
}

function firstDeal(random: Random): Kind[] {
  const all = shuffled(random, deck);
  const first = shuffled(random, faultKinds).flatMap((kind) => all.find((card) => card.kind === kind) ?? []);
  return [...first, ...all.filter((card) => !first.includes(card))];
}

function timeOf({ kind }: Kind, random: Random): number {
  switch (kind) {
    case 'kill':
      return 0;
    case 'block':
      return blockMs;
    case 'stop':
    case 'partition':
      return between(random, leastMs, 15_000);
    case 'full stdout':
    case 'deaf socket':
      return between(random, 5_000, 20_000);
  }
}
