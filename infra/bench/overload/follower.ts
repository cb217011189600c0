import { setTimeout as delay } from 'node:timers/promises';
import { connectGateway } from '@bkg/sdk/client/ws';
import type { GatewayClient } from '@bkg/sdk/client/ws';
import { eventually } from '@bkg/sdk/testing';
import type { Mesh } from '../replace/mesh.ts';
import { neighbour, toggled } from './parts.ts';

/** What somebody saw who follows the mesh on `/ws`, and starts and stops a plugin. Times in ms. */
export interface Followed {
  /** From when an order was answered until the socket had told of it. */
  shownMs: number[];
  /** What an order took. */
  orderMs: number[];
  failures: string[];
  /** Heartbeats of the neighbour, and the longest time without one. */
  heartbeats: number;
  longestGapMs: number;
  /** How often the socket was gone. */
  lost: number;
}

const shownMostMs = 20_000;
const pauseMs = 1_000;
const liveMostMs = 10_000;

/** Follows states and telemetry, as a dashboard does, and orders what it can see then. */
export class Follower implements AsyncDisposable {
  readonly #mesh: Mesh;
  readonly #gateway: GatewayClient;
  readonly #end = new AbortController();
  readonly #followed: Followed = {
    ...{ shownMs: [], orderMs: [], failures: [] },
    ...{ heartbeats: 0, longestGapMs: 0, lost: 0 },
  };
  #heardAt = performance.now();
  #status = '';
  #running: Promise<void> = Promise.resolve();

  static async connect(mesh: Mesh): Promise<Follower> {
    const gateway = connectGateway({ url: `http://127.0.0.1:${mesh.httpPort}`, apiKey: mesh.apiKey });
    const follower = new Follower(mesh, gateway);
    try {
      await eventually(() => follower.#status !== '', { withinMs: liveMostMs });
      return follower;
    } catch (error) {
      await gateway.close();
      throw error;
    }
  }

  constructor(mesh: Mesh, gateway: GatewayClient) {
    this.#mesh = mesh;
    this.#gateway = gateway;
    gateway.subscribe(
      { topic: 'plugins', plugins: [toggled] },
      {
        onSnapshot: ([plugin]) => (this.#status = plugin?.status ?? 'gone'),
        onData: (data) => (this.#status = 'plugin' in data ? data.plugin.status : 'gone'),
      },
    );
    gateway.subscribe(
      { topic: 'telemetry', plugins: [neighbour] },
      { onSnapshot: () => undefined, onData: () => this.#hear() },
    );
    let wasLive = false;
    gateway.onState(({ status }) => {
      if (wasLive && status !== 'live') this.#followed.lost += 1;
      wasLive = status === 'live';
    });
  }

  /** From here on it counts. */
  begin(): void {
    Object.assign(this.#followed, { heartbeats: 0, longestGapMs: 0 });
    this.#running = this.#toggle();
  }

  /** Leaves the plugin as it was found. */
  async stop(): Promise<Followed> {
    this.#noteGap();
    const { heartbeats, longestGapMs, lost } = this.#followed;
    this.#end.abort();
    await this.#running;
    return { ...this.#followed, heartbeats, longestGapMs, lost };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#gateway.close();
  }

  #hear(): void {
    this.#followed.heartbeats += 1;
    this.#noteGap();
    this.#heardAt = performance.now();
  }

  #noteGap(): void {
    const ms = performance.now() - this.#heardAt;
    this.#followed.longestGapMs = Math.max(this.#followed.longestGapMs, ms);
  }

  async #toggle(): Promise<void> {
    const { signal } = this.#end;
    for (let isRunning = true; !signal.aborted; isRunning = !isRunning) {
      const verb = isRunning ? 'stop' : 'start';
      try {
        await this.#order(verb, isRunning ? 'stopped' : 'running');
      } catch (error) {
        this.#followed.failures.push(`${verb}: ${(error as Error).message}`);
      }
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
    // As it was found.
    if (this.#status !== 'running') await this.#order('start', 'running');
  }

  async #order(verb: 'start' | 'stop', expected: string): Promise<void> {
    const orderedAt = performance.now();
    const { status, body } = await this.#mesh.order(toggled, verb);
    if (status !== 200) throw new Error(`it was answered ${status} ${JSON.stringify(body).slice(0, 300)}`);
    const answeredAt = performance.now();
    this.#followed.orderMs.push(answeredAt - orderedAt);
    await eventually(() => this.#status === expected, { withinMs: shownMostMs, everyMs: 5 }).catch(() => {
      throw new Error(`the socket does not say "${expected}" within ${shownMostMs} ms`);
    });
    this.#followed.shownMs.push(performance.now() - answeredAt);
  }
}
