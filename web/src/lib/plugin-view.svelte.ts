import type { PluginInfo } from '@bkg/sdk/protocol';
import { LogStream } from './log-stream.svelte.ts';
import { Playground } from './playground.svelte.ts';
import type { PluginCell } from './plugin-cell.svelte.ts';
import type { PluginList, Source } from './plugin-list.svelte.ts';

/** Everything the pages of one plugin show: its part of the list, its log, what was typed for it. */
export class PluginView {
  readonly id: string;
  readonly logs: LogStream;
  readonly playground: Playground;
  #plugins: PluginList;

  constructor(id: string, plugins: PluginList) {
    this.id = id;
    this.#plugins = plugins;
    this.logs = new LogStream(id);
    this.playground = new Playground(id);
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
