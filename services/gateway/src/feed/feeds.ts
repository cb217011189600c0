import type { Catalog } from '../mesh/catalog.ts';
import { Audience } from '../ws/audience.ts';
import { closeCodes } from '../ws/close-codes.ts';
import type { LogSource } from '../ws/log-source.ts';
import type { PluginBodies } from '../ws/plugin-bodies.ts';
import type { TelemetrySource } from '../ws/telemetry-source.ts';
import type { FeedClient } from './feed-client.ts';

export interface FeedsParts {
  catalog: Catalog;
  bodies: PluginBodies;
  lines: LogSource;
  telemetry: TelemetrySource;
}

/** The sockets of `/ws/plugins/:id`, by the plugin that they watch. */
export class Feeds {
  readonly #parts: FeedsParts;
  readonly #audience = new Audience<FeedClient>();
  readonly #stops: (() => void)[];

  constructor(parts: FeedsParts) {
    const { catalog, bodies, lines } = parts;
    this.#parts = parts;
    this.#stops = [
      catalog.onChange((id) => this.#sendStatus(id)),
      catalog.telemetry.onHear((id) => {
        const telemetry = this.#audience.has(id) ? bodies.telemetry(id) : undefined;
        if (telemetry) for (const client of this.#audience.of([id])) client.telemetry(telemetry);
      }),
      lines.onLine(({ pluginId, body }) => {
        for (const client of this.#audience.of([pluginId])) client.log(body);
      }),
    ];
  }

  /** Sends what there is to know of a plugin, and then every change. @returns ends it */
  join(id: string, client: FeedClient): () => void {
    const leave = this.#audience.add(new Set([id]), client);
    const unwant = this.#parts.lines.want(id);
    const look = this.#parts.telemetry.watch(new Set([id]));
    const plugin = this.#parts.bodies.info(id);
    // It may have gone between the request and the upgrade.
    if (plugin) client.status(plugin);
    else client.close(closeCodes.noSuchPlugin, `There is no plugin "${id}".`);
    return () => {
      leave();
      unwant();
      look.end();
    };
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #sendStatus(id: string): void {
    if (!this.#audience.has(id)) return;
    const plugin = this.#parts.bodies.info(id);
    for (const client of this.#audience.of([id])) {
      if (plugin) client.status(plugin);
      else client.close(closeCodes.noSuchPlugin, `There is no plugin "${id}" any more.`);
    }
  }
}
