import type { Msg } from '@nats-io/nats-core';
import { BkgError, headerNames, jsonOrUndefined, NoRespondersError, problemOfMsg, subjects } from '@bkg/sdk';
import type {
  AuditQuery,
  ControlOptions,
  HistoryQuery,
  LogQuery,
  PluginConfig,
  RegistryEntry,
  RollbackOrder,
  ScaleOrder,
  SwapOrder,
} from '@bkg/sdk';
import type { Actor } from '@bkg/sdk/access';
import type { Broker } from './broker.ts';
import { readPluginConfig, readRegistryEntry } from './registry-entry.ts';

export type ControlVerb = 'start' | 'stop' | 'restart' | 'swap' | 'scale' | 'rollback';

/** By its verb one of these. */
export type Order = ControlOptions | SwapOrder | ScaleOrder | RollbackOrder;

/** The supervisor gives up after 60 s, and then says what it has reached. */
const reachedMs = 65_000;
const acceptedMs = 10_000;
const readMs = 8_000;

/** Who orders something. */
export interface Orderer extends Actor {
  isAdmin: boolean;
}

/** What only the supervisor can do. */
export class SupervisorClient {
  readonly #broker: Broker;
  readonly #cutOff: AbortSignal;

  constructor(broker: Broker, cutOff: AbortSignal) {
    this.#broker = broker;
    this.#cutOff = cutOff;
  }

  /**
   * @param orderer who orders it: the broker vouches for that, whatever the order itself says
   * @returns the plugin in the state that was asked for; with `wait: false` as it is. @throws BkgError
   */
  async control(verb: ControlVerb, id: string, order: Order, orderer: Orderer): Promise<RegistryEntry> {
    const { wait = true } = order;
    const body = JSON.stringify({ ...order, wait });
    const what = `${verb} of ${id}`;
    const subject = subjects.controlBy(verb, id, orderer.who);
    const msg = await this.#ask(subject, body, wait ? reachedMs : acceptedMs, what, orderer);
    const entry = readRegistryEntry(jsonOrUndefined(msg.data));
    if (entry?.id === id) return entry;
    throw new BkgError('INTERNAL', `The supervisor answered ${what} with something that is no plugin.`);
  }

  /**
   * @param change the merge patch as it was sent: parsed and written again, numbers beyond 2^53 would be others
   * @param wait what it says of that: false is answered when it is written, not when every instance has it
   * @returns the configuration that it has led to. @throws BkgError
   */
  async configure(id: string, change: Uint8Array, wait: boolean, orderer: Orderer): Promise<PluginConfig> {
    const what = `the configuration of ${id}`;
    const timeoutMs = wait ? reachedMs : acceptedMs;
    const subject = subjects.controlBy('configure', id, orderer.who);
    const msg = await this.#ask(subject, change, timeoutMs, what, orderer);
    const config = readPluginConfig(jsonOrUndefined(msg.data));
    if (config?.id === id) return config;
    throw new BkgError('INTERNAL', `The supervisor answered about ${what} with something that is none.`);
  }

  /** @returns `{lines: LogRecord[]}` as it was written. @throws BkgError */
  async logs(id: string, query: LogQuery): Promise<Uint8Array> {
    const msg = await this.#ask(subjects.logs(id), JSON.stringify(query), readMs, `the logs of ${id}`);
    return msg.data;
  }

  /** @returns a ConfigHistory as it was written. @throws BkgError */
  async history(id: string, query: HistoryQuery): Promise<Uint8Array> {
    const what = `the history of ${id}`;
    const msg = await this.#ask(subjects.history(id), JSON.stringify(query), readMs, what);
    return msg.data;
  }

  /** @returns an AuditList as it was written. @throws BkgError */
  async audit(query: AuditQuery): Promise<Uint8Array> {
    const msg = await this.#ask(subjects.auditList, JSON.stringify(query), readMs, 'the audit');
    return msg.data;
  }

  async #ask(
    subject: string,
    body: Uint8Array | string,
    timeoutMs: number,
    what: string,
    orderer?: Orderer,
  ): Promise<Msg> {
    const signal = this.#cutOff;
    const headers = orderer && {
      // Without an address it would be an order of nobody's client, and those are trusted: of one that has left none is known.
      [headerNames.from]: orderer.from || '?',
      [headerNames.admin]: orderer.isAdmin ? '1' : undefined,
    };
    let msg: Msg;
    try {
      msg = await this.#broker.request(subject, body, { timeoutMs, signal, ...(headers && { headers }) });
    } catch (error) {
      throw explain(error, what, timeoutMs);
    }
    const problem = problemOfMsg(msg);
    if (problem) throw BkgError.from(problem);
    return msg;
  }
}

function explain(error: unknown, what: string, timeoutMs: number): unknown {
  if (error instanceof NoRespondersError) {
    const detail = `The supervisor is away: ${what} has to wait until it is back. Running plugins go on answering.`;
    return new BkgError('PLUGIN_UNAVAILABLE', detail);
  }
  if (!(error instanceof BkgError)) return error;
  if (error.code === 'DEADLINE_EXCEEDED') {
    return new BkgError('DEADLINE_EXCEEDED', `No answer about ${what} within ${timeoutMs / 1_000} s.`);
  }
  if (error.code === 'CANCELLED') {
    return new BkgError('CANCELLED', `The gateway is stopping; ${what} goes on without it.`);
  }
  return error;
}
