import { createToken, subjects } from '@bkg/sdk';
import type { AuditEvent, Connection, Logger } from '@bkg/sdk';
import { delay, settlesWithin } from '@bkg/sdk/host';

export interface AuditWriterOptions {
  asker: Pick<Connection, 'request'>;
  log: Logger;
  /** Events that wait to be stored; one more is only in the log. @default 1000 */
  most?: number;
}

interface Waiting {
  event: AuditEvent;
  /** By which the broker knows one that it has already, when only its answer was lost. */
  id: string;
}

const ackMs = 3_000;
const againFirstMs = 100;
const againMostMs = 5_000;
/** For what still waits when it closes. */
const closeMs = 2_000;
/** JetStream's "message size exceeds maximum allowed". */
const tooLarge = 10_054;

/** Has the broker keep what was done; whoever did it does not wait for that. */
export class AuditWriter {
  readonly #options: AuditWriterOptions;
  readonly #waiting: Waiting[] = [];
  readonly #closing = new AbortController();
  #sending: Promise<void> | undefined;
  #isClosed = false;
  #dropped = 0;

  constructor(options: AuditWriterOptions) {
    this.#options = options;
  }

  /** Events that were not stored; each is in the log. */
  get dropped(): number {
    return this.#dropped;
  }

  write(event: Omit<AuditEvent, 'time'>): void {
    const timed: AuditEvent = { time: new Date().toISOString(), ...event };
    const { most = 1_000 } = this.#options;
    if (this.#isClosed) return this.#drop(timed, 'this program ends');
    if (this.#waiting.length >= most) return this.#drop(timed, `${most} others wait already`);
    this.#waiting.push({ event: timed, id: createToken() });
    this.#sending ??= this.#sendAll();
  }

  /** Waits a moment for what is not stored yet, and takes nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#sending) await settlesWithin(this.#sending, closeMs);
    this.#closing.abort();
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    const { signal } = this.#closing;
    for (let tries = 0; this.#waiting.length > 0 && !signal.aborted; tries += 1) {
      const [first] = this.#waiting as [Waiting];
      const isDone = await this.#send(first, tries);
      if (isDone) this.#waiting.shift();
      const waitMs = Math.min(againMostMs, againFirstMs * 2 ** Math.min(tries, 10));
      // Its one failure is the signal's, which ends the loop.
      if (!isDone) await delay(waitMs, signal).catch(() => undefined);
      else tries = -1;
    }
    for (const { event } of this.#waiting.splice(0)) this.#drop(event, 'this program ends');
    this.#sending = undefined;
  }

  /** @returns whether nothing more is to be done about it */
  async #send({ event, id }: Waiting, tries: number): Promise<boolean> {
    const { asker, log } = this.#options;
    try {
      const reply = await asker.request(subjects.auditEvent, JSON.stringify(event), {
        timeoutMs: ackMs,
        headers: { 'Nats-Msg-Id': id },
        signal: this.#closing.signal,
      });
      const { stream, error } = reply.json<{
        stream?: string;
        error?: { err_code?: number; description?: string };
      }>();
      if (stream !== undefined && error === undefined) return true;
      const why = error?.description ?? 'what answers is no stream';
      if (error?.err_code !== tooLarge) throw new Error(why);
      this.#drop(event, why);
      return true;
    } catch (error) {
      if (tries === 0 && !this.#closing.signal.aborted)
        log.warn({ error }, 'the audit cannot be written; trying again');
      return false;
    }
  }

  #drop(event: AuditEvent, why: string): void {
    this.#dropped += 1;
    this.#options.log.warn({ audit: event, dropped: this.#dropped }, `an audit event is only here: ${why}`);
  }
}
