import type { SubscriptionHandlers, SubscriptionRequest, Topic } from '@bkg/sdk/client/ws';
import type { PluginInfo, PluginTelemetry, Problem } from '@bkg/sdk/protocol';
import { SvelteMap } from 'svelte/reactivity';
import { onceAFrame } from './once-a-frame.ts';
import { PluginCell } from './plugin-cell.svelte.ts';
import { listPlugins } from './plugins.ts';
import { problemOfError } from './request.ts';
import type { Recorder } from './telemetry/recorder.svelte.ts';
import { wait } from './wait.ts';

/** The part of the gateway's client that follows topics. */
export interface Source {
  subscribe: <T extends Topic>(
    request: SubscriptionRequest<T>,
    handlers: SubscriptionHandlers<T>,
  ) => () => void;
}

/** A gateway that has just started may still have to read the registry. */
const patienceMs = 3_000;
const askAgainMs = 5_000;

/** All plugins, live: what the gateway tells over the page's one socket. */
export class PluginList {
  #cells = new SvelteMap<string, PluginCell>();
  /** A list was told at least once. */
  known = $state(false);
  /** Why the gateway, which is reached, does not tell the plugins. */
  problem = $state.raw<Problem>();
  #recorder: Recorder;
  /** Something about the plugins was heard over the present connection. */
  #heard = false;

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
  }

  /** By name. */
  get all(): PluginCell[] {
    return [...this.#cells.values()].sort(
      (a, b) => a.info.name.localeCompare(b.info.name) || (a.id < b.id ? -1 : 1),
    );
  }

  find(id: string): PluginCell | undefined {
    return this.#cells.get(id);
  }

  /** Takes over what an action learnt about a plugin. */
  put(plugin: PluginInfo): void {
    const cell = this.#cells.get(plugin.id);
    if (cell) cell.put(plugin);
    else this.#cells.set(plugin.id, new PluginCell(plugin));
  }

  /** @returns ends it */
  follow(source: Source): () => void {
    const readings = onceAFrame<PluginTelemetry>((latest) => {
      for (const [id, telemetry] of latest) this.#cells.get(id)?.hear(telemetry);
    });
    let asking: AbortController | undefined;
    const hear = (telemetry: PluginTelemetry, isOld = false) => {
      this.#recorder.of(telemetry.plugin_id).add(telemetry, Date.now(), isOld);
      readings.put(telemetry.plugin_id, telemetry);
    };
    const ends = [
      source.subscribe(
        { topic: 'plugins' },
        {
          onSnapshot: (plugins) => this.#take(plugins),
          onData: (data) => {
            this.#hear();
            if ('plugin' in data) return this.put(data.plugin);
            this.#cells.delete(data.removed);
            readings.drop(data.removed);
          },
          onState: ({ status }) => {
            asking?.abort();
            this.#heard = false;
            if (status !== 'live') return;
            asking = new AbortController();
            void this.#askWhenSilent(asking.signal);
          },
          onError: (error) => (this.problem = problemOfError(error)),
        },
      ),
      source.subscribe(
        { topic: 'telemetry' },
        {
          onSnapshot: (all) => all.forEach((telemetry) => hear(telemetry, true)),
          onData: (telemetry) => hear(telemetry),
          onState: ({ status }) => {
            if (status !== 'live') this.#recorder.interrupt();
          },
        },
      ),
    ];
    return () => {
      asking?.abort();
      for (const end of ends) end();
      readings.end();
    };
  }

  #hear(): void {
    this.#heard = true;
    this.problem = undefined;
  }

  #take(plugins: readonly PluginInfo[]): void {
    this.#hear();
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- it never changes
    const ids = new Set(plugins.map(({ id }) => id));
    for (const id of [...this.#cells.keys()]) if (!ids.has(id)) this.#cells.delete(id);
    for (const plugin of plugins) {
      // Of another gateway, whose clock and knowledge count from now on.
      const cell = this.#cells.get(plugin.id);
      if (cell?.put(plugin)) continue;
      this.#cells.set(plugin.id, new PluginCell(plugin));
    }
    this.known = true;
  }

  /** A connected gateway that tells nothing has no plugins to tell of yet, or nothing new: it is asked which. */
  async #askWhenSilent(signal: AbortSignal): Promise<void> {
    await wait(patienceMs, signal);
    while (!signal.aborted && !this.#heard) {
      try {
        const plugins = await listPlugins({ signal });
        if (!signal.aborted && !this.#heard) this.#take(plugins);
      } catch (error) {
        if (!signal.aborted) this.problem = problemOfError(error);
      }
      await wait(askAgainMs, signal);
    }
  }
}
