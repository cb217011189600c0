import { failure } from '../client/failure.ts';
import { failureIn } from '../client/nats/output.ts';
import { parseJson } from '../json.ts';
import type {
  ApiKey,
  AuditEvent,
  KeyChange,
  KeyOrder,
  NewKey,
  Principal,
  Role,
  RoleOrder,
  RotateOrder,
  Ticket,
} from '../protocol/access.ts';
import { BkgError } from '../protocol/errors.ts';
import { jsonContentType } from '../protocol/content-type.ts';
import { answerGraceMs, headerNames } from '../protocol/headers.ts';
import { accessPlugin } from '../protocol/scopes.ts';
import { subjects } from '../protocol/subjects.ts';
import { NoRespondersError } from '../request-failures.ts';
import type { Asker } from './asker.ts';

/** Who orders it, for the audit. */
export type Actor = Pick<AuditEvent, 'who' | 'via' | 'from'>;

/** Why somebody is let in nowhere. Of a key whose secret is wrong nothing is told but `unknown`. */
export interface Refusal {
  refused: 'unknown' | 'expired' | 'revoked';
}

export type Verdict = { principal: Principal } | Refusal;

/** What is shown of a key: never the secret itself. */
export interface KeyProof {
  prefix: string;
  /** `hashSecret` of its secret. */
  hash: string;
}

/** By which a session is made: a key, or a ticket that does once. */
export type SessionProof = KeyProof | { ticket_hash: string };

export interface NewSession {
  principal: Principal;
  /** Shown once; `hashSecret` of it is what `verifySession` takes. */
  session: string;
  expires_at: string;
}

/** `made`: there was no such key; `valid`: there is, and it allows everything; `invalid`: there is, and it does not do. */
export interface AdminState {
  state: 'made' | 'valid' | 'invalid';
}

export interface AskOptions {
  /** @default 2000 to find out who somebody is, 10000 for a change */
  timeoutMs?: number;
  signal?: AbortSignal;
}

const askMs = 2_000;
const changeMs = 10_000;
/** Each holds half a megabyte. */
const pagesMost = 1_000;

/**
 * Asks the plugin that keeps the API keys.
 *
 * Every method throws what the plugin fails with as an InvocationError (`APIKEYS_NOT_FOUND`, `APIKEYS_CONFLICT`,
 * `APIKEYS_LAST_ADMIN`, `APIKEYS_INVALID` and those of the table), a BkgError PLUGIN_UNAVAILABLE when nobody keeps the
 * keys now, and DEADLINE_EXCEEDED when the answer does not come in time.
 */
export class Keeper {
  readonly #asker: Asker;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  verifyKey({ prefix, hash }: KeyProof, options?: AskOptions): Promise<Verdict> {
    return this.#ask('key.verify', { prefix, hash }, askMs, options);
  }

  createKey(actor: Actor, order: KeyOrder, options?: AskOptions): Promise<NewKey> {
    return this.#ask('key.create', { actor, order }, changeMs, options);
  }

  /** The oldest first. */
  async listKeys(options?: AskOptions): Promise<ApiKey[]> {
    const pages = await this.#pages<{ keys: ApiKey[] }>('key.list', options);
    const keys = pages.flatMap((page) => page.keys);
    return keys.sort((a, b) => Date.parse(a.created_at) - Date.parse(b.created_at));
  }

  getKey(prefix: string, options?: AskOptions): Promise<ApiKey> {
    return this.#ask('key.get', { prefix }, askMs, options);
  }

  updateKey(actor: Actor, prefix: string, change: KeyChange, options?: AskOptions): Promise<ApiKey> {
    return this.#ask('key.update', { actor, prefix, change }, changeMs, options);
  }

  rotateKey(actor: Actor, prefix: string, order: RotateOrder = {}, options?: AskOptions): Promise<NewKey> {
    return this.#ask('key.rotate', { actor, prefix, order }, changeMs, options);
  }

  revokeKey(actor: Actor, prefix: string, options?: AskOptions): Promise<ApiKey> {
    return this.#ask('key.revoke', { actor, prefix }, changeMs, options);
  }

  async listRoles(options?: AskOptions): Promise<Role[]> {
    const pages = await this.#pages<{ roles: Role[] }>('role.list', options);
    return pages.flatMap((page) => page.roles);
  }

  putRole(actor: Actor, name: string, order: RoleOrder, options?: AskOptions): Promise<Role> {
    return this.#ask('role.put', { actor, name, order }, changeMs, options);
  }

  async deleteRole(actor: Actor, name: string, options?: AskOptions): Promise<void> {
    await this.#ask('role.delete', { actor, name }, changeMs, options);
  }

  createSession(actor: Actor, proof: SessionProof, options?: AskOptions): Promise<NewSession | Refusal> {
    return this.#ask('session.create', { actor, ...proof }, changeMs, options);
  }

  verifySession(hash: string, options?: AskOptions): Promise<Verdict> {
    return this.#ask('session.verify', { hash }, askMs, options);
  }

  async deleteSession(actor: Actor, hash: string, options?: AskOptions): Promise<void> {
    await this.#ask('session.delete', { actor, hash }, changeMs, options);
  }

  createTicket(actor: Actor, { prefix, hash }: KeyProof, options?: AskOptions): Promise<Ticket> {
    return this.#ask('ticket.create', { actor, prefix, hash }, changeMs, options);
  }

  ensureAdmin({ prefix, hash }: KeyProof, options?: AskOptions): Promise<AdminState> {
    return this.#ask('admin.ensure', { prefix, hash }, changeMs, options);
  }

  /** All that there is, of which one answer holds only as much as fits into a message. */
  async #pages<T>(capability: string, options?: AskOptions): Promise<T[]> {
    const pages: T[] = [];
    for (let after: string | undefined; pages.length < pagesMost;) {
      const input = after === undefined ? {} : { after };
      const page = await this.#ask<T & { next?: string }>(capability, input, changeMs, options);
      pages.push(page);
      after = page.next;
      if (after === undefined) return pages;
    }
    throw failure('INVALID_OUTPUT', `${capability} of ${accessPlugin} does not come to an end.`);
  }

  async #ask<T>(
    capability: string,
    payload: unknown,
    defaultMs: number,
    { timeoutMs = defaultMs, signal }: AskOptions = {},
  ): Promise<T> {
    const subject = subjects.invokeCapability(accessPlugin, capability);
    try {
      const reply = await this.#asker.request(subject, JSON.stringify(payload), {
        timeoutMs: timeoutMs + answerGraceMs,
        headers: {
          [headerNames.timeoutMs]: String(timeoutMs),
          [headerNames.contentType]: jsonContentType,
        },
        ...(signal && { signal }),
      });
      const failed = failureIn(reply);
      if (failed) throw failed;
      return readAnswer(capability, reply.data) as T;
    } catch (error) {
      throw error instanceof NoRespondersError ? nobody(error) : error;
    }
  }
}

function nobody(cause: Error): BkgError {
  return new BkgError(
    'PLUGIN_UNAVAILABLE',
    `Nobody keeps the API keys now: the plugin ${accessPlugin} does not run, or is just starting. Start it, and repeat.`,
    { cause },
  );
}

function readAnswer(capability: string, data: Uint8Array): unknown {
  try {
    return parseJson(data);
  } catch (cause) {
    // Not what it says: it may have had a secret.
    throw failure('INVALID_OUTPUT', `What ${capability} of ${accessPlugin} gave is not JSON.`, { cause });
  }
}
