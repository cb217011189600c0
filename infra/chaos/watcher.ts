import type { Connection } from '@bkg/sdk';
import { problemOfMsg, subjects } from '@bkg/sdk';
import type { GatewayClient } from '@bkg/sdk/client/ws';
import type { PluginInfo } from '@bkg/sdk/protocol';
import type { ChaosLog } from './chaos-log.ts';
import { falseClaims } from './claims.ts';
import type { Known } from './claims.ts';
import { now } from './clock.ts';
import { pluginIds } from './plan.ts';

const lookEveryMs = 500;
const answerMostMs = 2_000;

/** How states are seen: what a dashboard is told on `/ws`, what `GET /api/plugins` and the supervisor itself answer. */
export const views = ['socket', 'http', 'registry'] as const;
export type View = (typeof views)[number];

export interface WatcherOptions {
  url: string;
  gateway: GatewayClient;
  connection: Connection;
  known: Known;
  log: ChaosLog;
}

/** Looks at every state that is shown, and compares it with what is so. */
export class Watcher {
  readonly #options: WatcherOptions;
  readonly #socket = new Map<string, PluginInfo>();
  readonly #unsubscribe: () => void;
  readonly #end = new AbortController();
  readonly #running: Promise<unknown>;
  /** When each false claim was seen first, by view and claim without its times. */
  readonly #seen = new Set<string>();
  readonly wrong: string[] = [];
  readonly looks: Record<View, number> = { socket: 0, http: 0, registry: 0 };
  /** How often nothing was shown, because nobody answered or the answer was an error. */
  readonly nothing: Record<View, number> = { socket: 0, http: 0, registry: 0 };
  /** States by their word, and those that were marked as unknown. */
  readonly states: { [word: string]: number } = {};

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#unsubscribe = options.gateway.subscribe(
      { topic: 'plugins' },
      {
        onSnapshot: (plugins) => {
          this.#socket.clear();
          for (const plugin of plugins) this.#socket.set(plugin.id, plugin);
          this.#lookAt('socket', plugins, now());
        },
        onData: (data) => {
          if ('removed' in data) return void this.#socket.delete(data.removed);
          this.#socket.set(data.plugin.id, data.plugin);
          this.#lookAt('socket', [data.plugin], now());
        },
      },
    );
    this.#running = Promise.all([
      this.#repeat('socket', async () => this.#shownOnSocket()),
      this.#repeat('http', () => this.#byHttp()),
      this.#repeat('registry', () => this.#byRegistry()),
    ]);
  }

  async stop(): Promise<void> {
    this.#end.abort();
    this.#unsubscribe();
    await this.#running;
  }

  /** What was said last stands there until something else is said, or the connection is known to be gone. */
  #shownOnSocket(): PluginInfo[] {
    if (this.#options.gateway.state.status !== 'live') throw new Error('the socket is not live');
    return [...this.#socket.values()];
  }

  async #byHttp(): Promise<PluginInfo[]> {
    const response = await fetch(`${this.#options.url}/api/plugins`, {
      signal: AbortSignal.timeout(answerMostMs),
    });
    if (!response.ok) throw new Error(`it was answered ${response.status}`);
    return (await response.json()) as PluginInfo[];
  }

  async #byRegistry(): Promise<PluginInfo[]> {
    const reply = await this.#options.connection.request(subjects.registryList, '', {
      timeoutMs: answerMostMs,
    });
    if (problemOfMsg(reply)) throw new Error('it was answered with an error');
    return reply.json<PluginInfo[]>();
  }

  async #repeat(view: View, read: () => Promise<PluginInfo[]>): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      // An answer is as old as its question at most.
      const at = now();
      try {
        this.#lookAt(view, await read(), at);
      } catch {
        this.nothing[view] += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  }

  #lookAt(view: View, plugins: readonly PluginInfo[], at: number): void {
    const { known, log } = this.#options;
    this.looks[view] += 1;
    for (const plugin of plugins.filter(({ id }) => pluginIds.some((own) => own === id))) {
      const word = plugin.unknown_since === undefined ? plugin.status : `${plugin.status}, unknown`;
      this.states[word] = (this.states[word] ?? 0) + 1;
      for (const claim of falseClaims(plugin, at, known)) {
        const what = `${view}: ${claim}`;
        // The same claim goes on until it is corrected.
        const key = what.replaceAll(/\d+\.\d s/g, '');
        if (this.#seen.has(key)) continue;
        this.#seen.add(key);
        this.wrong.push(what);
        log.tell('false', `! ${what}`, { at: new Date(at).toISOString(), plugin });
      }
    }
  }
}
