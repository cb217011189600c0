import type { Connection, Credentials, Principal } from '@bkg/sdk';
import { createInstanceToken, createKey, hashSecret } from '@bkg/sdk/access';
import { startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import type { EchoOptions } from '../programs/echo.ts';
import type { CalloutProgram } from '../programs/callout.ts';
import { Program } from '../program.ts';

/** Who is let in by name, and may do everything; or is asked for, and may do what it is for. */
export const sides = ['known', 'asked for'] as const;
export type Side = (typeof sides)[number];

/** A nats-server with a plugin `echo`, and what shows who invokes it. */
export class Stage implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #nats: TestServer;
  /** Of the instance, and of the client. */
  readonly instance: Credentials;
  readonly client: Credentials;

  static async start(side: Side): Promise<Stage> {
    const stack = new AsyncDisposableStack();
    try {
      const nats = stack.use(await startNatsServer({ jetstream: false, access: side === 'asked for' }));
      const { url, credentials } = nats;
      let [instance, client] = [credentials, credentials];
      if (credentials.callout) {
        const { prefix, secret, text } = createKey();
        const scopes = ['invoke:echo'];
        const principal: Principal = { prefix, name: 'bench', owner: '', scopes, broker: true, revision: 1 };
        const callout: CalloutProgram = { url, credentials, hash: hashSecret(secret), principal };
        stack.use(await Program.start('callout.ts', callout));
        const identity = { plugin: 'echo', instance: 'bench', needs: [] };
        instance = {
          user: 'echo.bench',
          password: createInstanceToken(credentials.callout.issuer_seed, identity),
        };
        client = { user: prefix, password: text };
      }
      const echo: EchoOptions = { url, credentials: instance, joinWrites: true, mostMs: 0 };
      stack.use(await Program.start('echo.ts', echo));
      return new Stage(stack, nats, instance, client);
    } catch (error) {
      await stack.disposeAsync();
      throw error;
    }
  }

  constructor(stack: AsyncDisposableStack, nats: TestServer, instance: Credentials, client: Credentials) {
    this.#stack = stack;
    this.#nats = nats;
    this.instance = instance;
    this.client = client;
  }

  connect(credentials: Credentials): Promise<Connection> {
    return this.#nats.connect('bench', { credentials });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
