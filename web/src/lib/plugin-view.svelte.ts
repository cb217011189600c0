import type { PluginInfo } from '@bkg/sdk/protocol';
import { ConfigHistoryList } from './config/config-history.svelte.ts';
import { LogStream } from './log-stream.svelte.ts';
import { Playground, type StreamSource } from './playground.svelte.ts';
import type { PluginCell } from './plugin-cell.svelte.ts';
import type { PluginList, Source } from './plugin-list.svelte.ts';
import { Scaling } from './rollout/scaling.svelte.ts';

/** Everything the pages of one plugin show: its part of the list, its log, what was typed for it. */
export class PluginView {
  readonly id: string;
  readonly logs: LogStream;
  readonly playground: Playground;
  readonly scaling: Scaling;
  readonly configHistory: ConfigHistoryList;
  #plugins: PluginList;

  constructor(id: string, plugins: PluginList, client: StreamSource) {
    this.id = id;
    this.#plugins = plugins;
    this.logs = new LogStream(id);
    this.playground = new Playground(id, client);
    this.scaling = new Scaling(id, (plugin) => plugins.put(plugin));
    this.configHistory = new ConfigHistoryList(id);
  }

  get cell(): PluginCell | undefined {
    return this.#plugins.find(this.id);
  }

  get info(): PluginInfo | undefined {
    return this.cell?.info;
  }

  /** Follows the log. @returns ends it */
  follow(source: Source): () => void {
    return this.logs.follow(source);
  }
}
