import type { Socket } from 'node:net';
import fp from 'fastify-plugin';
import type { FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import { BkgError } from '@bkg/sdk';
import type { FrameWriterOptions } from './frame-writer.ts';
import { Turns } from './turns.ts';

declare module 'fastify' {
  interface FastifyInstance {
    clients: Clients;
  }
}

export interface ClientsOptions extends FrameWriterOptions {
  /** @default 1000 */
  clientsMost?: number;
  /** How often dead clients are looked for. @default 15000 */
  pingEveryMs?: number;
  /** Log lines that wait for a slow client; beyond, the oldest are dropped. @default 1 MiB */
  linesMostBytes?: number;
}

/** Whoever is at the other end of a socket. */
export interface Client {
  /** At intervals. */
  check(): void;
  /** The gateway stops: it ends by itself, soon. */
  stop(): void;
}

/** To all of them, when the gateway stops. */
export const goodbye = 'The gateway is stopping.';

/** Everybody who is connected by WebSocket. */
export class Clients {
  readonly turns = new Turns();
  readonly options: ClientsOptions;
  readonly linesMostBytes: number;
  readonly #clients = new Set<Client>();
  /** The connections of those that were let in. */
  readonly #places = new Set<Socket>();
  readonly #pings: NodeJS.Timeout;

  constructor(options: ClientsOptions = {}) {
    this.options = options;
    this.linesMostBytes = options.linesMostBytes ?? 1024 * 1024;
    this.#pings = setInterval(() => this.#each((client) => client.check()), options.pingEveryMs ?? 15_000);
    this.#pings.unref();
  }

  /**
   * Before an upgrade, so that a refusal is an answer that can be read. The place is free again when the connection
   * closes, be it that it never becomes a client.
   * @throws BkgError
   */
  takePlace(request: FastifyRequest): void {
    if (!request.ws) {
      throw new BkgError('INVALID_PAYLOAD', 'This address takes WebSocket connections only.');
    }
    const { clientsMost = 1_000 } = this.options;
    if (this.#places.size >= clientsMost) {
      const detail = `${clientsMost} clients are connected, which is the most; try again later.`;
      throw new BkgError('BUSY', detail);
    }
    const { socket } = request.raw;
    // Of one that has closed meanwhile nothing more is heard.
    if (socket.destroyed) return;
    this.#places.add(socket);
    socket.once('close', () => this.#places.delete(socket));
  }

  /** Looks after it until its socket closes. */
  add(client: Client, socket: WebSocket): void {
    this.#clients.add(client);
    socket.on('close', () => this.#clients.delete(client));
  }

  stop(): void {
    clearInterval(this.#pings);
    this.#each((client) => client.stop());
  }

  #each(act: (client: Client) => void): void {
    for (const client of [...this.#clients]) act(client);
  }
}

/** Decorates `clients`, and says goodbye to them when the gateway stops. */
export const clients = fp<ClientsOptions>(
  async (app, options) => {
    app.decorate('clients', new Clients(options));
    app.addHook('preClose', async () => app.clients.stop());
  },
  { name: 'clients', dependencies: ['sockets'] },
);
