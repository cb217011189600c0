import type { Connection } from '@bkg/sdk';
import { now } from './clock.ts';
import type { Plugin } from './plugin.ts';
import { afterStatus } from './sighting.ts';
import type { Sighting } from './sighting.ts';
import type { Sightings } from './sightings.ts';
import { askStatus } from './status-question.ts';
import type { Timings } from './timings.ts';

export interface FailureDoubtsOptions {
  connection: Pick<Connection, 'requestMany'>;
  sightings: Pick<Sightings, 'change'>;
  timings: Pick<Timings, 'uselessLeastMs' | 'answerMs'>;
  signal: AbortSignal;
}

/** Plugins at the same time. */
const questionsMost = 32;
/** Before the first time that one can be killed for it. */
const questionsLeast = 5;

/**
 * Asks managed instances that are said to have failed, because they are killed for it in the end and anybody may have said
 * so: one that answers otherwise is believed.
 */
export class FailureDoubts {
  readonly #options: FailureDoubtsOptions;
  readonly #askedAt = new WeakMap<Plugin, number>();
  #asking = 0;

  constructor(options: FailureDoubtsOptions) {
    this.#options = options;
  }

  look(plugin: Plugin, at: number): void {
    if (this.#asking >= questionsMost || !failing(plugin).length) return;
    const everyMs = this.#options.timings.uselessLeastMs / questionsLeast;
    if (at - (this.#askedAt.get(plugin) ?? -Infinity) < everyMs) return;
    this.#askedAt.set(plugin, at);
    void this.#ask(plugin);
  }

  async #ask(plugin: Plugin): Promise<void> {
    const { sightings, timings, ...question } = this.#options;
    this.#asking += 1;
    const said = await askStatus(plugin.id, { ...question, forMs: timings.answerMs / 2 });
    this.#asking -= 1;
    for (const { instance } of failing(plugin)) {
      const answer = said.find((one) => one.instance === instance && one.status !== 'error');
      if (answer) sightings.change(plugin.id, instance, (before) => afterStatus(before, answer, now()));
    }
  }
}

function failing({ managed, sightings }: Plugin): Sighting[] {
  return [...managed.keys()].flatMap((instance) => {
    const sighting = sightings.get(instance);
    return sighting?.status === 'error' && sighting.silentSince === undefined ? [sighting] : [];
  });
}
