import {
  eventMostBytes,
  isHeartbeat,
  isStatusEvent,
  isSubjectToken,
  jsonOrUndefined,
  parseEventSubject,
  pluginIdProblem,
  subjects,
} from '@bkg/sdk';
import type { Connection, EventSubject, Logger } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import type { Msg, Subscription } from '@nats-io/nats-core';
import { now } from './clock.ts';
import type { Introductions } from './introductions.ts';
import type { RecentLogs } from './logs/recent-logs.ts';
import type { Plugins } from './plugins.ts';
import { afterHeartbeat, afterStatus } from './sighting.ts';
import type { Sightings } from './sightings.ts';
import { isOurs } from './stats-poll.ts';
import type { Timings } from './timings.ts';

export interface DiscoveryOptions {
  connection: Connection;
  plugins: Plugins;
  sightings: Sightings;
  introductions: Introductions;
  recentLogs: RecentLogs;
  log: Logger;
  timings: Pick<Timings, 'answerMs' | 'pingEveryMs' | 'pingLeastMs'>;
  /** An instance that this supervisor has seen end: what still arrives of it is late. */
  hasEnded: (instance: string) => boolean;
  signal: AbortSignal;
}

/** Unknown services that one round of questions asks for more, and how many of them at a time. */
const unknownMost = 256;
const unknownAtOnce = 16;
/** To one question who is there; beyond, somebody answers for whom there is not. */
const answersMost = 10_000;
/** Who is there is asked so often that it is answered about twenty times a second. */
const answerCostMs = 50;

/** Finds the instances of all plugins: by the events they publish, and by asking now and then who is there. */
export class Discovery {
  readonly #options: DiscoveryOptions;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  /** @returns what is to be unsubscribed in the end */
  start(): Subscription[] {
    const { connection } = this.#options;
    const on = (subject: string, take: (about: EventSubject, msg: Msg) => void): Subscription =>
      connection.subscribe(subject, {
        callback: (error, msg) => {
          const about = error ? undefined : this.#about(msg);
          if (about) take(about, msg);
        },
      });
    void this.#keepAsking();
    return [
      on(subjects.events('status'), (about, msg) => this.#hearStatus(about, msg)),
      on(subjects.events('telemetry'), (about, msg) => this.#hearHeartbeat(about, msg)),
      on(subjects.events('log'), (about, msg) => this.#hearLog(about, msg)),
    ];
  }

  /** Whom an event speaks of; undefined for one that does not count. */
  #about(msg: Msg): EventSubject | undefined {
    const about = parseEventSubject(msg.subject);
    if (!about || msg.data.length > eventMostBytes) return undefined;
    return pluginIdProblem(about.id) || this.#options.hasEnded(about.instance) ? undefined : about;
  }

  #hearStatus({ id, instance }: EventSubject, msg: Msg): void {
    const event = jsonOrUndefined(msg.data);
    if (!isStatusEvent(event) || event.id !== id || event.instance !== instance) return;
    this.#options.sightings.see(id, instance, (before) => afterStatus(before, event, now()));
  }

  #hearHeartbeat({ id, instance }: EventSubject, msg: Msg): void {
    const heartbeat = jsonOrUndefined(msg.data);
    if (!isHeartbeat(heartbeat) || isOurs(heartbeat)) return;
    this.#options.sightings.see(id, instance, (before) => afterHeartbeat(before, instance, heartbeat, now()));
  }

  #hearLog({ id, instance }: EventSubject, msg: Msg): void {
    const { plugins, recentLogs, introductions } = this.#options;
    // Those of a managed instance are ours, and in its file.
    if (plugins.get(id)?.managed.has(instance)) return;
    recentLogs.hear(id, instance, jsonOrUndefined(msg.data), msg.data.length);
    // A service that has just been started by hand may say something before it is asked who is there.
    void introductions.meet(id, instance);
  }

  async #keepAsking(): Promise<void> {
    const { timings, signal } = this.#options;
    while (!signal.aborted) {
      const answers = await this.#askWhoIsThere();
      const everyMs = Math.min(timings.pingEveryMs, Math.max(timings.pingLeastMs, answers * answerCostMs));
      // Its one failure is the signal's, which ends the loop.
      await delay(everyMs * (0.9 + Math.random() * 0.2), signal).catch(() => undefined);
    }
  }

  /**
   * Finds services that publish no events, and SDK instances that are between two heartbeats.
   * @returns how many have answered
   */
  async #askWhoIsThere(): Promise<number> {
    const { connection, log, timings, signal } = this.#options;
    try {
      const options = { forMs: timings.answerMs / 2, most: answersMost, signal };
      const replies = await connection.requestMany(subjects.service('PING'), '', options);
      await this.#meetAll(replies.map(({ data }) => jsonOrUndefined(data)).filter(isInstanceName));
      return replies.length;
    } catch (error) {
      if (!signal.aborted && connection.connected) log.warn({ error }, 'asking who is there failed');
      return 0;
    }
  }

  /** Their names are hints only, since anybody may answer: each is asked directly, first who was never asked. */
  async #meetAll(names: readonly InstanceName[]): Promise<void> {
    const { introductions, signal } = this.#options;
    const unknown = new Map<string, InstanceName & { failures: number }>();
    for (const { name, id } of names) {
      if (!introductions.isDue(name, id)) continue;
      unknown.set(`${name} ${id}`, { name, id, failures: introductions.failuresOf(name, id) });
    }
    const waiting = [...unknown.values()].sort((a, b) => a.failures - b.failures).slice(0, unknownMost);
    const meetSome = async (): Promise<void> => {
      for (let one = waiting.shift(); one && !signal.aborted; one = waiting.shift())
        await introductions.meet(one.name, one.id);
    };
    await Promise.all(Array.from({ length: unknownAtOnce }, meetSome));
  }
}

interface InstanceName {
  name: string;
  id: string;
}

function isInstanceName(value: unknown): value is InstanceName {
  const { name, id } = (value ?? {}) as Record<string, unknown>;
  return typeof name === 'string' && !pluginIdProblem(name) && typeof id === 'string' && isSubjectToken(id);
}
