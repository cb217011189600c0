import type { Connection } from '@bkg/sdk';
import { problemOfMsg, subjects } from '@bkg/sdk';
import type { GatewayClient } from '@bkg/sdk/client/ws';
import type { PluginInfo } from '@bkg/sdk/protocol';
import type { ChaosLog } from './chaos-log.ts';
import { falseClaims, isKnown, isUndisturbed } from './claims.ts';
import type { Known } from './claims.ts';
import { now } from '../bench/clock.ts';
import { pause } from './clock.ts';
import type { Mesh } from './mesh.ts';
import { pluginIds } from './plan.ts';

const lookEveryMs = 500;
const answerMostMs = 2_000;

/** How states are seen: what a dashboard is told on `/ws`, what `GET /api/plugins` and the supervisor itself answer. */
export const views = ['socket', 'http', 'registry'] as const;
export type View = (typeof views)[number];

/** What was shown, at what time. */
export interface Look {
  at: number;
  view: View;
  plugins: readonly PluginInfo[];
  /** Why nothing was. */
  failure?: string;
}

export interface WatcherOptions {
  url: string;
  headers: Mesh['headers'];
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
  /** The false claims that were told of, by view, without their times. */
  readonly #seen = new Set<string>();
  /** At a time of which it is not known yet whether a part was back. */
  #undecided: Look[] = [];
  readonly wrong: string[] = [];
  readonly looks: Record<View, number> = { socket: 0, http: 0, registry: 0 };
  /** How often nothing was shown, because nobody answered or the answer was an error. */
  readonly nothing: Record<View, number> = { socket: 0, http: 0, registry: 0 };
  /** States by their word, and those that were marked as unknown. */
  readonly states: { [word: string]: number } = {};
  /** Every instance that was said to run, and where that was shown first. */
  readonly running = new Map<string, string>();
  /** What is shown now, or was when somebody answered last. */
  readonly last: Partial<Record<View, Look>> = {};

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
    this.#judgeUndecided();
  }

  /** What was said last stands there until something else is said, or the connection is known to be gone. */
  #shownOnSocket(): PluginInfo[] {
    if (this.#options.gateway.state.status !== 'live') throw new Error('the socket is not live');
    return [...this.#socket.values()];
  }

  async #byHttp(): Promise<PluginInfo[]> {
    const { url, headers } = this.#options;
    const response = await fetch(`${url}/api/plugins`, {
      headers,
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
        const plugins = await read();
        this.last[view] = { at, view, plugins };
        this.#lookAt(view, plugins, at);
      } catch (error) {
        this.nothing[view] += 1;
        // A part may have gone while it was asked.
        this.#undecided.push({ at: now(), view, plugins: [], failure: String(error) });
      }
      await pause(lookEveryMs, signal);
    }
  }

  #lookAt(view: View, all: readonly PluginInfo[], at: number): void {
    const plugins = all.filter(({ id }) => pluginIds.some((own) => own === id));
    this.looks[view] += 1;
    for (const plugin of plugins) {
      const word = plugin.unknown_since === undefined ? plugin.status : `${plugin.status}, unknown`;
      this.states[word] = (this.states[word] ?? 0) + 1;
      this.#noteRunning(view, plugin);
    }
    this.#undecided.push({ at, view, plugins });
    this.#judgeUndecided();
  }

  #noteRunning(view: View, { id, instances, unknown_since }: PluginInfo): void {
    if (unknown_since !== undefined) return;
    for (const { instance, status } of instances)
      if (status === 'running' && !this.running.has(instance)) this.running.set(instance, `${view}: ${id}`);
  }

  #judgeUndecided(): void {
    const { known } = this.#options;
    const { true: decided = [], false: left = [] } = Object.groupBy(this.#undecided, ({ at }) =>
      isKnown(at, known) ? 'true' : 'false',
    );
    this.#undecided = left;
    for (const look of decided) this.#judge(look);
  }

  #judge({ at, view, plugins, failure }: Look): void {
    const { known } = this.#options;
    if (failure !== undefined && isUndisturbed(at, known))
      this.#find(`${view}: nothing is shown, and no part is away: ${failure}`, at);
    for (const plugin of plugins)
      for (const claim of falseClaims(plugin, at, known)) this.#find(`${view}: ${claim}`, at, plugin);
  }

  #find(what: string, at: number, plugin?: PluginInfo): void {
    // The same claim goes on until it is corrected.
    const key = what.replaceAll(/\d+\.\d s/g, '');
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.wrong.push(what);
    this.#options.log.tell('false', `! ${what}`, { at: new Date(at).toISOString(), plugin });
  }
}
