import type { PluginInfo } from '@bkg/sdk';
import { connectGateway } from '@bkg/sdk/client/ws';
import type { GatewayClient } from '@bkg/sdk/client/ws';
import { eventually } from '@bkg/sdk/testing';
import { now } from '../clock.ts';

const frameMostMs = 10_000;

/** What the dashboard's page does: it follows all plugins and their telemetry over one socket. */
export class Dashboard implements AsyncDisposable {
  readonly #client: GatewayClient;
  readonly #awaited = new Map<string, (plugin: PluginInfo) => void>();
  #plugins = 0;
  #telemetry = 0;
  #frames = 0;

  /** @returns when it has been told all */
  static async open(url: string): Promise<Dashboard> {
    const dashboard = new Dashboard(url);
    await eventually(() => dashboard.#plugins > 0 && dashboard.#telemetry > 0, { withinMs: 30_000 });
    return dashboard;
  }

  constructor(url: string) {
    this.#client = connectGateway({ url });
    this.#client.subscribe(
      { topic: 'plugins' },
      {
        onSnapshot: (plugins) => (this.#plugins = plugins.length),
        onData: (data) => {
          if ('plugin' in data) this.#awaited.get(data.plugin.id)?.(data.plugin);
        },
      },
    );
    this.#client.subscribe(
      { topic: 'telemetry' },
      {
        onSnapshot: (all) => (this.#telemetry = all.filter(({ instances }) => instances > 0).length),
        onData: () => (this.#frames += 1),
      },
    );
  }

  /** In the first snapshots: how many plugins, and of how many there was telemetry. */
  get told(): { plugins: number; telemetry: number } {
    return { plugins: this.#plugins, telemetry: this.#telemetry };
  }

  /** Of telemetry, so far. */
  get frames(): number {
    return this.#frames;
  }

  /** When the next frame came that shows a plugin so, in ms since the epoch. @throws Error when none does within 10 s */
  sees(id: string, isMeant: (plugin: PluginInfo) => boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#awaited.delete(id);
        reject(new Error(`no frame showed the change of ${id} within ${frameMostMs} ms`));
      }, frameMostMs);
      this.#awaited.set(id, (plugin) => {
        if (!isMeant(plugin)) return;
        clearTimeout(late);
        this.#awaited.delete(id);
        resolve(now());
      });
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client.close();
  }
}
