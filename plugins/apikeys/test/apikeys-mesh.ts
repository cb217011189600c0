import { jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamManager } from '@nats-io/jetstream';
import { createLogger, Instance, subjects } from '@bkg/sdk';
import type { AuditEvent, Connection, KeyEvent } from '@bkg/sdk';
import { createKey, createSecret, hashSecret, Keeper, parseKey } from '@bkg/sdk/access';
import type { Actor, KeyProof } from '@bkg/sdk/access';
import { eventually, startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { createApikeys } from '../src/apikeys.ts';
import type { PartsOptions } from '../src/parts.ts';

export const actor: Actor = { who: 'Kaaaaaaaaa', via: 'http', from: '127.0.0.1' };

const auditStream = 'bkg_audit';

/** A clock that tests can set forward. */
export class Clock {
  aheadMs = 0;
  readonly now = (): number => Date.now() + this.aheadMs;
}

/** A broker, and any number of instances of apikeys in this process, as they meet in a mesh. */
export class ApikeysMesh implements AsyncDisposable {
  readonly server: TestServer;
  readonly clock = new Clock();
  readonly caller: Connection;
  /** Whatever instance answers. */
  readonly keeper: Keeper;
  readonly events: KeyEvent[] = [];
  readonly #manager: JetStreamManager;
  readonly #running: Instance[] = [];

  constructor(server: TestServer, caller: Connection, manager: JetStreamManager) {
    this.server = server;
    this.#manager = manager;
    this.caller = caller;
    this.keeper = new Keeper(caller);
    caller.subscribe(subjects.keyChanged('*'), {
      callback: (_, msg) => void this.events.push(msg.json<KeyEvent>()),
    });
  }

  static async create(): Promise<ApikeysMesh> {
    const server = await startNatsServer();
    const caller = await server.connect('caller');
    const manager = await jetstreamManager(caller.nats);
    await manager.streams.add({ name: auditStream, subjects: [subjects.auditEvent] });
    return new ApikeysMesh(server, caller, manager);
  }

  async start(options: PartsOptions = {}): Promise<Instance> {
    const plugin = createApikeys({ now: this.clock.now, ...options });
    const connection = await this.server.connect('apikeys');
    const log = createLogger({}, { level: 'fatal' });
    const instance = new Instance(plugin, { connection, log });
    this.#running.push(instance);
    await instance.start();
    return instance;
  }

  /** Asks this one instance, and no other. */
  at(instance: Instance): Keeper {
    return new Keeper({
      request: (subject, data, options) => {
        const capability = subject.slice(subjects.invokeCapability('apikeys', '').length);
        return this.caller.request(subjects.invokeAt('apikeys', instance.id, capability), data, options);
      },
    });
  }

  /** What was written to the audit so far, the oldest first. */
  async audit(): Promise<AuditEvent[]> {
    const { state } = await this.#manager.streams.info(auditStream);
    const sequences = Array.from({ length: state.messages }, (_, n) => state.first_seq + n);
    const messages = await Promise.all(
      sequences.map((seq) => this.#manager.streams.getMessage(auditStream, { seq })),
    );
    return messages.map((message) => message!.json<AuditEvent>());
  }

  /** A key that allows everything, made as `bkg up` does. */
  async admin(): Promise<KeyProof> {
    const { prefix, secret } = createKey();
    const proof = { prefix, hash: hashSecret(secret) };
    const { state } = await this.keeper.ensureAdmin(proof);
    if (state !== 'made') throw new Error(`the admin key is ${state}`);
    return proof;
  }

  /** An event like that, which has to come. */
  heard(event: KeyEvent): Promise<true> {
    return eventually(() =>
      this.events.some(({ prefix, change }) => prefix === event.prefix && change === event.change),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running.splice(0).map((instance) => instance.drain()));
    await this.server.stop();
  }
}

/** What is shown of a key whose text is known. */
export function proofOf(text: string): KeyProof {
  const parts = parseKey(text);
  if (!parts) throw new Error('this is no key');
  return { prefix: parts.prefix, hash: hashSecret(parts.secret) };
}

export const wrongHash = (): string => hashSecret(createSecret());

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}
