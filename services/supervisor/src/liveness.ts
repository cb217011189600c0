import type { Connection } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { now } from './clock.ts';
import { FailureDoubts } from './failure-doubts.ts';
import type { RecentLogs } from './logs/recent-logs.ts';
import { isToBeAsked } from './patience.ts';
import type { Plugin } from './plugin.ts';
import type { Plugins } from './plugins.ts';
import { Questions } from './questions.ts';
import { afterAnswer, afterStatus } from './sighting.ts';
import type { Sighting } from './sighting.ts';
import type { Sightings } from './sightings.ts';
import { askStatus } from './status-question.ts';
import type { Timings } from './timings.ts';

export interface LivenessOptions {
  connection: Connection;
  plugins: Plugins;
  sightings: Sightings;
  questions: Questions;
  recentLogs: RecentLogs;
  /** Between two questions for the statistics of an instance without events, whose answers show that it lives. */
  pollEveryMs: () => number;
  timings: Pick<
    Timings,
    | 'heartbeatMs'
    | 'pollEveryMs'
    | 'probeEveryMs'
    | 'answerMs'
    | 'quietMs'
    | 'quietAnswerMs'
    | 'uselessLeastMs'
    | 'forgetAfterMs'
  >;
  signal: AbortSignal;
}

/** Of an instance without events, which may be busy. */
const missedAnswers = 2;
/** So often in a row must the broker say that nobody is there. */
const vacanciesMost = 2;
/** Of our own that are quiet: at the same time, and in one look. Were all to hang at once, all were known to within 2 s. */
const quietMost = 1_024;
const quietInOneLook = 256;

/** One of our own that was heard before, and is quiet. */
interface Quiet {
  id: string;
  sighting: Sighting;
}

/** Notices when an instance falls silent, when one without events is ready, and forgets who has gone. */
export class Liveness {
  readonly #options: LivenessOptions;
  /** To those of our own that are quiet: nobody else's questions shall keep them waiting, nor anybody's answer. */
  readonly #ours: Questions;
  readonly #doubts: FailureDoubts;
  #lookedAt = now();

  constructor(options: LivenessOptions) {
    const { connection, timings, signal } = options;
    this.#options = options;
    const answerMs = timings.quietAnswerMs;
    this.#ours = new Questions({ connection, answerMs, most: quietMost, afterNonsenseMs: answerMs, signal });
    this.#doubts = new FailureDoubts(options);
  }

  async run(): Promise<void> {
    const { timings, signal } = this.#options;
    const everyMs = Math.min(timings.heartbeatMs / 4, timings.quietMs / 8);
    while (!signal.aborted) {
      // Its one failure is the signal's, which ends the loop.
      await delay(everyMs, signal).catch(() => undefined);
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
    const quiet: Quiet[] = [];
    for (const plugin of plugins.all()) {
      for (const sighting of plugin.sightings.values())
        if (this.#look(plugin, sighting, at)) quiet.push({ id: plugin.id, sighting });
      this.#doubts.look(plugin, at);
      this.#forgetWhenGone(plugin, at);
    }
    // Of whom nothing was heard for the longest time comes first.
    const first = quiet.sort((a, b) => a.sighting.heardAt - b.sighting.heardAt).slice(0, quietInOneLook);
    for (const { id, sighting } of first) this.#askQuiet(id, sighting, at);
  }

  /** @returns whether it is one of our own that is to be asked if it is there still */
  #look(plugin: Plugin, sighting: Sighting, at: number): boolean {
    const { timings, questions } = this.#options;
    const { instance, status, speaks, heardAt } = sighting;
    const managed = plugin.managed.get(instance);
    if (!managed && at - heardAt > (status === 'stopped' ? 0 : timings.forgetAfterMs)) {
      this.#forget(plugin, instance);
      return false;
    }
    const isManaged = managed !== undefined;
    const isUnheard = managed?.status === 'starting' && !speaks;
    const pollEveryMs = this.#options.pollEveryMs();
    if (!isToBeAsked(sighting, { timings, pollEveryMs, isManaged, isUnheard }, at)) return false;
    if (isManaged && speaks) return true;
    if (!questions.mayAsk('PING', plugin.id, instance, isManaged)) return false;
    sighting.askedAt = at;
    void (isUnheard
      ? this.#probeStarting(plugin.id, instance)
      : this.#probeLate(questions, plugin.id, instance, at));
    return false;
  }

  #askQuiet(id: string, sighting: Sighting, at: number): void {
    const { instance } = sighting;
    if (!this.#ours.mayAsk('PING', id, instance)) return;
    sighting.askedAt = at;
    void this.#probeLate(this.#ours, id, instance, at);
  }

  async #probeLate(questions: Questions, id: string, instance: string, at: number): Promise<void> {
    const { connection, sightings, timings, signal } = this.#options;
    const answer = await questions.askOrMiss('PING', id, instance);
    if (!connection.connected || signal.aborted) return;
    sightings.change(id, instance, (before) => {
      if (typeof answer === 'object') return afterAnswer(before, instance, answer['version'], now());
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
    const { connection, questions, sightings, timings, signal } = this.#options;
    const answer = await questions.ask('PING', id, instance);
    if (!answer) return;
    const said = await askStatus(id, { connection, forMs: timings.answerMs / 4, signal });
    const event = said.find((one) => one.instance === instance);
    sightings.change(id, instance, (before) => {
      if (before.speaks) return before;
      return event
        ? afterStatus(before, event, now())
        : afterAnswer(before, instance, answer['version'], now());
    });
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
