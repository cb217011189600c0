import type { Descriptor } from '@bkg/sdk';
import { now } from './clock.ts';
import type { Plugins } from './plugins.ts';
import type { Questions } from './questions.ts';
import { afterAnswer } from './sighting.ts';
import type { Sightings } from './sightings.ts';

export interface IntroductionsOptions {
  plugins: Plugins;
  sightings: Pick<Sightings, 'see' | 'read' | 'describe'>;
  questions: Pick<Questions, 'mayAsk' | 'askOrMiss'>;
  /** An instance that this supervisor has seen end: what still arrives of it is late. */
  hasEnded: (instance: string) => boolean;
  /** How long it is left alone after its first failure. */
  firstMs: number;
}

interface InVain {
  failures: number;
  until: number;
}

const mostMs = 300_000;
/** Anybody may answer for any number of names. */
const rememberedMost = 10_000;

/** Asks instances of which nothing is known what they are; who does not say so, or is no plugin, is left alone for a while. */
export class Introductions {
  readonly #options: IntroductionsOptions;
  readonly #inVain = new Map<string, InVain>();

  constructor(options: IntroductionsOptions) {
    this.#options = options;
  }

  /** Whether there is something to ask of it, and it is not left alone. */
  isDue(id: string, instance: string): boolean {
    const { plugins, hasEnded } = this.#options;
    if (plugins.get(id)?.sightings.has(instance) || hasEnded(instance)) return false;
    return (this.#inVain.get(keyOf(id, instance))?.until ?? 0) <= now();
  }

  /** How often it was asked in vain. */
  failuresOf(id: string, instance: string): number {
    return this.#inVain.get(keyOf(id, instance))?.failures ?? 0;
  }

  async meet(id: string, instance: string): Promise<void> {
    const { plugins, questions, sightings } = this.#options;
    if (!this.isDue(id, instance) || !questions.mayAsk('INFO', id, instance)) return;
    const info = await questions.askOrMiss('INFO', id, instance);
    const descriptor = typeof info === 'object' ? sightings.read(id, instance, info) : undefined;
    if (descriptor) return this.#welcome(id, instance, descriptor);
    const seenMeanwhile = plugins.get(id)?.sightings.get(instance);
    if (seenMeanwhile) return sightings.describe(id, seenMeanwhile);
    // One that answers and is no plugin will not become one; somebody else's answer says nothing of it.
    this.#leaveAlone(keyOf(id, instance), typeof info === 'object' ? mostMs : undefined);
  }

  #welcome(id: string, instance: string, descriptor: Descriptor): void {
    this.#inVain.delete(keyOf(id, instance));
    this.#options.sightings.see(id, instance, (before) => ({
      ...afterAnswer(before, instance, descriptor.version, now()),
      descriptor,
      // It was asked before any hash was heard: one that was heard since may be of more than it said.
      describedHash: '',
    }));
  }

  #leaveAlone(key: string, forMs?: number): void {
    const failures = (this.#inVain.get(key)?.failures ?? 0) + 1;
    // Last in order: the first are forgotten first.
    this.#inVain.delete(key);
    const waitMs = forMs ?? Math.min(mostMs, this.#options.firstMs * 2 ** (failures - 1));
    this.#inVain.set(key, { failures, until: now() + waitMs });
    const [oldest] = this.#inVain.keys();
    if (this.#inVain.size > rememberedMost && oldest !== undefined) this.#inVain.delete(oldest);
  }
}

function keyOf(id: string, instance: string): string {
  return `${id} ${instance}`;
}
