import {
  decodeDescriptor,
  isHeartbeat,
  isStatusEvent,
  isSubjectToken,
  parseEventSubject,
  pluginIdProblem,
  subjects,
} from '@bkg/sdk';
import type { Connection, EventSubject, Logger } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import type { Msg, Subscription } from '@nats-io/nats-core';
import { now } from './clock.ts';
import { bodyOf } from './event-body.ts';
import type { RecentLogs } from './logs/recent-logs.ts';
import type { Plugins } from './plugins.ts';
import type { Questions } from './questions.ts';
import { afterAnswer, afterHeartbeat, afterStatus } from './sighting.ts';
import type { Sightings } from './sightings.ts';
import type { Timings } from './timings.ts';

export interface DiscoveryOptions {
  connection: Connection;
  plugins: Plugins;
  sightings: Sightings;
  questions: Questions;
  recentLogs: RecentLogs;
  log: Logger;
  timings: Pick<Timings, 'answerMs' | 'pingEveryMs'>;
  /** An instance that this supervisor has seen end: what still arrives of it is late. */
  hasEnded: (instance: string) => boolean;
  signal: AbortSignal;
}

const eventMostBytes = 128 * 1024;
/** Unknown services that one round of questions asks for more, and how many of them at a time. */
const unknownMost = 256;
const unknownAtOnce = 16;

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
    const event = bodyOf(msg);
    if (!isStatusEvent(event) || event.id !== id || event.instance !== instance) return;
    this.#options.sightings.see(id, instance, (before) => afterStatus(before, event, now()));
  }

  #hearHeartbeat({ id, instance }: EventSubject, msg: Msg): void {
    const heartbeat = bodyOf(msg);
    if (!isHeartbeat(heartbeat)) return;
    this.#options.sightings.see(id, instance, (before) => afterHeartbeat(before, instance, heartbeat, now()));
  }

  #hearLog({ id, instance }: EventSubject, msg: Msg): void {
    const plugin = this.#options.plugins.get(id);
    // Those of a managed instance are ours, and in its file.
    if (!plugin || plugin.managed.has(instance)) return;
    this.#options.recentLogs.hear(id, instance, bodyOf(msg), msg.data.length);
  }

  async #keepAsking(): Promise<void> {
    const { timings, signal } = this.#options;
    while (!signal.aborted) {
      await this.#askWhoIsThere();
      // Its one failure is the signal's, which ends the loop.
      await delay(timings.pingEveryMs * (0.9 + Math.random() * 0.2), signal).catch(() => undefined);
    }
  }

  /** Finds services that publish no events, and SDK instances that are between two heartbeats. */
  async #askWhoIsThere(): Promise<void> {
    const { connection, log, plugins, timings, hasEnded, signal } = this.#options;
    try {
      const forMs = timings.answerMs;
      const replies = await connection.requestMany(subjects.service('PING'), '', { forMs, signal });
      // Hints only, since anybody may answer: each is asked directly.
      const unknown = replies
        .map(bodyOf)
        .filter(isInstanceName)
        .filter(({ name, id }) => !plugins.get(name)?.sightings.has(id) && !hasEnded(id))
        .slice(0, unknownMost);
      for (let i = 0; i < unknown.length && !signal.aborted; i += unknownAtOnce) {
        const some = unknown.slice(i, i + unknownAtOnce);
        await Promise.all(some.map(({ name, id }) => this.#introduce(name, id)));
      }
    } catch (error) {
      if (!signal.aborted && connection.connected) log.warn({ error }, 'asking who is there failed');
    }
  }

  async #introduce(id: string, instance: string): Promise<void> {
    const { questions, sightings } = this.#options;
    if (!questions.mayAsk('INFO', id, instance)) return;
    const info = await questions.ask('INFO', id, instance);
    const descriptor = info && decodeDescriptor(info);
    if (!descriptor) return;
    sightings.see(id, instance, (before) => ({
      ...afterAnswer(before, instance, descriptor.version, now()),
      descriptor,
      describedHash: before?.descriptorHash ?? '',
    }));
  }
}

function isInstanceName(value: unknown): value is { name: string; id: string } {
  const { name, id } = (value ?? {}) as Record<string, unknown>;
  return typeof name === 'string' && !pluginIdProblem(name) && typeof id === 'string' && isSubjectToken(id);
}
