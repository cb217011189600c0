import { rotateGraceDefaultSecs } from '@bkg/sdk';
import type { ApiKey, KeyChange, KeyOrder, NewKey, PayloadError, RotateOrder } from '@bkg/sdk';
import { createKey, createSecret, hashSecret } from '@bkg/sdk/access';
import type { Actor, AdminState, KeyProof, Verdict } from '@bkg/sdk/access';
import { conflict, invalid, notFound } from './errors.ts';
import { assertAdminLeft } from './last-admin.ts';
import { apiKeyOf } from './record.ts';
import type { KeyRecord } from './record.ts';
import { countProblems, roleProblems, rolesOf, scopeProblems } from './scopes.ts';
import type { Store } from './store.ts';
import type { Uses } from './uses.ts';
import { endOf, judgeKey } from './verdict.ts';

export interface KeysOptions {
  store: Store;
  uses: Uses;
  now: () => number;
  /** How many keys there may be, with those that ended lately. */
  most: number;
}

/** The API keys: made, shown, changed, and told from others. */
export class Keys {
  readonly #store: Store;
  readonly #uses: Uses;
  readonly #now: () => number;
  readonly #most: number;

  constructor({ store, uses, now, most }: KeysOptions) {
    this.#store = store;
    this.#uses = uses;
    this.#now = now;
    this.#most = most;
  }

  async verify({ prefix, hash }: KeyProof): Promise<Verdict> {
    await this.#store.whole();
    let verdict = judgeKey(this.#store, prefix, hash, this.#now());
    if ('refused' in verdict) {
      // Another instance may just have made the key, or rotated it. The same is asked whatever was wrong, so that the
      // time does not tell whether there is such a key.
      await this.#store.current();
      verdict = judgeKey(this.#store, prefix, hash, this.#now());
    }
    if ('principal' in verdict) this.#uses.note(prefix);
    return verdict;
  }

  async create(actor: Actor, order: KeyOrder): Promise<NewKey> {
    const { prefix, text, hash } = newKey();
    await this.#store.change(() => {
      const record: KeyRecord = {
        ...recordOf(order),
        hash,
        created_at: this.#time(),
        created_by: actor.who,
      };
      this.#check(record, '/order');
      this.#assertRoom(prefix);
      return { kind: 'key', id: prefix, value: record };
    });
    return { key: this.#shown(prefix), secret: text };
  }

  async list(): Promise<ApiKey[]> {
    await this.#store.current();
    const keys = [...this.#store.all('key').keys()].map((prefix) => this.#shown(prefix));
    return keys.sort((a, b) => Date.parse(a.created_at) - Date.parse(b.created_at));
  }

  async get(prefix: string): Promise<ApiKey> {
    await this.#store.current();
    return this.#shown(prefix);
  }

  async update(prefix: string, change: KeyChange): Promise<ApiKey> {
    await this.#store.change(() => {
      const { value, revision } = this.#need(prefix);
      if (revision !== change.revision)
        throw conflict(
          `${prefix} has the revision ${revision} by now, and not ${change.revision}: look again, and repeat.`,
        );
      assertNotRevoked(prefix, value);
      const next = changed(value, change);
      this.#check(next, '/change', change.expires_at !== undefined);
      assertAdminLeft(this.#store, { key: [prefix, next] }, `To change ${prefix} like this`);
      return { kind: 'key', id: prefix, value: next };
    });
    return this.#shown(prefix);
  }

  /** The secret before the last rotation ends at once when there is another one. */
  async rotate(prefix: string, { grace_secs = rotateGraceDefaultSecs }: RotateOrder = {}): Promise<NewKey> {
    const secret = createSecret();
    await this.#store.change(() => {
      const { old: _, ...value } = this.#need(prefix).value;
      assertNotRevoked(prefix, value);
      if (endOf(value, this.#now()))
        throw conflict(`${prefix} has expired: give it another expires_at, or none, and repeat.`);
      const until = new Date(this.#now() + grace_secs * 1_000).toISOString();
      const old = grace_secs > 0 ? { old: { hash: value.hash, until } } : {};
      return { kind: 'key', id: prefix, value: { ...value, ...old, hash: hashSecret(secret) } };
    });
    return { key: this.#shown(prefix), secret: `bkg_${prefix}_${secret}` };
  }

  /** For ever; to revoke it again changes nothing. */
  async revoke(prefix: string): Promise<ApiKey> {
    await this.#store.change(() => {
      const { old: _, ...value } = this.#need(prefix).value;
      if (value.revoked_at !== undefined) return undefined;
      const next = { ...value, revoked_at: this.#time() };
      assertAdminLeft(this.#store, { key: [prefix, next] }, `To revoke ${prefix}`);
      return { kind: 'key', id: prefix, value: next };
    });
    return this.#shown(prefix);
  }

  /** Of the key that the mesh gives to whoever runs it: made when nobody knows its prefix. */
  async ensureAdmin({ prefix, hash }: KeyProof): Promise<AdminState> {
    let isMade = false;
    await this.#store.change(() => {
      isMade = !this.#store.get('key', prefix);
      if (!isMade) return undefined;
      this.#assertRoom(prefix);
      const value: KeyRecord = {
        ...recordOf({ name: 'admin', roles: ['admin'], broker: true }),
        hash,
        created_at: this.#time(),
        created_by: 'bkg',
      };
      return { kind: 'key', id: prefix, value };
    });
    if (isMade) return { state: 'made' };
    const verdict = judgeKey(this.#store, prefix, hash, this.#now());
    const isValid = 'principal' in verdict && verdict.principal.scopes.includes('admin');
    return { state: isValid ? 'valid' : 'invalid' };
  }

  #need(prefix: string): { value: KeyRecord; revision: number } {
    const entry = this.#store.get('key', prefix);
    if (!entry) throw notFound(`There is no key ${prefix}. key.list has those that there are.`);
    return entry;
  }

  #shown(prefix: string): ApiKey {
    const { value, revision } = this.#need(prefix);
    return apiKeyOf(prefix, value, { revision, usedAt: this.#uses.last(prefix), now: this.#now() });
  }

  /** @throws PluginError APIKEYS_INVALID with all that is wrong */
  #check(record: KeyRecord, path: string, isNewEnd = true): void {
    const roleScopes = rolesOf(this.#store);
    const problems: PayloadError[] = [
      ...scopeProblems(record.scopes, path),
      ...roleProblems(record.roles, roleScopes, path),
      ...countProblems(record, roleScopes, path),
    ];
    if (isNewEnd && endOf(record, this.#now())) {
      const message = `expires_at is ${record.expires_at}, which is over: it must be in the future; now it is ${this.#time()}.`;
      problems.push({ path: `${path}/expires_at`, message });
    }
    if (problems.length > 0) throw invalid(problems);
  }

  #assertRoom(prefix: string): void {
    if (this.#store.get('key', prefix)) throw conflict(`There is a key ${prefix} already: repeat for another one.`);
    if (this.#store.all('key').size >= this.#most)
      throw conflict(
        `There are ${this.#most} keys, which is all that are kept: revoke those that nobody needs. ` +
          'Revoked and expired ones are kept for 90 days.',
      );
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }
}

function newKey(): { prefix: string; text: string; hash: string } {
  const { prefix, secret, text } = createKey();
  return { prefix, text, hash: hashSecret(secret) };
}

function recordOf(order: KeyOrder): Omit<KeyRecord, 'hash' | 'created_at' | 'created_by'> {
  const { name, owner = '', scopes = [], roles = [], broker = false, limits, expires_at } = order;
  return {
    name,
    owner,
    scopes: [...new Set(scopes)],
    roles: [...new Set(roles)],
    broker,
    ...(limits && { limits }),
    ...(expires_at !== undefined && { expires_at: utc(expires_at) }),
  };
}

/** A member that is absent stays, `null` takes it away. */
function changed(record: KeyRecord, { revision: _, ...change }: KeyChange): KeyRecord {
  const { limits, expires_at, owner, ...rest } = change;
  const { limits: oldLimits, expires_at: oldEnd, ...kept } = record;
  const nextLimits = limits === undefined ? oldLimits : limits;
  const nextEnd = expires_at === undefined ? oldEnd : expires_at && utc(expires_at);
  return {
    ...kept,
    ...rest,
    ...(rest.scopes && { scopes: [...new Set(rest.scopes)] }),
    ...(rest.roles && { roles: [...new Set(rest.roles)] }),
    ...(owner !== undefined && { owner: owner ?? '' }),
    ...(nextLimits && { limits: nextLimits }),
    ...(nextEnd && { expires_at: nextEnd }),
  };
}

/** The schema has seen to it that it is RFC 3339. */
function utc(time: string): string {
  return new Date(time).toISOString();
}

function assertNotRevoked(prefix: string, { revoked_at }: KeyRecord): void {
  if (revoked_at !== undefined)
    throw conflict(`${prefix} was revoked at ${revoked_at}, and never comes back: make another key.`);
}
