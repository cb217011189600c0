import {
  decodeDescriptor,
  decodeJson,
  isHeartbeat,
  isStatusEvent,
  isSubjectToken,
  parseEventSubject,
  pluginIdProblem,
  subjects,
} from '@bkg/sdk';
import type { Connection, Descriptor, EventSubject, Logger, ServiceVerb } from '@bkg/sdk';
import type { Msg, Subscription } from '@nats-io/nats-core';
import { delay } from '@bkg/sdk/host';
import { now } from './clock.ts';
import type { RecentLogs } from './logs/recent-logs.ts';
import type { Plugin } from './plugin.ts';
import type { Plugins } from './plugins.ts';
import { afterAnswer, afterHeartbeat, afterStatus, looksTheSame } from './sighting.ts';
import type { Sighting } from './sighting.ts';
import type { Timings } from './timings.ts';

export interface DiscoveryOptions {
  connection: Connection;
  plugins: Plugins;
  recentLogs: RecentLogs;
  log: Logger;
  timings: Timings;
  /** An instance that this supervisor has seen end: what still arrives of it is late. */
  hasEnded: (instance: string) => boolean;
  /** A managed instance has said what it can do. */
  onDescriptor: (plugin: Plugin, descriptor: Descriptor) => void;
}

/** Of one plugin; each costs a line of the registry's entry. */
const instancesMost = 256;
const eventMostBytes = 128 * 1024;
/** Questions that wait for an answer at the same time. */
const questionsMost = 32;
/** Unknown services that one round of questions asks for more. */
const unknownMost = 200;
/** Heartbeats come every 2 s, jittered by a tenth: three missed, and a little for the way. */
const missedHeartbeats = 3.4;
/** Of one without events. */
const missedAnswers = 2;

/** Finds the instances of all plugins on the bus, and notices when one falls silent. */
export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #ending = new AbortController();
  readonly #questions = new Set<string>();
  #subscriptions: Subscription[] = [];
  #sweptAt = now();

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  start(): void {
    const { connection } = this.#options;
    const on = (subject: string, take: (about: EventSubject, msg: Msg) => void): Subscription =>
      connection.subscribe(subject, {
        callback: (error, msg) => {
          const about = error ? undefined : this.#about(msg);
          if (about) take(about, msg);
        },
      });
    this.#subscriptions = [
      on(subjects.events('status'), (about, msg) => this.#hearStatus(about, msg)),
      on(subjects.events('telemetry'), (about, msg) => this.#hearHeartbeat(about, msg)),
      on(subjects.events('log'), (about, msg) => this.#hearLog(about, msg)),
    ];
    void this.#repeat(this.#options.timings.heartbeatMs / 4, () => this.#sweep());
    void this.#repeat(this.#options.timings.pingEveryMs, () => this.#askWhoIsThere());
    void this.#askWhoIsThere();
  }

  /** Nobody is late whom we could not hear. */
  forgive(): void {
    const at = now();
    for (const plugin of this.#options.plugins.all()) {
      for (const sighting of plugin.sightings.values()) sighting.heardAt = at;
    }
  }

  close(): void {
    this.#ending.abort(new Error('the supervisor ends'));
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  /** Whom an event speaks of; undefined for one that does not count. */
  #about(msg: Msg): EventSubject | undefined {
    const about = parseEventSubject(msg.subject);
    if (!about || msg.data.length > eventMostBytes || this.#options.hasEnded(about.instance)) return undefined;
    return pluginIdProblem(about.id) ? undefined : about;
  }

  #hearStatus({ id, instance }: EventSubject, msg: Msg): void {
    const event = bodyOf(msg);
    if (!isStatusEvent(event) || event.id !== id || event.instance !== instance) return;
    this.#see(id, instance, (before) => afterStatus(before, event, now()));
  }

  #hearHeartbeat({ id, instance }: EventSubject, msg: Msg): void {
    const heartbeat = bodyOf(msg);
    if (!isHeartbeat(heartbeat)) return;
    this.#see(id, instance, (before) => afterHeartbeat(before, instance, heartbeat, now()));
  }

  #hearLog({ id, instance }: EventSubject, msg: Msg): void {
    const plugin = this.#options.plugins.get(id);
    // Those of a managed instance are ours, and in its file.
    if (!plugin || plugin.managed.has(instance)) return;
    this.#options.recentLogs.hear(id, instance, bodyOf(msg), msg.data.length);
  }

  #see(id: string, instance: string, change: (before: Sighting | undefined) => Sighting): void {
    const { plugins } = this.#options;
    const known = plugins.get(id);
    const before = known?.sightings.get(instance);
    if (!before && (known ? known.sightings.size >= instancesMost : !plugins.hasRoom)) return;
    this.#set(known ?? plugins.ensure(id), before, change(before));
  }

  #set(plugin: Plugin, before: Sighting | undefined, sighting: Sighting): void {
    const { instance, status } = sighting;
    plugin.sightings.set(instance, sighting);
    plugin.managed.get(instance)?.hear(sighting);
    if (!looksTheSame(before, sighting)) this.#options.plugins.changed(plugin.id);
    const isLeaving = status === 'stopping' || status === 'stopped';
    if (!isLeaving && sighting.describedHash !== (sighting.descriptorHash ?? '')) {
      void this.#describe(plugin.id, instance);
    }
  }

  /** Changes a sighting unless it has gone meanwhile. */
  #change(id: string, instance: string, change: (before: Sighting) => Sighting): void {
    const plugin = this.#options.plugins.get(id);
    const before = plugin?.sightings.get(instance);
    if (plugin && before) this.#set(plugin, before, change(before));
  }

  /** Asks an instance what it can do. */
  async #describe(id: string, instance: string): Promise<void> {
    const hash = this.#options.plugins.get(id)?.sightings.get(instance)?.descriptorHash ?? '';
    const info = await this.#ask('INFO', id, instance);
    if (!info) return;
    const descriptor = decodeDescriptor(info);
    this.#change(id, instance, (before) => ({
      ...before,
      describedHash: hash,
      ...(descriptor && { descriptor }),
      // Who knows better says so with the next heartbeat.
      ...(before.version === '0.0.0' && descriptor && { version: descriptor.version }),
    }));
    const plugin = this.#options.plugins.get(id);
    if (descriptor && plugin?.managed.has(instance)) this.#options.onDescriptor(plugin, descriptor);
  }

  /** A direct question, answered by the one that is meant; undefined when it is not, or too many are asked already. */
  async #ask(verb: ServiceVerb, id: string, instance: string): Promise<Record<string, unknown> | undefined> {
    const { connection, timings } = this.#options;
    const question = `${verb} ${id} ${instance}`;
    if (this.#questions.has(question) || this.#questions.size >= questionsMost) return undefined;
    this.#questions.add(question);
    try {
      const msg = await connection.request(subjects.service(verb, id, instance), '', {
        timeoutMs: timings.answerMs,
        signal: this.#ending.signal,
      });
      const answer = bodyOf(msg) as Record<string, unknown> | undefined;
      return answer?.['name'] === id && answer['id'] === instance ? answer : undefined;
    } catch {
      // Nobody, or too late: that is an answer too.
      return undefined;
    } finally {
      this.#questions.delete(question);
    }
  }

  /** Finds services that publish no events, and SDK instances that are between two heartbeats. */
  async #askWhoIsThere(): Promise<void> {
    const { connection, log, plugins, timings } = this.#options;
    try {
      const replies = await connection.requestMany(subjects.service('PING'), '', {
        forMs: timings.answerMs,
        signal: this.#ending.signal,
      });
      const unknown = replies
        .map((msg) => bodyOf(msg) as { name?: unknown; id?: unknown } | undefined)
        .flatMap((one) => (isInstanceName(one) ? [one] : []))
        .filter(({ name, id }) => !plugins.get(name)?.sightings.has(id) && !this.#options.hasEnded(id))
        .slice(0, unknownMost);
      for (const { name, id } of unknown) await this.#introduce(name, id);
    } catch (error) {
      if (!this.#ending.signal.aborted && connection.connected) log.warn({ error }, 'asking who is there failed');
    }
  }

  async #introduce(id: string, instance: string): Promise<void> {
    const info = await this.#ask('INFO', id, instance);
    const descriptor = info && decodeDescriptor(info);
    if (!descriptor) return;
    this.#see(id, instance, (before) => ({
      ...afterAnswer(before, instance, descriptor.version, now()),
      descriptor,
      describedHash: before?.descriptorHash ?? '',
    }));
  }

  /** Looks for who is late. */
  #sweep(): void {
    const { connection, plugins, timings } = this.#options;
    const at = now();
    // After a long pause of our own, as of a machine that slept, everybody seems late.
    const paused = at - this.#sweptAt > timings.heartbeatMs;
    this.#sweptAt = at;
    if (!connection.connected) return;
    if (paused) this.forgive();
    for (const plugin of plugins.all()) {
      for (const sighting of plugin.sightings.values()) this.#look(plugin, sighting, at);
      this.#forgetWhenGone(plugin, at);
    }
  }

  #look(plugin: Plugin, sighting: Sighting, at: number): void {
    const { heartbeatMs, pollEveryMs, answerMs, probeEveryMs, forgetAfterMs } = this.#options.timings;
    const { speaks, heardAt, askedAt = 0, silentSince } = sighting;
    const managed = plugin.managed.get(sighting.instance);
    if (managed?.status === 'starting' && !speaks) {
      if (at - askedAt >= probeEveryMs) void this.#probeStarting(plugin, sighting, at);
      return;
    }
    if (!managed && at - heardAt > (sighting.status === 'stopped' ? 0 : forgetAfterMs)) {
      return this.#forget(plugin, sighting.instance);
    }
    const patienceMs = speaks ? heartbeatMs * missedHeartbeats : pollEveryMs;
    const everyMs = speaks && silentSince === undefined ? answerMs : pollEveryMs;
    if (at - heardAt > patienceMs && at - askedAt >= everyMs) void this.#probe(plugin, sighting, at);
  }

  /** The direct question to one that is late. */
  async #probe(plugin: Plugin, late: Sighting, at: number): Promise<void> {
    if (this.#questions.size >= questionsMost) return;
    late.askedAt = at;
    const answer = await this.#ask('PING', plugin.id, late.instance);
    if (!this.#options.connection.connected || this.#ending.signal.aborted) return;
    this.#change(plugin.id, late.instance, (before) => {
      if (answer) return afterAnswer(before, late.instance, textOf(answer['version']), now());
      const missed = (at - before.heardAt) / this.#options.timings.pollEveryMs;
      const isSilent = before.speaks ? before.heardAt <= at : missed >= missedAnswers;
      return isSilent && before.silentSince === undefined ? { ...before, silentSince: now() } : before;
    });
  }

  /**
   * Is a starting instance ready that publishes no events? One that answers might be an SDK instance whose events this
   * supervisor has missed: it is asked for its status first.
   */
  async #probeStarting(plugin: Plugin, starting: Sighting, at: number): Promise<void> {
    const { connection, timings } = this.#options;
    const { instance } = starting;
    starting.askedAt = at;
    const answer = await this.#ask('PING', plugin.id, instance);
    if (!answer) return;
    const replies = await connection
      .requestMany(subjects.status(plugin.id), '', { forMs: timings.answerMs / 4, signal: this.#ending.signal })
      .catch(() => []);
    const event = replies.map(bodyOf).filter(isStatusEvent).find((one) => one.instance === instance && one.id === plugin.id);
    this.#change(plugin.id, instance, (before) => {
      if (before.speaks) return before;
      if (event) return afterStatus(before, event, now());
      return afterAnswer(before, instance, textOf(answer['version']), now());
    });
  }

  #forget(plugin: Plugin, instance: string): void {
    plugin.sightings.delete(instance);
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

  async #repeat(everyMs: number, work: () => void | Promise<void>): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      // Its one failure is the signal's, which ends the loop.
      await delay(everyMs * (0.9 + Math.random() * 0.2), signal).catch(() => undefined);
      if (!signal.aborted) await work();
    }
  }
}

function isInstanceName(value: unknown): value is { name: string; id: string } {
  const { name, id } = (value ?? {}) as Record<string, unknown>;
  return typeof name === 'string' && !pluginIdProblem(name) && typeof id === 'string' && isSubjectToken(id);
}

/** Undefined for what is not JSON: anybody may publish anything. */
function bodyOf(msg: Msg): unknown {
  try {
    return decodeJson(msg.data);
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
