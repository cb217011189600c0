import type { Msg } from '@nats-io/nats-core';
import { jsonOrUndefined, mergeTelemetry, parseEventSubject, problemOfMsg, subjects } from '@bkg/sdk';
import type { PluginInfo, PluginInstance } from '@bkg/sdk';
import type { Broker } from '../mesh/broker.ts';
import { instancesOf } from '../mesh/catalog.ts';
import type { Catalog } from '../mesh/catalog.ts';
import { readTelemetry } from '../mesh/read-telemetry.ts';
import type { PluginFilter } from './audience.ts';
import { EventSource, everyPlugin, keysOf } from './event-source.ts';
import { Lingering } from './lingering.ts';

/** What is heard because somebody looks at a plugin, or at all. */
interface Watched {
  leave: () => void;
  isLoaded: boolean;
  loaded: Promise<void>;
}

/** What is asked for, or was a moment ago. */
interface Asked {
  /** Whether the supervisor has answered. */
  answer: Promise<boolean>;
  /** What somebody has begun to watch after it was asked: what came between the answer and that was missed. */
  missed: Set<string>;
}

/** Somebody looks at plugins. */
export interface Look {
  /** What was known of them when it began is on the board. */
  readonly isLoaded: boolean;
  end: () => void;
}

/** What was answered is not asked for again in this time. */
const freshMs = 1_000;
/** The same of all plugins, for each: so that nobody can keep the supervisor busy with answering by asking us. */
const freshMsPerPlugin = 5;
/** More plugins than this are asked for together. */
const apartMost = 16;
/** The supervisor has this long, of one plugin and of all. */
const [oneMs, allMs] = [1_000, 2_000];
/** How long the answers of instances are collected, as the protocol has it. */
const collectMs = 250;
/** How long heartbeats go on being heard for somebody who may look again, as who loads a page anew; of how many plugins. */
const keptMs = 2_000;
const idleMost = 256;

/**
 * Puts on the board what telemetry somebody wants to see, and no other: of a plugin that is watched its heartbeats, which
 * begin with what the supervisor has heard before; for a single look what the supervisor has at that moment.
 */
export class TelemetrySource {
  readonly #broker: Broker;
  readonly #catalog: Catalog;
  readonly #events: EventSource;
  readonly #watched: Lingering<Watched>;
  readonly #asked = new Map<string, Asked>();
  readonly #stop: () => void;

  constructor(broker: Broker, catalog: Catalog) {
    this.#broker = broker;
    this.#catalog = catalog;
    this.#events = new EventSource(broker, 'telemetry', (msg) => {
      const subject = parseEventSubject(msg.subject);
      if (subject) catalog.telemetry.hear(subject.id, subject.instance, msg.data);
    });
    this.#watched = new Lingering({
      keptMs,
      idleMost,
      begin: (key) => this.#watch(key),
      end: ({ leave }) => leave(),
    });
    // The broker or the supervisor was away, and with it what has been said meanwhile.
    this.#stop = catalog.onRead(() => this.#askWatched(this.#watched.keys()));
  }

  /** Whether somebody watches this plugin, or has a moment ago. */
  hears(id: string): boolean {
    return this.#events.hears(id);
  }

  /** Watches plugins until that is ended. @param onLoaded is called once, unless it was ended before */
  watch(plugins: PluginFilter, onLoaded: () => void = () => undefined): Look {
    const keys = keysOf(plugins);
    const watched = keys.map((key) => this.#watched.keep(key));
    let isOpen = true;
    void Promise.all(watched.map(({ loaded }) => loaded)).then(() => {
      if (isOpen) onLoaded();
    });
    return {
      get isLoaded() {
        return watched.every((one) => one.isLoaded);
      },
      end: () => {
        if (!isOpen) return;
        isOpen = false;
        for (const key of keys) this.#watched.release(key);
      },
    };
  }

  /** For who looks once, at one plugin or at all: the board has what can be had when it resolves, soon. */
  async refresh(key: string = everyPlugin): Promise<void> {
    if (this.#isCurrent(key)) return;
    if (await this.#asked.get(everyPlugin)?.answer) return;
    await (this.#asked.get(key)?.answer ?? this.#askOnce(key));
  }

  close(): void {
    this.#stop();
    this.#watched.close();
  }

  #isCurrent(key: string): boolean {
    return [everyPlugin, key].some((one) => this.#watched.get(one)?.isLoaded);
  }

  #watch(key: string): Watched {
    const watched: Watched = {
      leave: this.#events.want(key),
      isLoaded: this.#isCurrent(key),
      loaded: Promise.resolve(),
    };
    if (!watched.isLoaded) {
      watched.loaded = this.#load(key).then(() => {
        watched.isLoaded = true;
      });
    }
    return watched;
  }

  /** Not before the broker has the subscription: what is heard meanwhile would be missed. */
  async #load(key: string): Promise<void> {
    await this.#broker.flush();
    if (this.#isCurrent(key)) return;
    // That answer does to begin with; what it lacks is asked for as soon as that may be.
    const asked = this.#asked.get(key) ?? this.#asked.get(everyPlugin);
    asked?.missed.add(key);
    await this.refresh(key);
  }

  /** For those of these that are still watched. */
  #askWatched(keys: Iterable<string>): void {
    const watched = [...keys].filter((key) => this.#watched.has(key) && this.#isThere(key));
    const isForAll = watched.includes(everyPlugin) || watched.length > apartMost;
    for (const key of isForAll ? [everyPlugin] : watched) void this.#askOnce(key);
  }

  #isThere(key: string): boolean {
    return key === everyPlugin || this.#catalog.get(key) !== undefined;
  }

  #askOnce(key: string): Promise<boolean> {
    // Anybody may name what does not exist; when it comes, it is heard.
    if (!this.#isThere(key)) return Promise.resolve(false);
    const answer = this.#ask(key);
    const asked: Asked = { answer, missed: new Set() };
    this.#asked.set(key, asked);
    const forAllMs = Math.max(freshMs, this.#catalog.size * freshMsPerPlugin);
    const forget = (): void => {
      if (this.#asked.get(key) !== asked) return;
      this.#asked.delete(key);
      this.#askWatched(asked.missed);
    };
    void answer.finally(() => {
      setTimeout(forget, key === everyPlugin ? forAllMs : freshMs).unref();
    });
    return answer;
  }

  async #ask(key: string): Promise<boolean> {
    if (!this.#broker.connected) return false;
    if (!this.#catalog.leaseIsStale && (await this.#askSupervisor(key))) return true;
    if (key !== everyPlugin) await this.#askInstances(key);
    return false;
  }

  async #askSupervisor(key: string): Promise<boolean> {
    const [subject, timeoutMs] =
      key === everyPlugin ? [subjects.registryList, allMs] : [subjects.registryGet(key), oneMs];
    let reply: Msg;
    try {
      reply = await this.#broker.request(subject, '', { timeoutMs });
    } catch {
      // It is away, or busy: the instances can be asked themselves.
      return false;
    }
    if (problemOfMsg(reply)) return true;
    const plugins = jsonOrUndefined(reply.data);
    for (const plugin of Array.isArray(plugins) ? plugins : [plugins]) {
      const { id, telemetry, instances } = Object(plugin) as Partial<PluginInfo>;
      if (typeof id !== 'string' || !Array.isArray(instances)) continue;
      const named = instances.map((one) => Object(one) as PluginInstance);
      this.#take(id, [telemetry], instancesOf({ instances: named }));
    }
    return true;
  }

  async #askInstances(id: string): Promise<void> {
    const instances = instancesOf(this.#catalog.get(id) ?? { instances: [] });
    const most = instances.length;
    if (most === 0) return;
    try {
      const replies = await this.#broker.requestMany(subjects.telemetry(id), '', { forMs: collectMs, most });
      const values = replies.map(({ data }) => jsonOrUndefined(data));
      this.#take(id, values, instances);
    } catch {
      // The broker went away meanwhile: what is known stays on the board.
    }
  }

  #take(id: string, values: readonly unknown[], instances: readonly string[]): void {
    const parts = values.flatMap((value) => readTelemetry(id, value) ?? []);
    if (parts.length > 0) this.#catalog.noteTelemetry(mergeTelemetry(id, parts), instances);
  }
}
