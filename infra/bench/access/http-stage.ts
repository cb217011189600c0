import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { accessPlugin, subjects } from '@bkg/sdk';
import { createKey, createSecret, hashSecret, Keeper } from '@bkg/sdk/access';
import type { Actor } from '@bkg/sdk/access';
import { eventually, startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { limitedEntry } from '../limits/limited-entry.ts';
import { startPlugin } from '../plugin-process.ts';
import { Program } from '../program.ts';
import type { EchoOptions } from '../programs/echo.ts';
import type { GatewayOptions } from '../programs/gateway.ts';

export const invokePath = '/api/plugins/echo/invoke/say';
export const invokeBody = JSON.stringify({ text: 'x'.repeat(100) });

const actor: Actor = { who: 'bkg', via: 'http', from: '127.0.0.1' };
/** The supervisor makes it otherwise. */
const auditStream = {
  name: 'bkg_audit',
  subjects: [subjects.auditEvent],
  storage: 'file',
  max_msgs: 100_000,
};

/** A nats-server, the plugin that keeps the API keys and a plugin `echo`, for gateways that are processes, too. */
export class HttpStage implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #nats: TestServer;
  readonly #keeper: Keeper;

  static async start(): Promise<HttpStage> {
    await using starting = new AsyncDisposableStack();
    const nats = starting.use(await startNatsServer());
    const { url, credentials } = nats;
    const connection = await nats.connect('bench');
    const made = await connection.request('$JS.API.STREAM.CREATE.bkg_audit', JSON.stringify(auditStream), {
      timeoutMs: 5_000,
    });
    const { error } = made.json<{ error?: { description: string } }>();
    if (error) throw new Error(`the stream of the audit cannot be made: ${error.description}`);
    const keeper = new Keeper(connection);
    const home = await mkdtemp(path.join(tmpdir(), 'bkg-bench-'));
    starting.defer(() => rm(home, { recursive: true, force: true }));
    starting.use(await startPlugin({ id: accessPlugin, broker: nats, home }));
    await eventually(() =>
      keeper.verifyKey({ prefix: createKey().prefix, hash: hashSecret(createSecret()) }),
    );
    const echo: EchoOptions = { url, credentials, joinWrites: true, mostMs: 0 };
    starting.use(await Program.start('echo.ts', echo));
    return new HttpStage(starting.move(), nats, keeper);
  }

  constructor(stack: AsyncDisposableStack, nats: TestServer, keeper: Keeper) {
    this.#stack = stack;
    this.#nats = nats;
    this.#keeper = keeper;
  }

  /** It ends with the stage. */
  async gateway(options: Pick<GatewayOptions, 'noAuth' | 'attempts'> = {}): Promise<Gateway> {
    const { url, credentials } = this.#nats;
    const entries = [limitedEntry({})];
    const all: GatewayOptions = { url, credentials, joinWrites: true, entries, ...options };
    const program = this.#stack.use(await Program.start('gateway.ts', all));
    return { port: Number(program.ready), pid: program.pid };
  }

  /** @returns the whole of it */
  async newKey(scopes: string[]): Promise<string> {
    const { secret } = await this.#keeper.createKey(actor, { name: 'bench', scopes });
    return secret;
  }

  async revoke(prefix: string): Promise<void> {
    await this.#keeper.revokeKey(actor, prefix);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

export interface Gateway {
  port: number;
  pid: number;
}
