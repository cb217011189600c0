import { isStatusEvent, subjects } from '@bkg/sdk';
import type { Connection, StatusEvent } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { now } from './clock.ts';
import { bodyOf } from './event-body.ts';
import type { RecentLogs } from './logs/recent-logs.ts';
import type { Plugin } from './plugin.ts';
import type { Plugins } from './plugins.ts';
import type { Questions } from './questions.ts';
import { afterAnswer, afterStatus } from './sighting.ts';
import type { Sighting } from './sighting.ts';
import type { Sightings } from './sightings.ts';
import type { Timings } from './timings.ts';

export interface LivenessOptions {
  connection: Connection;
  plugins: Plugins;
  sightings: Sightings;
  questions: Questions;
  recentLogs: RecentLogs;
  /** Between two questions for the statistics of an instance without events, whose answers show that it lives. */
  pollEveryMs: () => number;
  timings: Pick<Timings, 'heartbeatMs' | 'pollEveryMs' | 'probeEveryMs' | 'answerMs' | 'forgetAfterMs'>;
  signal: AbortSignal;
}

/** Heartbeats are jittered by a tenth: three missed, and a little for the way. */
const missedHeartbeats = 3.4;
/** Of an instance without events, which may be busy. */
const missedAnswers = 2;
/** So often in a row must the broker say that nobody is there. */
const vacanciesMost = 2;
/** The next question for its statistics is late by more than its jitter. */
const latePoll = 1.25;

/** Notices when an instance falls silent, when one without events is ready, and forgets who has gone. */
export class Liveness {
  readonly #options: LivenessOptions;
  #lookedAt = now();

  constructor(options: LivenessOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { timings, signal } = this.#options;
    while (!signal.aborted) {
      // Its one failure is the signal's, which ends the loop.
      await delay(timings.heartbeatMs / 4, signal).catch(() => undefined);
      if (!signal.aborted) this.#lookAtAll();
    }
  }

  #lookAtAll(): void {
    const { connection, plugins, sightings, timings } = this.#options;
    const at = now();
    // After a long pause of our own, as of a machine that slept, everybody seems late.
    const wePaused = at - this.#lookedAt > timings.heartbeatMs;
    this.#lookedAt = at;
    if (!connection.connected) return;
    if (wePaused) sightings.forgive();
    for (const plugin of plugins.all()) {
      for (const sighting of plugin.sightings.values()) this.#look(plugin, sighting, at);
      this.#forgetWhenGone(plugin, at);
    }
  }

  #look(plugin: Plugin, sighting: Sighting, at: number): void {
    const { heartbeatMs, pollEveryMs, answerMs, probeEveryMs, forgetAfterMs } = this.#options.timings;
    const { instance, status, speaks, heardAt, askedAt = 0, silentSince, vacancies } = sighting;
    const managed = plugin.managed.get(instance);
    if (!managed && at - heardAt > (status === 'stopped' ? 0 : forgetAfterMs)) {
      this.#forget(plugin, instance);
      return;
    }
    const isUnheard = managed?.status === 'starting' && !speaks;
    const quietMs = this.#options.pollEveryMs() * latePoll;
    const beatMs = Math.max(heartbeatMs, sighting.beatMs ?? 0);
    const patienceMs = isUnheard ? 0 : speaks ? beatMs * missedHeartbeats : quietMs;
    const isDoubted = silentSince === undefined && (speaks || vacancies !== undefined);
    const everyMs = isUnheard ? probeEveryMs : isDoubted ? answerMs : pollEveryMs;
    if (at - heardAt < patienceMs || at - askedAt < everyMs) return;
    if (!this.#options.questions.mayAsk('PING', plugin.id, instance, managed !== undefined)) return;
    sighting.askedAt = at;
    void (isUnheard ? this.#probeStarting(plugin.id, instance) : this.#probeLate(plugin.id, instance, at));
  }

  async #probeLate(id: string, instance: string, at: number): Promise<void> {
    const { connection, questions, sightings, timings, signal } = this.#options;
    const answer = await questions.askOrMiss('PING', id, instance);
    if (!connection.connected || signal.aborted) return;
    sightings.change(id, instance, (before) => {
      if (typeof answer === 'object') return afterAnswer(before, instance, textOf(answer['version']), now());
      // It may have been heard while it was asked.
      if (before.silentSince !== undefined || before.heardAt > at) return before;
      const vacancies = answer === 'nobody' ? (before.vacancies ?? 0) + 1 : 0;
      const missed = (at - before.heardAt) / timings.pollEveryMs;
      const isSilent = before.speaks || vacancies >= vacanciesMost || missed >= missedAnswers;
      const { vacancies: _vacancies, ...rest } = before;
      return { ...rest, ...(vacancies > 0 && { vacancies }), ...(isSilent && { silentSince: now() }) };
    });
  }

  /**
   * Is a starting instance ready that publishes no events? One that answers might be an SDK instance whose events this
   * supervisor has missed: it is asked for its status first.
   */
  async #probeStarting(id: string, instance: string): Promise<void> {
    const { questions, sightings } = this.#options;
    const answer = await questions.ask('PING', id, instance);
    const event = answer && (await this.#statusOf(id, instance));
    if (!answer) return;
    sightings.change(id, instance, (before) => {
      if (before.speaks) return before;
      return event
        ? afterStatus(before, event, now())
        : afterAnswer(before, instance, textOf(answer['version']), now());
    });
  }

  async #statusOf(id: string, instance: string): Promise<StatusEvent | undefined> {
    const { connection, timings, signal } = this.#options;
    try {
      const forMs = timings.answerMs / 4;
      const replies = await connection.requestMany(subjects.status(id), '', { forMs, signal });
      return replies
        .map(bodyOf)
        .filter(isStatusEvent)
        .find((one) => one.instance === instance && one.id === id);
    } catch {
      // The broker went away: it is asked again when it is back.
      return undefined;
    }
  }

  #forget(plugin: Plugin, instance: string): void {
    plugin.forget(instance);
    this.#options.recentLogs.forget(plugin.id, instance);
    this.#options.plugins.changed(plugin.id);
  }

  /** A plugin that nobody here can start is shown for a while after its last instance has gone. */
  #forgetWhenGone(plugin: Plugin, at: number): void {
    const isGone = !plugin.source && plugin.managed.size === 0 && plugin.sightings.size === 0;
    plugin.goneSince = isGone ? (plugin.goneSince ?? at) : undefined;
    if (plugin.goneSince !== undefined && at - plugin.goneSince > this.#options.timings.forgetAfterMs) {
      this.#options.plugins.forget(plugin.id);
    }
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
