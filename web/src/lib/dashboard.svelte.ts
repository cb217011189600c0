import { connectGateway } from '@bkg/sdk/client/ws';
import type { PluginConfig, PluginInfo } from '@bkg/sdk/protocol';
import { createContext } from 'svelte';
import { Actions } from './actions.svelte.ts';
import { ConfigSession } from './config/config-session.svelte.ts';
import { ConnectionState } from './connection.svelte.ts';
import { PluginList } from './plugin-list.svelte.ts';
import type { PluginView } from './plugin-view.svelte.ts';
import { Rollouts } from './rollout/rollouts.svelte.ts';
import { Recorder } from './telemetry/recorder.svelte.ts';

/** What lives as long as the page and is shared by all routes. */
export class Dashboard {
  /** The page's one socket, to the gateway that served it. */
  readonly client = connectGateway();
  readonly connection = new ConnectionState(this.client);
  readonly recorder = new Recorder();
  readonly plugins = new PluginList(this.recorder);
  readonly actions = new Actions((plugin) => this.plugins.put(plugin));
  readonly rollouts = new Rollouts({
    find: (id) => this.plugins.find(id)?.info,
    onPlugin: (plugin) => this.plugins.put(plugin),
  });
  /** By plugin id; what was changed and is not saved is there until the page is left. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- it is looked up, and never watched
  #configSessions = new Map<string, ConfigSession>();
  /** ms since the epoch, ticking each second, for uptimes and countdowns. */
  now = $state(Date.now());

  /** True when what is shown may not be so any more. */
  get stale(): boolean {
    const isUntold = this.plugins.known && this.plugins.problem !== undefined;
    return this.connection.staleSince !== undefined || isUntold;
  }

  /** True when nobody vouches for what is shown of a plugin. */
  isUnknown({ unknown_since: since }: Pick<PluginInfo, 'unknown_since'>): boolean {
    return this.stale || since !== undefined;
  }

  /** Begins with `config` where nothing was changed yet. */
  configSession(config: PluginConfig): ConfigSession {
    const { id } = config;
    const session =
      this.#configSessions.get(id) ??
      new ConfigSession(config, {
        info: () => this.plugins.find(id)?.info,
        onPlugin: (plugin) => this.plugins.put(plugin),
      });
    this.#configSessions.set(id, session);
    return session;
  }

  /** @returns ends it */
  run(): () => void {
    const timer = setInterval(() => (this.now = Date.now()), 1_000);
    const ends = [this.connection.watch(), this.plugins.follow(this.client)];
    return () => {
      clearInterval(timer);
      for (const end of ends) end();
      void this.client.close();
    };
  }
}

export const [getDashboard, setDashboard] = createContext<Dashboard>();

/** The view of the plugin whose pages are open; a function, because the id in the address can change. */
export const [getPluginView, setPluginView] = createContext<() => PluginView>();
