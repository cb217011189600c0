import { connect as dial } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/nats-core';
import {
  createInstanceToken,
  createKey,
  hashSecret,
  instanceName,
  Kicker,
  serveCallout,
} from '../../src/access/index.ts';
import type { Callout, CalloutOptions } from '../../src/access/index.ts';
import type { Connection } from '../../src/connection.ts';
import type { Principal } from '../../src/protocol/access.ts';
import type { InstanceIdentity } from '../../src/protocol/permissions.ts';
import { silentLogger, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';

const deliveredWithinMs = 60;

/** A broker that asks who a client is, somebody who answers, and a register of keys and of instances that have ended. */
export class AccessMesh implements AsyncDisposable {
  readonly server: TestServer;
  readonly supervisor: Connection;
  readonly ended = new Set<string>();
  readonly refusals: Parameters<NonNullable<CalloutOptions['audit']>>[0][] = [];
  readonly #keys = new Map<string, { hash: string; principal: Principal }>();
  callout!: Callout;

  static async start(options: Partial<CalloutOptions> = {}): Promise<AccessMesh> {
    const server = await startNatsServer({ access: true });
    const mesh = new AccessMesh(server, await server.connect('supervisor'));
    mesh.serve(options);
    return mesh;
  }

  constructor(server: TestServer, supervisor: Connection) {
    this.server = server;
    this.supervisor = supervisor;
  }

  get seed(): string {
    return this.server.credentials.callout?.issuer_seed ?? '';
  }

  serve(options: Partial<CalloutOptions> = {}): void {
    this.callout = this.serveOver(this.supervisor, options);
  }

  serveOver(connection: Connection, options: Partial<CalloutOptions> = {}): Callout {
    return serveCallout({
      connection,
      issuerSeed: this.seed,
      verifyInstance: async ({ instance }) => !this.ended.has(instance),
      verifyKey: async ({ prefix, secret }) => {
        const known = this.#keys.get(prefix);
        return known?.hash === hashSecret(secret) ? known.principal : { refused: 'unknown' };
      },
      audit: (event) => this.refusals.push(event),
      log: silentLogger,
      ...options,
    });
  }

  /** A key that is in the register. */
  key(scopes: string[], more: Partial<Principal> = {}): { prefix: string; text: string } {
    const { prefix, secret, text } = createKey();
    const principal = { prefix, name: 'test', owner: '', scopes, broker: true, revision: 1, ...more };
    this.#keys.set(prefix, { hash: hashSecret(secret), principal });
    return { prefix, text };
  }

  connectKey({ prefix, text }: { prefix: string; text: string }): Promise<Connection> {
    return this.server.connect('client', { credentials: { user: prefix, password: text } });
  }

  connectInstance(identity: InstanceIdentity, name?: string): Promise<Connection> {
    const credentials = { user: instanceName(identity), password: createInstanceToken(this.seed, identity) };
    const { plugin, instance } = identity;
    return this.server.connect(name ?? 'instance', { credentials, identity: [plugin, instance] });
  }

  async kicker(options: { pageSize?: number } = {}): Promise<Kicker> {
    const { system } = this.server.credentials;
    const connection = await this.server.connect('kicker', { ...(system && { credentials: system }) });
    return new Kicker({ connection, log: silentLogger, ...options });
  }

  /** One try; whoever is refused is not tried again. */
  dial(shown: { user?: string; pass?: string; token?: string }): Promise<NatsConnection> {
    return dial({ servers: this.server.url, reconnect: false, ignoreAuthErrorAbort: true, ...shown });
  }

  /** Whether what it publishes there arrives. */
  async mayPublish(connection: Connection, subject: string): Promise<boolean> {
    let heard = 0;
    // nats-server gives `$SYS.REQ.USER.AUTH` to nobody but who is asked.
    const spy = this.supervisor.nats.subscribe(subject, { callback: () => void (heard += 1) });
    await this.supervisor.flush();
    connection.nats.publish(subject, 'x');
    await connection.flush();
    await this.supervisor.flush();
    spy.unsubscribe();
    return heard > 0;
  }

  /** Whether what is published there arrives. @param subscription with a queue group after a space, as permissions have it */
  async maySubscribe(connection: Connection, subscription: string, example: string): Promise<boolean> {
    const [subject = '', queue] = subscription.split(' ');
    let heard = 0;
    const spy = connection.nats.subscribe(subject, {
      ...(queue && { queue }),
      callback: (error) => {
        if (!error) heard += 1;
      },
    });
    await connection.flush();
    this.supervisor.nats.publish(example, 'x');
    await this.supervisor.flush();
    await new Promise((resolve) => setTimeout(resolve, deliveredWithinMs));
    if (!spy.isClosed()) spy.unsubscribe();
    return heard > 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.callout.close();
    await this.server.stop();
  }
}
