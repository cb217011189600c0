import type { ApiKey, Connection, KeyChange, KeyEvent, KeyOrder, Principal, Role, RoleOrder } from '@bkg/sdk';
import { capability, definePlugin, Instance, PluginError, subjects, Type } from '@bkg/sdk';
import { createKey, createSecret, hashSecret } from '@bkg/sdk/access';
import type { Actor, Refusal } from '@bkg/sdk/access';
import { silentLogger } from '@bkg/sdk/testing';

interface Kept {
  key: ApiKey;
  hash: string;
}

interface Session {
  prefix: string;
  expiresAt: number;
}

/** Something that was ordered, and by whom. */
export interface Ordered {
  capability: string;
  actor: Actor;
}

const anything = Type.Any();
const errors = {
  APIKEYS_NOT_FOUND: { number: 404, retryable: false, description: 'There is no such key or role.' },
  APIKEYS_CONFLICT: { number: 409, retryable: false, description: 'It has changed meanwhile.' },
} as const;

/** Answers in the place of the plugin that keeps the API keys, from its memory. */
export class SimulatedKeeper {
  readonly ordered: Ordered[] = [];
  /** How often it was asked who somebody is. */
  questions = 0;
  sessionSecs = 3_600;
  readonly #keys = new Map<string, Kept>();
  readonly #sessions = new Map<string, Session>();
  readonly #tickets = new Map<string, string>();
  readonly #roles = new Map<string, Role>();
  readonly #connection: Connection;
  #instance: Instance | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async start(): Promise<void> {
    this.#instance = new Instance(this.#plugin(), { connection: this.#connection, log: silentLogger });
    await this.#instance.start();
  }

  /** Answers nothing any more. */
  async stop(): Promise<void> {
    await this.#instance?.drain();
  }

  /** Makes a key in advance, without anybody who orders it. @returns the whole of it */
  make(scopes: string[], more: Partial<ApiKey> = {}): string {
    const { prefix, secret, text } = createKey();
    const key: ApiKey = {
      prefix,
      name: 'for a test',
      owner: '',
      scopes,
      roles: [],
      broker: false,
      created_at: new Date().toISOString(),
      created_by: 'bkg',
      revision: 1,
      ...more,
    };
    this.#keys.set(prefix, { key, hash: hashSecret(secret) });
    return text;
  }

  /** Changes a key and tells everybody. */
  change(text: string, change: Partial<ApiKey>, told: KeyEvent['change'] = 'updated'): void {
    const prefix = prefixOf(text);
    const kept = this.#keys.get(prefix);
    if (!kept) throw new Error(`there is no key ${prefix}`);
    this.#keys.set(prefix, { ...kept, key: { ...kept.key, ...change, revision: kept.key.revision + 1 } });
    this.#tell({ prefix, change: told });
  }

  revoke(text: string): void {
    this.change(text, { revoked_at: new Date().toISOString() }, 'revoked');
  }

  /** Ends a session without a word, as another gateway does. */
  forgetSessions(): void {
    this.#sessions.clear();
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  #tell(event: KeyEvent): void {
    const instance = this.#instance?.id ?? 'none';
    this.#connection.publish(subjects.keyChanged(instance), JSON.stringify(event));
  }

  #verify(prefix: string, hash: string): { principal: Principal } | Refusal {
    const kept = this.#keys.get(prefix);
    if (kept?.hash !== hash) return { refused: 'unknown' };
    const { key } = kept;
    if (key.revoked_at !== undefined) return { refused: 'revoked' };
    if (key.expires_at !== undefined && Date.parse(key.expires_at) <= Date.now())
      return { refused: 'expired' };
    return { principal: principalOf(key) };
  }

  #newSession(prefix: string): { principal: Principal; session: string; expires_at: string } | Refusal {
    const kept = this.#keys.get(prefix);
    const found = kept ? this.#verify(prefix, kept.hash) : { refused: 'unknown' as const };
    if ('refused' in found) return found;
    const session = createSecret();
    const expiresAt = Date.now() + this.sessionSecs * 1_000;
    this.#sessions.set(hashSecret(session), { prefix, expiresAt });
    const expires_at = new Date(expiresAt).toISOString();
    return { principal: { ...found.principal, expires_at }, session, expires_at };
  }

  #verifySession(hash: string): { principal: Principal } | Refusal {
    const session = this.#sessions.get(hash);
    if (!session) return { refused: 'unknown' };
    if (session.expiresAt <= Date.now()) return { refused: 'expired' };
    const kept = this.#keys.get(session.prefix);
    const found = kept ? this.#verify(session.prefix, kept.hash) : { refused: 'unknown' as const };
    if ('refused' in found) return found;
    const expires_at = new Date(session.expiresAt).toISOString();
    return { principal: { ...found.principal, expires_at } };
  }

  #of(prefix: string): Kept {
    const kept = this.#keys.get(prefix);
    if (kept) return kept;
    throw new PluginError('APIKEYS_NOT_FOUND', `There is no key ${prefix}.`);
  }

  #plugin() {
    type Input = Record<string, unknown> & { actor: Actor; prefix: string; hash: string };
    const answer = (id: string, act: (input: Input) => unknown) =>
      [
        id,
        capability({
          description: 'For tests.',
          input: anything,
          output: anything,
          errors,
          handler: (input: Input) => {
            if (/verify/.test(id)) this.questions += 1;
            if (input.actor) this.ordered.push({ capability: id, actor: input.actor });
            return act(input);
          },
        }),
      ] as const;
    return definePlugin({
      id: 'apikeys',
      version: '1.0.0',
      description: 'Keeps keys in memory.',
      capabilities: Object.fromEntries([
        answer('key.verify', ({ prefix, hash }) => this.#verify(prefix, hash)),
        answer('key.create', ({ actor, order }) => {
          const { scopes = [], ...more } = order as KeyOrder;
          const secret = this.make(scopes, { ...more, created_by: actor.who });
          return { key: this.#of(prefixOf(secret)).key, secret };
        }),
        answer('key.list', () => ({ keys: [...this.#keys.values()].map(({ key }) => key) })),
        answer('key.get', ({ prefix }) => this.#of(prefix).key),
        answer('key.update', ({ prefix, change }) => {
          const { revision, ...changes } = change as KeyChange;
          if (this.#of(prefix).key.revision !== revision)
            throw new PluginError('APIKEYS_CONFLICT', 'Another revision.');
          this.change(`bkg_${prefix}_`, changes as Partial<ApiKey>);
          return this.#of(prefix).key;
        }),
        answer('key.rotate', ({ prefix }) => {
          const { key } = this.#of(prefix);
          const secret = createSecret();
          this.#keys.set(prefix, { key, hash: hashSecret(secret) });
          this.#tell({ prefix, change: 'rotated' });
          return { key, secret: `bkg_${prefix}_${secret}` };
        }),
        answer('key.revoke', ({ prefix }) => {
          this.#of(prefix);
          this.revoke(`bkg_${prefix}_`);
          return this.#of(prefix).key;
        }),
        answer('role.list', () => ({ roles: [...this.#roles.values()] })),
        answer('role.put', ({ name, order }) => {
          const { scopes, description = '' } = order as RoleOrder;
          const role: Role = { name: name as string, description, scopes, built_in: false };
          this.#roles.set(role.name, role);
          return role;
        }),
        answer('role.delete', ({ name }) => {
          if (!this.#roles.delete(name as string))
            throw new PluginError('APIKEYS_NOT_FOUND', `There is no role ${String(name)}.`);
          return { ok: true };
        }),
        answer('session.create', ({ prefix, hash, ticket_hash }) => {
          if (ticket_hash === undefined) {
            const found = this.#verify(prefix, hash);
            return 'refused' in found ? found : this.#newSession(prefix);
          }
          const of = this.#tickets.get(ticket_hash as string);
          this.#tickets.delete(ticket_hash as string);
          return of === undefined ? { refused: 'unknown' } : this.#newSession(of);
        }),
        answer('session.verify', ({ hash }) => this.#verifySession(hash)),
        answer('session.delete', ({ hash }) => {
          this.#sessions.delete(hash);
          return { ok: true };
        }),
        answer('ticket.create', ({ prefix }) => {
          const ticket = createSecret();
          this.#tickets.set(hashSecret(ticket), prefix);
          return { ticket, expires_at: new Date(Date.now() + 600_000).toISOString() };
        }),
      ]),
    });
  }
}

export function prefixOf(text: string): string {
  return text.split('_')[1] ?? '';
}

/** A key as keys are, of which nobody knows. */
export function strangeKey(): string {
  return createKey().text;
}

/** The same key with another secret. */
export function withWrongSecret(text: string): string {
  return `bkg_${prefixOf(text)}_${createSecret()}`;
}

function principalOf({
  prefix,
  name,
  owner,
  scopes,
  broker,
  limits,
  expires_at,
  revision,
}: ApiKey): Principal {
  return {
    prefix,
    name,
    owner,
    scopes,
    broker,
    ...(limits && { limits }),
    ...(expires_at !== undefined && { expires_at }),
    revision,
  };
}
