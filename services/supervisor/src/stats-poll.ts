import { isSubjectToken, jsonOrUndefined, subjects } from '@bkg/sdk';
import type { Connection, Heartbeat, Logger } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { now } from './clock.ts';
import type { Plugin } from './plugin.ts';
import type { Plugins } from './plugins.ts';
import { afterAnswer } from './sighting.ts';
import type { Sighting } from './sighting.ts';
import type { Sightings } from './sightings.ts';
import { readStats } from './stats-telemetry.ts';
import type { StatsReading } from './stats-telemetry.ts';
import type { Timings } from './timings.ts';

export interface StatsPollOptions {
  connection: Connection;
  plugins: Plugins;
  sightings: Pick<Sightings, 'change'>;
  /** An instance has answered of which nothing is known. */
  onStranger: (id: string, instance: string) => void;
  /** What the processes of a managed instance take; undefined for others. */
  usageOf: (plugin: Plugin, instance: string) => { cpu_percent: number; memory_mb: number } | undefined;
  log: Logger;
  timings: Pick<Timings, 'pollEveryMs' | 'pollLeastMs' | 'answerMs'>;
  signal: AbortSignal;
}

/** Services without events that are asked one after the other in this time are few enough for all to be asked often. */
const perServiceMs = 250;
/** At the same time. */
const questionsMost = 64;
/** To one question; of an instance only the first counts. */
const answersMost = 512;

/** What the body of a heartbeat says when the supervisor has published it for an instance that does not. */
const inNameOf = 'supervisor';

/** Whether it is such a one, and not the instance's own. */
export function isOurs({ by }: Heartbeat): boolean {
  return by === inNameOf;
}

/**
 * Asks services that publish no events for their statistics, and publishes them as their heartbeats. So whoever follows
 * the mesh has one way to hear of all plugins, and need not know which of them know bkg.
 */
export class StatsPoll {
  readonly #options: StatsPollOptions;
  readonly #due = new Map<string, number>();
  readonly #asked = new Set<string>();
  #everyMs: number;

  constructor(options: StatsPollOptions) {
    this.#options = options;
    this.#everyMs = options.timings.pollEveryMs;
  }

  /** Between two questions to the same service, at present. */
  get everyMs(): number {
    return this.#everyMs;
  }

  async run(): Promise<void> {
    const { timings, signal } = this.#options;
    while (!signal.aborted) {
      this.#look();
      // Its one failure is the signal's, which ends the loop.
      await delay(timings.pollLeastMs / 5, signal).catch(() => undefined);
    }
  }

  #look(): void {
    const { connection, plugins, timings } = this.#options;
    const quiet = plugins.all().filter((plugin) => quietOf(plugin).length > 0);
    this.#everyMs = Math.min(timings.pollEveryMs, Math.max(timings.pollLeastMs, quiet.length * perServiceMs));
    const ids = new Set(quiet.map(({ id }) => id));
    for (const id of this.#due.keys()) if (!ids.has(id)) this.#due.delete(id);
    if (!connection.connected) return;
    for (const plugin of quiet) {
      const due = this.#due.get(plugin.id) ?? 0;
      if (now() < due || this.#asked.has(plugin.id) || this.#asked.size >= questionsMost) continue;
      this.#due.set(plugin.id, now() + this.#everyMs * (0.9 + Math.random() * 0.2));
      void this.#ask(plugin.id);
    }
  }

  async #ask(id: string): Promise<void> {
    const { connection, log, timings, signal } = this.#options;
    this.#asked.add(id);
    try {
      const options = { forMs: timings.answerMs, most: answersMost, signal };
      const replies = await connection.requestMany(subjects.service('STATS', id), '', options);
      const taken = new Set<string>();
      for (const reply of replies) this.#take(id, jsonOrUndefined(reply.data), taken);
    } catch (error) {
      if (!signal.aborted && connection.connected)
        log.warn({ error, plugin_id: id }, 'its statistics cannot be read');
    } finally {
      this.#asked.delete(id);
    }
  }

  /** @param taken instances that have answered this question already */
  #take(id: string, body: unknown, taken: Set<string>): void {
    const { plugins, sightings, onStranger, usageOf } = this.#options;
    const reply = Object(body) as Record<string, unknown>;
    const { name, id: instance, version } = reply;
    if (name !== id || typeof instance !== 'string' || !isSubjectToken(instance)) return;
    if (taken.has(instance)) return;
    taken.add(instance);
    const plugin = plugins.get(id);
    const sighting = plugin?.sightings.get(instance);
    if (!plugin) return;
    if (!sighting) return onStranger(id, instance);
    if (!isQuiet(sighting)) return;
    const stats = readStats(id, reply, sighting.stats, Date.now());
    const telemetry = { ...stats.telemetry, ...usageOf(plugin, instance) };
    sightings.change(id, instance, (before) => ({
      ...afterAnswer(before, instance, version, now()),
      // A managed one was started when it was launched.
      ...(stats.startedAt && !plugin.managed.has(instance) && { startedAt: stats.startedAt }),
      stats,
      telemetry,
    }));
    const after = plugin.sightings.get(instance);
    if (after) this.#publish(id, after, stats);
  }

  #publish(id: string, { instance, version, startedAt, telemetry }: Sighting, { seq }: StatsReading): void {
    if (!telemetry) return;
    const heartbeat: Heartbeat & { by: string } = {
      by: inNameOf,
      seq,
      status: 'running',
      version,
      started_at: startedAt,
      descriptor: '',
      telemetry,
    };
    this.#options.connection.publish(subjects.event(id, instance, 'telemetry'), JSON.stringify(heartbeat));
  }
}

function quietOf(plugin: Plugin): Sighting[] {
  return [...plugin.sightings.values()].filter(isQuiet);
}

/** One that runs and publishes nothing; of one that starts it is not known yet. */
function isQuiet({ speaks, status }: Sighting): boolean {
  return !speaks && status === 'running';
}
