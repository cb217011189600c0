import { backoffMs } from '../host/backoff.ts';
import { delay, settlesWithin } from '../host/delay.ts';
import { jsonOrUndefined } from '../json.ts';
import type { Logger } from '../logger.ts';
import type { AuditEvent } from '../protocol/access.ts';
import { BkgError } from '../protocol/errors.ts';
import { isRecord } from '../protocol/is-record.ts';
import { hideSecrets } from '../protocol/secrets.ts';
import { subjects } from '../protocol/subjects.ts';
import { createToken } from '../token.ts';
import type { Asker } from './asker.ts';

export interface AuditWriterOptions {
  asker: Asker;
  /** What could not be kept is written here, with its content, so that it is not lost without a trace. */
  log: Logger;
  /** Events that wait at most. @default 1000 */
  most?: number;
  /** Between two tries. @default 100 to 5000 */
  backoff?: { firstMs: number; mostMs: number };
  /** How long `close` goes on trying. @default 2000 */
  closeMs?: number;
}

interface Waiting {
  event: AuditEvent;
  /** The same for each try: JetStream keeps one of them. */
  id: string;
}

/** JetStream will say the same each time. */
class RefusedError extends Error {
  override name = 'RefusedError';
}

const ackMs = 2_000;

/** Writes what somebody has done, or was refused, to the audit: one after the other, until JetStream has it. */
export class AuditWriter {
  readonly #asker: Asker;
  readonly #log: Logger;
  readonly #most: number;
  readonly #backoff: { firstMs: number; mostMs: number };
  readonly #closeMs: number;
  readonly #queue: Waiting[] = [];
  readonly #ending = new AbortController();
  #running: Promise<void> | undefined;
  #dropped = 0;

  constructor(options: AuditWriterOptions) {
    this.#asker = options.asker;
    this.#log = options.log;
    this.#most = options.most ?? 1_000;
    this.#backoff = options.backoff ?? { firstMs: 100, mostMs: 5_000 };
    this.#closeMs = options.closeMs ?? 2_000;
  }

  /** Events that no stream has taken. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Nobody waits for it: what was done is done, whether it can be written down now or later. */
  write(event: Omit<AuditEvent, 'time'>): void {
    const waiting = { event: { time: new Date().toISOString(), ...shown(event) }, id: createToken() };
    if (this.#ending.signal.aborted) return this.#drop(waiting.event, 'it came after the end');
    if (this.#queue.length >= this.#most) return this.#drop(waiting.event, `${this.#most} wait already`);
    this.#queue.push(waiting);
    this.#running ??= this.#run();
  }

  /** Writes what waits, for two seconds; the rest goes to the log. */
  async close(): Promise<void> {
    if (this.#running) await settlesWithin(this.#running, this.#closeMs);
    this.#ending.abort(new Error('closed'));
    await this.#running;
    for (const { event } of this.#queue.splice(0))
      this.#drop(event, 'it could not be written before the end');
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    for (let failures = 0; !signal.aborted;) {
      const [next] = this.#queue;
      if (!next) {
        // At once: what is written a moment later must begin anew.
        this.#running = undefined;
        return;
      }
      try {
        await this.#send(next);
        this.#queue.shift();
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (isFinal(error)) {
          this.#queue.shift();
          this.#drop(next.event, (error as Error).message);
          continue;
        }
        if (failures === 0)
          this.#log.warn({ error, waiting: this.#queue.length }, 'the audit takes nothing now');
        // Its one failure is the signal's, which ends the loop.
        await delay(backoffMs(failures, this.#backoff), signal).catch(() => undefined);
        failures += 1;
      }
    }
  }

  /** @throws Error when JetStream has not said that it has it */
  async #send({ event, id }: Waiting): Promise<void> {
    const reply = await this.#asker.request(subjects.auditEvent, JSON.stringify(event), {
      timeoutMs: ackMs,
      headers: { 'Nats-Msg-Id': id },
      signal: this.#ending.signal,
    });
    const ack = jsonOrUndefined(reply.data);
    if (!isRecord(ack)) throw new Error('the answer is none of JetStream');
    const { error, stream, seq } = ack;
    if (isRecord(error)) {
      const { code, description } = error;
      const text = `JetStream refused it: ${String(description)}`;
      throw typeof code === 'number' && code < 500 ? new RefusedError(text) : new Error(text);
    }
    if (typeof stream !== 'string' || typeof seq !== 'number')
      throw new Error('the answer is no acknowledgement of JetStream');
  }

  #drop(event: AuditEvent, why: string): void {
    this.#dropped += 1;
    this.#log.warn({ event, dropped: this.#dropped }, `an audit event was dropped: ${why}`);
  }
}

/** Some of it is what was asked for, and that may be a key in a wrong place. */
function shown<T extends Omit<AuditEvent, 'time'>>(event: T): T {
  const { target, detail } = event;
  return {
    ...event,
    target: hideSecrets(target),
    ...(detail !== undefined && { detail: hideSecrets(detail) }),
  };
}

/** It would fail each time, and keep all those behind it from being written. */
function isFinal(error: unknown): boolean {
  return error instanceof RefusedError || (error instanceof BkgError && error.code === 'PAYLOAD_TOO_LARGE');
}
