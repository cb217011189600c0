import type { ConfigHistory, ConfigRevision, PluginConfig, PluginInfo, Problem } from '@bkg/sdk/protocol';
import type { ChaosLog } from './chaos-log.ts';
import { pause } from './clock.ts';
import { replicasOfEcho, versions } from './folders.ts';
import type { Mesh } from './mesh.ts';
import { saysNotExecuted } from './not-executed.ts';
import { pluginIds } from './plan.ts';
import type { PluginId } from './plan.ts';
import { Promised } from './promises.ts';
import type { Attempt } from './promises.ts';
import { between } from './random.ts';
import type { Random } from './random.ts';

const readMostMs = 3_000;
/** The supervisor answers within 60 s; whoever waits for less does not know what has become of the order. */
const orderMostMs = 20_000;
const lookEveryMs = 4_000;

/** A configuration that was written, as far as we know of it. */
export interface WrittenRevision {
  plugin: PluginId;
  revision: number;
  counter: number;
}

/** How often each kind of order is given, in ms; the first after half of it. */
interface Routine {
  plugin: PluginId;
  everyMs: number;
  act: () => Promise<void>;
}

/** Changes the mesh all the time, as people and scripts do, and remembers what was acknowledged. */
export class Operator {
  readonly #url: string;
  readonly #headers: Mesh['headers'];
  readonly #log: ChaosLog;
  readonly #random: Random;
  readonly #end = new AbortController();
  readonly #busy = new Map<PluginId, Promise<void>>();
  #running: Promise<unknown> = Promise.resolve();
  #counter = 0;
  readonly counters = new Map(pluginIds.map((id) => [id, new Promised(`${id}: counter`, undefined)]));
  readonly versions = new Map(pluginIds.map((id) => [id, new Promised(`${id}: version`, versions[0])]));
  readonly replicas = new Promised('echo: replicas', replicasOfEcho);
  readonly written: WrittenRevision[] = [];
  /** Orders by how they ended. */
  readonly orders = { acknowledged: 0, refused: 0, unanswered: 0 };

  constructor({ url, headers }: Pick<Mesh, 'url' | 'headers'>, log: ChaosLog, random: Random) {
    this.#url = url;
    this.#headers = headers;
    this.#log = log;
    this.#random = random;
  }

  begin(): void {
    const routines: Routine[] = [
      { plugin: 'echo', everyMs: 1_000, act: () => this.configure('echo', 'settings') },
      { plugin: 'writer', everyMs: 1_300, act: () => this.configure('writer', 'settings') },
      { plugin: 'plain', everyMs: 13_000, act: () => this.configure('plain', 'env') },
      { plugin: 'echo', everyMs: 16_000, act: () => this.#swap('echo') },
      { plugin: 'echo', everyMs: 19_000, act: () => this.#scale(between(this.#random, 1, 3)) },
      {
        plugin: 'writer',
        everyMs: 24_000,
        act: () => this.#order('writer', 'restart', {}).then(() => undefined),
      },
      { plugin: 'writer', everyMs: 40_000, act: () => this.#swap('writer') },
    ];
    this.#running = Promise.all([
      ...routines.map((routine) => this.#repeat(routine)),
      ...pluginIds.map((plugin) =>
        this.#repeat({ plugin, everyMs: lookEveryMs, act: () => this.lookAfter(plugin) }),
      ),
    ]);
  }

  /** Gives no order any more, and waits for the answers of those that were given. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async configure(plugin: PluginId, member: 'settings' | 'env'): Promise<void> {
    const path = `${plugin}/config`;
    const current = await this.#ask<PluginConfig>('GET', path, undefined, readMostMs);
    if (!current.body) return;
    const counter = (this.#counter += 1);
    const attempt = this.counters.get(plugin)?.order(counter);
    const { revision } = current.body;
    const change = member === 'settings' ? { settings: { counter } } : { env: { COUNTER: String(counter) } };
    const answer = await this.#ask<PluginConfig>('POST', path, {
      revision,
      ...change,
      wait: false,
      by: 'chaos',
    });
    this.#count(plugin, `counter ${counter}`, answer);
    if (attempt) note(attempt, answer);
    if (answer.body) this.written.push({ plugin, revision: answer.body.revision, counter });
  }

  /** Who is down until somebody says otherwise is told so, by somebody who has looked. */
  async lookAfter(plugin: PluginId): Promise<void> {
    const { body } = await this.#ask<PluginInfo>('GET', plugin, undefined, readMostMs);
    if (body?.restarts?.stays_down) await this.#order(plugin, 'start', {});
  }

  async #swap(plugin: PluginId): Promise<void> {
    const { body } = await this.#ask<PluginInfo>('GET', plugin, undefined, readMostMs);
    if (!body) return;
    const version = versions.find((one) => one !== body.version) ?? versions[0];
    const attempt = this.versions.get(plugin)?.order(version);
    const answer = await this.#order(plugin, 'swap', { version });
    // One that has begun and was overtaken is a conflict, too.
    if (attempt && answer.problem?.code !== 'CONFLICT') note(attempt, answer);
  }

  async #scale(replicas: number): Promise<void> {
    const attempt = this.replicas.order(replicas);
    note(attempt, await this.#order('echo', 'scale', { replicas, wait: false }));
  }

  async history(plugin: PluginId): Promise<Map<number, ConfigRevision>> {
    const found = new Map<number, ConfigRevision>();
    for (let before = ''; ;) {
      const { body } = await this.#ask<ConfigHistory>('GET', `${plugin}/config/history${before}`);
      if (!body) throw new Error(`the history of ${plugin} cannot be read`);
      for (const one of body.revisions) found.set(one.revision, one);
      if (!body.truncated || body.revisions.length === 0) return found;
      before = `?before=${body.revisions.at(-1)?.revision}`;
    }
  }

  async #order(plugin: PluginId, verb: string, body: object): Promise<Answer<unknown>> {
    const answer = await this.#ask('POST', `${plugin}/${verb}`, { ...body, by: 'chaos' });
    this.#count(plugin, `${verb} ${JSON.stringify(body)}`, answer);
    return answer;
  }

  #count(plugin: PluginId, what: string, { body, problem }: Answer<unknown>): void {
    const end = body ? 'acknowledged' : problem ? 'refused' : 'unanswered';
    this.orders[end] += 1;
    this.#log.note('order', `${plugin}: ${what}: ${end}`, problem && { problem });
  }

  async #repeat({ plugin, everyMs, act }: Routine): Promise<void> {
    const { signal } = this.#end;
    await pause(everyMs / 2, signal);
    while (!signal.aborted) {
      // One after the other: which of two that cross is the later one nobody could tell.
      const turn = (this.#busy.get(plugin) ?? Promise.resolve()).then(() =>
        signal.aborted ? undefined : act(),
      );
      this.#busy.set(plugin, turn);
      await turn;
      await pause(everyMs, signal);
    }
  }

  async #ask<T>(method: string, path: string, body?: object, withinMs = orderMostMs): Promise<Answer<T>> {
    try {
      const response = await fetch(`${this.#url}/api/plugins/${path}`, {
        method,
        headers: { ...this.#headers, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(withinMs),
      });
      const value: unknown = await response.json();
      return response.ok ? { body: value as T } : { problem: value as Problem };
    } catch {
      // Nobody knows whether it was heard.
      return {};
    }
  }
}

/** With neither nobody has answered. */
interface Answer<T> {
  body?: T;
  problem?: Problem;
}

function note(attempt: Attempt, { body, problem }: Answer<unknown>): void {
  attempt.isAcknowledged = body !== undefined;
  attempt.isRefused = problem !== undefined && saysNotExecuted(problem.code);
}
