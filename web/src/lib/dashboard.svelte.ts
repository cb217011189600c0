import { createContext } from 'svelte';
import { Actions } from './actions.svelte.ts';
import { ConnectionState } from './connection.svelte.ts';
import { PluginList } from './plugin-list.svelte.ts';
import type { PluginView } from './plugin-view.svelte.ts';
import { Readings } from './readings.svelte.ts';

/** What lives as long as the page and is shared by all routes. */
export class Dashboard {
  readonly connection = new ConnectionState();
  readonly readings = new Readings();
  readonly plugins = new PluginList(this.connection, this.readings);
  readonly actions = new Actions((plugin) => this.plugins.put(plugin));
  /** ms since the epoch, ticking each second, for uptimes and countdowns. */
  now = $state(Date.now());

  tick(): () => void {
    const timer = setInterval(() => (this.now = Date.now()), 1_000);
    return () => clearInterval(timer);
  }
}

export const [getDashboard, setDashboard] = createContext<Dashboard>();

/** The view of the plugin whose pages are open; a function, because the id in the address can change. */
export const [getPluginView, setPluginView] = createContext<() => PluginView>();
