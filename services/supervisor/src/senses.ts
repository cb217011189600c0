import type { Connection, Logger } from '@bkg/sdk';
import type { Subscription } from '@nats-io/nats-core';
import { DescriptorKeeper } from './descriptor-keeper.ts';
import type { DesiredState } from './desired-state.ts';
import { Discovery } from './discovery.ts';
import { Introductions } from './introductions.ts';
import { Liveness } from './liveness.ts';
import { RecentLogs } from './logs/recent-logs.ts';
import type { Plugins } from './plugins.ts';
import { Questions } from './questions.ts';
import { Sightings } from './sightings.ts';
import { StatsPoll } from './stats-poll.ts';
import type { Timings } from './timings.ts';

export interface SensesOptions {
  connection: Connection;
  plugins: Plugins;
  desiredState: DesiredState;
  /** An instance that this supervisor has seen end: what still arrives of it is late. */
  hasEnded: (instance: string) => boolean;
  timings: Timings;
  log: Logger;
  signal: AbortSignal;
}

/** What a plugin says of itself: an entry of the registry has its configuration and its instances as well. */
const descriptorMostBytes = 384 * 1024;

/** All that is learned of instances on the bus: what they publish, and what they answer. */
export class Senses {
  readonly questions: Questions;
  readonly recentLogs: RecentLogs;
  readonly #options: SensesOptions;
  readonly #sightings: Sightings;
  readonly #discovery: Discovery;
  readonly #liveness: Liveness;
  readonly #statsPoll: StatsPoll;

  constructor(options: SensesOptions) {
    const { connection, plugins, desiredState, hasEnded, timings, log, signal } = options;
    this.#options = options;
    this.recentLogs = new RecentLogs((id, instance) => plugins.get(id)?.sightings.has(instance) ?? false);
    const questions = new Questions({ connection, answerMs: timings.answerMs, signal });
    this.questions = questions;
    const keeper = new DescriptorKeeper({ desiredState, log, onChange: ({ id }) => plugins.changed(id) });
    const sightings = new Sightings({
      plugins,
      questions,
      descriptorMostBytes: () =>
        Math.min(descriptorMostBytes, Math.floor(connection.maxPayloadBytes * 0.375)),
      onTooMuch: (id, instance, text) => this.#warn(id, instance, text),
      onDescriptor: (plugin, descriptor) => keeper.keep(plugin, descriptor),
    });
    this.#sightings = sightings;
    const firstMs = timings.pingLeastMs;
    const introductions = new Introductions({ plugins, sightings, questions, hasEnded, firstMs });
    const parts = { connection, plugins, sightings, recentLogs: this.recentLogs, timings, log, signal };
    this.#discovery = new Discovery({ ...parts, introductions, hasEnded });
    this.#statsPoll = new StatsPoll({
      ...parts,
      onStranger: (id, instance) => void introductions.meet(id, instance),
      usageOf: (plugin, instance) => plugin.managed.get(instance)?.sampleUsage(),
    });
    this.#liveness = new Liveness({ ...parts, questions, pollEveryMs: () => this.#statsPoll.everyMs });
  }

  /** Hears what is published, and asks. @returns what is to be unsubscribed in the end */
  listen(): Subscription[] {
    return this.#discovery.start();
  }

  /** Looks after those that are known, until the signal. */
  run(): void {
    void this.#liveness.run();
    void this.#statsPoll.run();
  }

  /** The broker is back: nobody is late whom we could not hear. */
  forgive(): void {
    this.#sightings.forgive();
  }

  /** Says something of an instance in its log, whoever has started it. */
  #warn(id: string, instance: string, text: string): void {
    const { log, plugins } = this.#options;
    log.warn({ plugin_id: id, instance }, text);
    const managed = plugins.get(id)?.managed.get(instance);
    if (managed) return managed.note('warn', text);
    this.recentLogs.note(id, instance, 'warn', text);
  }
}
