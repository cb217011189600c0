import { completeConfig, createToken } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';
import { connectClient } from '@bkg/sdk/client';
import type { NatsClient } from '@bkg/sdk/client';
import { startNatsServer } from '@bkg/sdk/testing';
import { Program } from '../program.ts';
import type { GatewayOptions } from '../programs/gateway.ts';
import type { SleeperOptions } from '../programs/sleeper.ts';
import { entryOf } from '../registry-entry.ts';
import { InvokeSocket } from './invoke-socket.ts';
import { defineSleeper, sightSubject, sleeper } from './plugin.ts';
import type { Sight } from './plugin.ts';

const sightMostMs = 10_000;

/** A nats-server, the plugin and a gateway, each in a process of its own, and every kind of client. */
export class Stage implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  /** By key and what is awaited. */
  readonly #awaited = new Map<string, (at: number) => void>();
  /** Of the gateway. */
  readonly port: number;
  readonly connection: Connection;
  readonly client: NatsClient;
  readonly socket: InvokeSocket;

  static async start(): Promise<Stage> {
    await using starting = new AsyncDisposableStack();
    const nats = starting.use(await startNatsServer({ jetstream: false }));
    const { url, credentials } = nats;
    starting.use(await Program.start('sleeper.ts', { url, credentials } satisfies SleeperOptions));
    const entries = [entryOf(defineSleeper(), completeConfig(sleeper, {}))];
    const options: GatewayOptions = { url, credentials, joinWrites: true, entries, noAuth: true };
    const port = Number(starting.use(await Program.start('gateway.ts', options)).ready);
    const connection = await nats.connect('driver');
    const client = starting.use(await connectClient({ servers: url, credentials }));
    const socket = starting.use(await InvokeSocket.open(port));
    return new Stage(starting.move(), { port, connection, client, socket });
  }

  constructor(stack: AsyncDisposableStack, parts: Pick<Stage, 'port' | 'connection' | 'client' | 'socket'>) {
    this.#stack = stack;
    this.port = parts.port;
    this.connection = parts.connection;
    this.client = parts.client;
    this.socket = parts.socket;
    this.connection.subscribe(sightSubject('*'), {
      callback: (error, msg) => {
        if (error) throw error;
        const { what, at } = msg.json<Sight>();
        this.#awaited.get(`${msg.subject.split('.').at(-1)} ${what}`)?.(at);
      },
    });
  }

  newKey(): string {
    return createToken();
  }

  /** When it happens, by `clockMs`. To be asked for before it can. @throws Error when it does not within 10 s */
  async sees(what: Sight['what'], key: string): Promise<number> {
    const seen = Promise.withResolvers<number>();
    const late = setTimeout(
      () => seen.reject(new Error(`the handler of ${key} has not ${what} within ${sightMostMs} ms`)),
      sightMostMs,
    );
    this.#awaited.set(`${key} ${what}`, seen.resolve);
    try {
      return await seen.promise;
    } finally {
      clearTimeout(late);
      this.#awaited.delete(`${key} ${what}`);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
