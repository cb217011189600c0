import { connectGateway } from '@bkg/sdk/client/ws';
import type { GatewayClient } from '@bkg/sdk/client/ws';
import { beginWith } from './client.ts';
import type { Begin } from './running.ts';

export interface SocketOptions {
  url: string;
  apiKey: string;
}

/** Invocations on sockets to `/ws`, which are shared; who is going to be gone has one of its own. */
export class SocketWay implements AsyncDisposable {
  readonly #options: SocketOptions;
  readonly #shared: GatewayClient[];
  readonly #own = new Set<GatewayClient>();

  /** @param sockets each takes 64 at a time */
  constructor(options: SocketOptions, sockets = 2) {
    this.#options = options;
    this.#shared = Array.from({ length: sockets }, () => connectGateway({ ...options, retry: false }));
  }

  readonly begin: Begin = (operation, invocationId) => {
    if (operation.fate !== 'drop') {
      const client = this.#shared[operation.number % this.#shared.length]!;
      return { ...beginWith(client, operation, invocationId), drop: () => undefined };
    }
    const client = connectGateway({ ...this.#options, retry: false, whileOffline: 'wait' });
    this.#own.add(client);
    const drop = (): void => void client.close().finally(() => this.#own.delete(client));
    return { ...beginWith(client, operation, invocationId), drop };
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#shared, ...this.#own].map((client) => client.close()));
  }
}
