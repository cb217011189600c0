import { connect, createLogger } from '@bkg/sdk';
import type { Connection, Credentials } from '@bkg/sdk';
import { createClient } from '@bkg/sdk/client';
import type { NatsClient } from '@bkg/sdk/client';
import { connectMostMs, timeoutMs } from '../operation.ts';
import type { Operation } from '../operation.ts';
import { beginWith } from './client.ts';
import { payloadOf, uploadOf } from './running.ts';
import type { Begin, Running } from './running.ts';

export interface NatsOptions {
  url: string;
  credentials: Credentials;
}

/** Invocations by the SDK's client over the broker; who is going to be gone has a connection of its own. */
export class NatsWay implements AsyncDisposable {
  readonly #options: NatsOptions;
  readonly #shared: NatsClient;
  readonly #connections = new Set<Connection>();

  static async connect(options: NatsOptions): Promise<NatsWay> {
    return new NatsWay(options, await open(options));
  }

  constructor(options: NatsOptions, connection: Connection) {
    this.#options = options;
    this.#shared = createClient(connection);
    this.#connections.add(connection);
  }

  readonly begin: Begin = async (operation, invocationId) => {
    if (operation.fate !== 'drop')
      return { ...(await beginOn(this.#shared, operation, invocationId)), drop: () => undefined };
    const connection = await open(this.#options);
    this.#connections.add(connection);
    const client = createClient(connection);
    const drop = (): void => {
      this.#connections.delete(connection);
      // As one that ends without a word: nobody is told that it wants no more.
      void connection.nats.close().then(() => client.close());
    };
    return { ...(await beginOn(client, operation, invocationId)), drop };
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#shared.close();
    await Promise.all([...this.#connections].map((connection) => connection.close()));
  }
}

async function beginOn(
  client: NatsClient,
  operation: Operation,
  invocationId: string,
): Promise<Omit<Running, 'drop'>> {
  const { plugin, kind, content, number } = operation;
  if (kind !== 'bytes' && kind !== 'take') return beginWith(client, operation, invocationId);
  const controller = new AbortController();
  const upload = {
    body: uploadOf(operation),
    // Every second one does not say how much it will be.
    ...(number % 2 === 0 && { sizeBytes: content.pieces * content.bytes }),
  };
  const answered = client.fetch(plugin, kind, {
    ...(kind === 'take' ? upload : { body: JSON.stringify(payloadOf(operation)) }),
    timeoutMs,
    invocationId,
    maxAttempts: 1,
    signal: controller.signal,
  });
  answered.catch(() => undefined);
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    // Of an upload the answer is a single one.
    if (kind === 'bytes') yield* await answered;
  };
  const output = async (): Promise<unknown> => (kind === 'take' ? (await answered).json() : undefined);
  return { pieces: pieces(), output, cancel: () => controller.abort() };
}

function open({ url, credentials }: NatsOptions): Promise<Connection> {
  return connect({
    servers: [url],
    credentials,
    name: 'soak load',
    identity: ['soak', 'load'],
    log: createLogger({}, { level: 'silent' }),
    signal: AbortSignal.timeout(connectMostMs),
  });
}
