import type { Payload } from '@nats-io/nats-core';
import type { HeaderValues } from '../outgoing.ts';
import { BkgError } from '../protocol/errors.ts';
import { headerNames } from '../protocol/headers.ts';
import { creditPatienceMs, windowMost } from '../protocol/stream.ts';

export interface ChunkWriterOptions {
  /** Sends one frame. @throws BkgError PAYLOAD_TOO_LARGE */
  send: (data: Payload, headers: HeaderValues, isLast: boolean) => void;
  /** Nobody waits for more: `write` throws its reason. */
  signal: AbortSignal;
  /** Chunks that may be sent before the first credit. */
  window: number;
  /** How long it waits for a sign when it may send no more. @default creditPatienceMs */
  patienceMs?: number;
  /** The receiver gave no sign for that long. To be answered with an abort of `signal`. */
  onSilence: (why: BkgError) => void;
}

/** The sending end of a stream: numbers the chunks, and sends none that its receiver has not given credit for. */
export class ChunkWriter {
  readonly #options: ChunkWriterOptions;
  #credit: number;
  #seq = 0;
  #hasEnded = false;
  #room: PromiseWithResolvers<void> | undefined;
  #silence: NodeJS.Timeout | undefined;

  constructor(options: ChunkWriterOptions) {
    this.#options = options;
    this.#credit = options.window;
    options.signal.addEventListener('abort', () => this.#settle(), { once: true });
  }

  /** How many were sent. */
  get count(): number {
    return this.#seq;
  }

  /** To be given what the receiver says; 0 is a sign of life. More than it may have open counts as that. */
  give(credit: number): void {
    this.#credit = Math.min(windowMost, this.#credit + credit);
    if (this.#credit > 0) this.#settle();
    else if (this.#room) this.#listen();
  }

  /**
   * Sends one chunk, when there is credit: only then it is settled, and who writes on before has to keep what it writes.
   * One at a time.
   * @throws the reason of `signal`; BkgError PAYLOAD_TOO_LARGE
   */
  async write(data: Payload, headers: HeaderValues = {}): Promise<void> {
    const { signal, send } = this.#options;
    while (this.#credit === 0 && !signal.aborted && !this.#hasEnded) await this.#waitForCredit();
    signal.throwIfAborted();
    if (this.#hasEnded) throw new Error('The stream has ended: nothing can be written any more.');
    send(data, { ...headers, [headerNames.seq]: String(this.#seq) }, false);
    this.#credit -= 1;
    this.#seq += 1;
  }

  /** Sends the last frame, for which no credit is needed. @throws BkgError PAYLOAD_TOO_LARGE; it may be tried again then */
  end(data: Payload, headers: HeaderValues = {}): void {
    if (this.#hasEnded) return;
    const { send } = this.#options;
    const count = this.#seq + 1;
    send(data, { ...headers, [headerNames.seq]: String(this.#seq), [headerNames.end]: String(count) }, true);
    this.#hasEnded = true;
    this.#seq = count;
    this.#settle();
  }

  async #waitForCredit(): Promise<void> {
    this.#room ??= Promise.withResolvers();
    this.#listen();
    await this.#room.promise;
  }

  #listen(): void {
    const { patienceMs = creditPatienceMs, onSilence } = this.#options;
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      onSilence(
        new BkgError('CANCELLED', `Its receiver has taken nothing, and given no sign, for ${patienceMs} ms.`),
      );
    }, patienceMs);
  }

  #settle(): void {
    clearTimeout(this.#silence);
    this.#room?.resolve();
    this.#room = undefined;
  }
}
