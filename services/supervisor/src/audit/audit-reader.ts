import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import type { JetStreamManager, JsMsg } from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import { BkgError, createValidator, jsonOrUndefined, schemaOf } from '@bkg/sdk';
import type { AuditEvent, AuditList, AuditQuery, Connection, Logger } from '@bkg/sdk';
import { answerMostBytes } from '../answer-size.ts';
import { unfit } from '../unfit.ts';
import { auditStream, infoOf } from './audit-stream.ts';
import type { AuditStream } from './audit-stream.ts';

export interface AuditReaderOptions {
  connection: Pick<Connection, 'maxPayloadBytes'>;
  stream: Pick<AuditStream, 'manager'>;
  log: Logger;
  /** For one question; what was found by then is the answer. @default 5000 */
  withinMs?: number;
}

/** Events at a time: the first batch does for most questions, a larger one is for those who look for something. */
const batchLeast = 128;
const batchMost = 1_000;
/** Each holds a batch. */
const readersMost = 4;
/** The shortest that the broker takes. */
const fetchLeastMs = 1_000;

const validateQuery = createValidator(schemaOf('AuditQuery'));
const validateEvent = createValidator(schemaOf('AuditEvent'));

type Listed = AuditList['events'][number];

/** Reads what was done from the stream, from its end on. */
export class AuditReader {
  readonly #options: AuditReaderOptions;
  #readers = 0;

  constructor(options: AuditReaderOptions) {
    this.#options = options;
  }

  /**
   * The newest events that are asked for, with where to go on when there may be more.
   * @param body an AuditQuery, or nothing
   * @throws BkgError INVALID_PAYLOAD, BUSY, PLUGIN_UNAVAILABLE; DEADLINE_EXCEEDED when nothing could be read in time
   */
  async list(body: unknown, signal: AbortSignal): Promise<AuditList> {
    const query = readQuery(body);
    if (this.#readers >= readersMost)
      throw new BkgError(
        'BUSY',
        `${readersMost} others read the audit, which is the limit: try again shortly.`,
      );
    this.#readers += 1;
    const { withinMs = 5_000 } = this.#options;
    try {
      return await this.#list(query, AbortSignal.any([signal, AbortSignal.timeout(withinMs)]));
    } catch (error) {
      if (error instanceof BkgError) throw error;
      const text = `The audit cannot be read from the broker (${(error as Error).message}); try again in a moment.`;
      throw new BkgError('PLUGIN_UNAVAILABLE', text, { cause: error });
    } finally {
      this.#readers -= 1;
    }
  }

  async #list(
    { most = 100, before = Infinity, ...wanted }: AuditQuery,
    signal: AbortSignal,
  ): Promise<AuditList> {
    const manager = await this.#options.stream.manager();
    const info = await infoOf(manager);
    if (!info)
      throw new BkgError('PLUGIN_UNAVAILABLE', 'The audit is just being set up; try again in a moment.');
    const { last_seq: last } = info.state;
    // Of a stream that was never written to it is 0.
    const first = Math.max(1, info.state.first_seq);
    const mostBytes = answerMostBytes(this.#options.connection);
    const events: Listed[] = [];
    let bytes = 0;
    let skipped = 0;
    let to = Math.min(last, before - 1);
    for (let size = Math.max(batchLeast, most); to >= first; size *= 4) {
      const from = Math.max(first, to - Math.min(size, batchMost) + 1);
      const batch = await readBatch(manager, from, to, signal);
      if (!batch) {
        if (events.length === 0 && to === Math.min(last, before - 1)) throw late();
        break;
      }
      for (const msg of batch.toReversed()) {
        const event = eventOf(msg);
        if (!event) skipped += 1;
        if (!event || !isWanted(event, wanted)) continue;
        bytes += Buffer.byteLength(JSON.stringify(event)) + 1;
        // One at least, so that asking again leads on.
        const isFull = events.length === most || (bytes > mostBytes && events.length > 0);
        if (isFull) return this.#answer(events, skipped, (events.at(-1) as Listed).seq);
        events.push(event);
      }
      to = from - 1;
      if (events.length === most) break;
    }
    return this.#answer(events, skipped, to >= first ? to + 1 : undefined);
  }

  #answer(events: Listed[], skipped: number, next: number | undefined): AuditList {
    if (skipped > 0)
      this.#options.log.warn(
        { skipped },
        `${skipped} messages in the stream ${auditStream} are no audit events and were left out; somebody else has written them`,
      );
    return { events, ...(next !== undefined && { next }) };
  }
}

function readQuery(body: unknown): AuditQuery {
  const given = body ?? {};
  const errors = validateQuery(given);
  if (errors.length > 0) throw unfit('The question', errors);
  return given;
}

/** @returns undefined when they do not come before the signal; those that are too old by now are left out */
async function readBatch(
  manager: JetStreamManager,
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<JsMsg[] | undefined> {
  if (signal.aborted) return undefined;
  const { name, num_pending } = await manager.consumers.add(auditStream, {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: from,
    ack_policy: AckPolicy.None,
    mem_storage: true,
    num_replicas: 1,
    // Should we not be able to remove it.
    inactive_threshold: nanos(10_000),
  });
  const batch: JsMsg[] = [];
  let isWhole = num_pending === 0;
  try {
    const consumer = await manager.jetstream().consumers.get(auditStream, name);
    const messages = await consumer.fetch({ max_messages: to - from + 1, expires: fetchLeastMs });
    const stop = (): void => messages.stop();
    signal.addEventListener('abort', stop, { once: true });
    if (isWhole || signal.aborted) stop();
    for await (const msg of messages) {
      if (msg.seq <= to) batch.push(msg);
      isWhole = msg.seq >= to || msg.info.pending === 0;
      if (isWhole) break;
    }
    signal.removeEventListener('abort', stop);
  } finally {
    // Nobody waits for it: it ends by itself, too.
    manager.consumers.delete(auditStream, name).catch(() => undefined);
  }
  return isWhole ? batch : undefined;
}

/** @returns undefined for what is none: with a broker that somebody else runs anybody may have written there */
function eventOf(msg: JsMsg): Listed | undefined {
  const value = jsonOrUndefined(msg.data) as AuditEvent | undefined;
  if (value === undefined || validateEvent(value).length > 0) return undefined;
  const { time, who, via, from, action, target, result, detail } = value;
  return {
    seq: msg.seq,
    time,
    who,
    via,
    from,
    action,
    target,
    result,
    ...(detail !== undefined && { detail }),
  };
}

function isWanted(event: AuditEvent, { who, action }: Pick<AuditQuery, 'who' | 'action'>): boolean {
  if (who !== undefined && event.who !== who) return false;
  if (action === undefined || event.action === action) return true;
  return action.endsWith('.') && event.action.startsWith(action);
}

function late(): BkgError {
  return new BkgError('DEADLINE_EXCEEDED', 'The broker does not give the audit in time; try again.');
}
