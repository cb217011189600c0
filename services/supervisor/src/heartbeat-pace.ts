import { heartbeatLeastMs, heartbeatMostMs, heartbeatsPerSecond, subjects } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import type { Plugin } from './plugin.ts';
import type { Plugins } from './plugins.ts';
import type { Sighting } from './sighting.ts';
import type { Timings } from './timings.ts';

/** How far an instance may be from what is wanted before it is told: each that comes would change it for all. */
const tolerance = 0.25;
/** Told in one look: each beats at once. */
const toldMost = 128;

/** How often each of so many instances beats, of our own together and of others together. */
export function heartbeatEveryMs(instances: number, leastMs: number): number {
  return Math.min(
    heartbeatMostMs,
    Math.max(heartbeatLeastMs, leastMs, Math.ceil(instances / heartbeatsPerSecond) * 1_000),
  );
}

export interface HeartbeatPaceOptions {
  connection: Pick<Connection, 'publish' | 'connected'>;
  plugins: Plugins;
  timings: Pick<Timings, 'heartbeatMs' | 'paceEveryMs'>;
  signal: AbortSignal;
}

/**
 * Keeps the heartbeats of a large mesh from growing with it: what everybody listens to would cost everybody. An instance
 * is told without waiting for its answer; its next heartbeat says what it does.
 */
export class HeartbeatPace {
  readonly #options: HeartbeatPaceOptions;
  /** Whom the last look has told last: those who do not obey must not keep the others from being told. */
  readonly #last = { ours: '', others: '' };

  constructor(options: HeartbeatPaceOptions) {
    this.#options = options;
  }

  /** For our own. Nobody can invent them, as they can others, whose number must not make ours rare. */
  get everyMs(): number {
    return this.#everyMs(({ managed }) => managed.size);
  }

  async run(): Promise<void> {
    const { timings, signal } = this.#options;
    while (!signal.aborted) {
      // Its one failure is the signal's, which ends the loop.
      await delay(timings.paceEveryMs, signal).catch(() => undefined);
      if (!signal.aborted && this.#options.connection.connected) this.#tell();
    }
  }

  #everyMs(count: (plugin: Plugin) => number): number {
    const { plugins, timings } = this.#options;
    const sum = plugins.all().reduce((all, plugin) => all + count(plugin), 0);
    return heartbeatEveryMs(sum, timings.heartbeatMs);
  }

  #tell(): void {
    const othersEveryMs = this.#everyMs(({ managed, sightings }) => sightings.size - managed.size);
    const left = this.#tellThose({ who: 'ours', everyMs: this.everyMs, most: toldMost });
    this.#tellThose({ who: 'others', everyMs: othersEveryMs, most: left });
  }

  /** @returns how many more may be told in this look */
  #tellThose({ who, everyMs, most }: { who: 'ours' | 'others'; everyMs: number; most: number }): number {
    const { connection, plugins } = this.#options;
    const body = JSON.stringify({ heartbeat_ms: everyMs });
    const due = plugins.all().flatMap(({ id, sightings, managed }) =>
      [...sightings.values()]
        .filter(({ instance }) => managed.has(instance) === (who === 'ours'))
        .filter((sighting) => isToBeTold(sighting, everyMs))
        .map(({ instance }) => ({ id, instance })),
    );
    const told = startingAfter(due, this.#last[who]).slice(0, most);
    for (const { id, instance } of told) connection.publish(subjects.configure(id, instance), body);
    this.#last[who] = told.map(keyOf).at(-1) ?? '';
    return most - told.length;
  }
}

interface Told {
  id: string;
  instance: string;
}

const keyOf = ({ id, instance }: Told): string => `${id} ${instance}`;

/** In order, those first that come after one. */
export function startingAfter(due: readonly Told[], last: string): Told[] {
  const sorted = due.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const next = sorted.findIndex((one) => keyOf(one) > last);
  return next === -1 ? sorted : [...sorted.slice(next), ...sorted.slice(0, next)];
}

function isToBeTold({ beatMs, status, silentSince }: Sighting, everyMs: number): boolean {
  // Who does not say how often it beats does not take orders about it.
  if (beatMs === undefined || status === 'stopped' || silentSince !== undefined) return false;
  return Math.abs(beatMs - everyMs) > everyMs * tolerance;
}
