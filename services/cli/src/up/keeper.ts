import { BkgError, decodeJson, problemOfMsg, subjects } from '@bkg/sdk';
import type { AuditEvent, Connection, Ticket } from '@bkg/sdk';

type Actor = Pick<AuditEvent, 'who' | 'via' | 'from'>;

export class Keeper {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  ensureAdmin(key: { prefix: string; hash: string }): Promise<{ state: 'made' | 'valid' | 'invalid' }> {
    return this.#ask('admin.ensure', key);
  }

  createTicket(actor: Actor, prefix: string): Promise<Ticket> {
    return this.#ask('ticket.create', { actor, prefix });
  }

  async #ask<T>(capability: string, payload: object): Promise<T> {
    const subject = subjects.invokeCapability('apikeys', capability);
    const msg = await this.#connection.request(subject, JSON.stringify(payload), { timeoutMs: 2_000 });
    const problem = problemOfMsg(msg);
    if (problem) throw BkgError.from(problem);
    return decodeJson(msg.data) as T;
  }
}
