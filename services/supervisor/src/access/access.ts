import {
  accessPlugin,
  BkgError,
  connect,
  createToken,
  createValidator,
  decodeJson,
  isStatusEvent,
  jsonOrUndefined,
  problemOfError,
  respondProblem,
  schemaOf,
  subjects,
} from '@bkg/sdk';
import type { AuditEvent, Connection, Credentials, KeyEvent, Logger } from '@bkg/sdk';
import { instanceName, Kicker, prefixOfName, serveCallout } from '@bkg/sdk/access';
import type { Callout } from '@bkg/sdk/access';
import { delay, parseServers } from '@bkg/sdk/host';
import type { Msg, Subscription } from '@nats-io/nats-core';
import { isInstanceId } from '../instance-record.ts';
import type { KeyCheck } from './key-check.ts';

export interface AccessOptions {
  connection: Connection;
  /** As in BKG_NATS_URL. */
  natsUrl: string;
  /** Ours; without `callout` the broker asks nobody, and there is nothing to do. */
  credentials: Credentials;
  /** Whether an instance that was launched by us, or by a predecessor, has not ended. */
  isWanted: (instance: string, plugin?: string) => boolean;
  keys: KeyCheck;
  audit: (event: Omit<AuditEvent, 'time'>) => void;
  log: Logger;
  signal: AbortSignal;
}

/** The broker may be away, and then nobody is connected. */
const kickAgainMs = 1_000;
const kickTries = 5;
/** Who keeps the keys may be about to start. */
const keyTries = 60;

const keyEventErrors = createValidator(schemaOf('KeyEvent'));

/** Says who may connect to the broker, and closes the connections of what has ended. */
export class Access {
  readonly #options: AccessOptions;
  #callout: Callout | undefined;
  #subscriptions: Subscription[] = [];
  #system: Promise<Connection> | undefined;
  #unfollow: () => void = () => undefined;
  #sweeping: Promise<void> | undefined;
  #sweepingKeys: Promise<void> | undefined;
  /** Prefixes of keys whose connections are to be closed. */
  readonly #changed = new Set<string>();
  #isKicking = false;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** From now on instances and keys get in: before anything waits for one. */
  serve(): void {
    const { connection, credentials, isWanted, keys, audit, log } = this.#options;
    const { callout } = credentials;
    if (!callout) return;
    this.#callout = serveCallout({
      connection,
      issuerSeed: callout.issuer_seed,
      verifyInstance: ({ plugin, instance }) => Promise.resolve(isWanted(instance, plugin)),
      verifyKey: (parts) => keys.verify(parts),
      audit,
      log,
    });
    this.#subscriptions = [
      connection.subscribe(subjects.accessInstance, {
        callback: (error, msg) => {
          if (!error) this.#answer(msg);
        },
      }),
      connection.subscribe(subjects.keyChanged('*'), {
        callback: (error, msg) => {
          if (!error) this.#keyChanged(msg);
        },
      }),
      connection.subscribe(subjects.events('status', accessPlugin), {
        callback: (error, msg) => {
          if (!error) this.#keeperIsHeard(msg);
        },
      }),
    ];
    this.#system = this.#connectSystem();
    this.#unfollow = connection.onStatus((connected) => {
      if (connected) void this.sweep();
    });
  }

  /** Nobody is let in with it any more, and who was is put out. */
  instanceEnded(plugin: string, instance: string): void {
    void this.#kick(instanceName({ plugin, instance }));
  }

  /** Puts out who is still connected with what has ended or changed: nobody may have watched when it did. */
  sweep(): Promise<void> {
    // A link that comes and goes must not stack them; one that is under way begins again when the broker was away.
    return (this.#sweeping ??= this.#sweep().finally(() => (this.#sweeping = undefined)));
  }

  async #sweep(): Promise<void> {
    const { isWanted } = this.#options;
    await this.#try('connections of instances that have ended could not be looked for', async (kicker) => {
      for (const name of await kicker.names()) {
        const [plugin = '', instance, ...rest] = name.split('.');
        // Where somebody else runs the broker, they may have users with such a name, too.
        const isInstance = instance !== undefined && isInstanceId(instance) && rest.length === 0;
        if (isInstance && !isWanted(instance, plugin)) await kicker.kick(name);
      }
    });
    await this.#sweepKeys();
  }

  #sweepKeys(): Promise<void> {
    return (this.#sweepingKeys ??= this.#sweepAllKeys().finally(() => (this.#sweepingKeys = undefined)));
  }

  async #sweepAllKeys(): Promise<void> {
    const { keys } = this.#options;
    const sweep = async (kicker: Kicker): Promise<void> => {
      for (const name of await kicker.names()) {
        const prefix = prefixOfName(name);
        if (prefix === undefined || (await keys.names(prefix)).includes(name)) continue;
        // First, or who is put out would come in again with what we remember.
        keys.forget(prefix);
        await kicker.kick(name);
      }
    };
    await this.#try('connections of keys that have changed could not be looked for', sweep, keyTries);
  }

  async close(): Promise<void> {
    this.#unfollow();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    await this.#callout?.close();
    this.#options.keys.close();
    // Its wait for the broker ends with our signal.
    await this.#system?.then(
      (connection) => connection.close(),
      () => undefined,
    );
  }

  #answer(msg: Msg): void {
    const { connection, isWanted } = this.#options;
    try {
      const { instance } = (decodeJson(msg.data) ?? {}) as { instance?: unknown };
      if (typeof instance !== 'string')
        throw new BkgError('INVALID_PAYLOAD', 'It takes {"instance": "<its id>"}.', {
          errors: [{ path: '/instance', message: 'must be the id of an instance' }],
        });
      connection.respond(msg, JSON.stringify({ ok: isWanted(instance) }));
    } catch (error) {
      respondProblem(connection, msg, problemOfError(error));
    }
  }

  #keyChanged(msg: Msg): void {
    const event = jsonOrUndefined(msg.data);
    if (keyEventErrors(event).length > 0) return;
    const { prefix } = event as KeyEvent;
    // First, or who is put out would come in again with what we remember.
    this.#options.keys.forget(prefix);
    this.#changed.add(prefix);
    if (!this.#isKicking) void this.#kickChanged();
  }

  /** All that have changed since the last look in one: a role may be that of all keys. */
  async #kickChanged(): Promise<void> {
    this.#isKicking = true;
    while (this.#changed.size > 0) {
      const prefixes = new Set(this.#changed);
      this.#changed.clear();
      await this.#try('the connections of keys that have changed could not be closed', async (kicker) => {
        await kicker.kickKeys(prefixes);
      });
    }
    this.#isKicking = false;
  }

  /** What ended while no instance of it ran is told by none: each knows only what has happened since its start. */
  #keeperIsHeard(msg: Msg): void {
    const event = jsonOrUndefined(msg.data);
    if (isStatusEvent(event) && event.status === 'running') void this.#sweepKeys();
  }

  #kick(name: string): Promise<void> {
    return this.#try(`the connections of ${name} could not be closed`, async (kicker) => {
      await kicker.kick(name);
    });
  }

  /** Some tries; as long as the broker is away there is nothing to close, and when it comes back all are looked at. */
  async #try(failed: string, work: (kicker: Kicker) => Promise<void>, tries = kickTries): Promise<void> {
    const { log, signal } = this.#options;
    if (!this.#system) return;
    for (let left = tries; ; left -= 1) {
      try {
        const connection = await this.#system;
        return await work(new Kicker({ connection, log }));
      } catch (error) {
        if (signal.aborted) return;
        if (left <= 1) return log.warn({ error }, failed);
      }
      // Its one failure is the signal's.
      await delay(kickAgainMs, signal).catch(() => undefined);
    }
  }

  #connectSystem(): Promise<Connection> | undefined {
    const { natsUrl, credentials, log, signal } = this.#options;
    const { system, ca_file } = credentials;
    if (!system) {
      log.warn(
        'the credentials have no "system": who is connected with a key or as an instance stays so when that has ended',
      );
      return undefined;
    }
    const connecting = connect({
      servers: parseServers(natsUrl),
      credentials: { ...system, ...(ca_file !== undefined && { ca_file }) },
      name: 'bkg supervisor, system',
      identity: ['supervisor', createToken()],
      log,
      signal,
    });
    // Told by who wants to use it.
    connecting.catch(() => undefined);
    return connecting;
  }
}
