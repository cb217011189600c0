import { nowhere } from './brief-set.ts';
import type { Placed } from './brief-set.ts';
import type { HeaderValues } from './outgoing.ts';
import { BkgError, errorEntryOf } from './protocol/errors.ts';
import type { Resend } from './requests.ts';

export interface RunningCallOptions {
  plugin: string;
  invocationId: string;
  /** When its time is over, by `performance.now()`. */
  deadlineAt: number;
  /** Aborted, with the reason, when waiting has no use any more. */
  controller: Pick<AbortController, 'abort'>;
  /** Whether running it twice does no harm. */
  isIdempotent(): boolean;
  /** Asked before it is sent again, because of `loss`. @default isIdempotent */
  mayResend?(loss: BkgError): boolean;
  /** Of the request, with so much time left. */
  headers(timeoutMs: number): HeaderValues;
}

/** One invocation that waits for its answer. Its instance may die: then it is sent once more, if that does no harm. */
export class RunningCall implements Placed {
  readonly plugin: string;
  readonly invocationId: string;
  /** Among those of its LostCalls. */
  place = nowhere;
  readonly #options: RunningCallOptions;
  #resend: Resend | undefined;
  #loss: BkgError | undefined;
  #isCancelled = false;

  constructor(options: RunningCallOptions) {
    this.plugin = options.plugin;
    this.invocationId = options.invocationId;
    this.#options = options;
  }

  /** Why it was sent again; undefined when it was not. */
  get loss(): BkgError | undefined {
    return this.#loss;
  }

  /** Whether somebody has told its instances to end it: whoever has not got it yet is not to get it. */
  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** Its instances have been told to end it; its answer is still waited for. */
  noteCancelled(): void {
    this.#isCancelled = true;
  }

  /** Whether it may be given up, and then be sent again, when nobody says anything about it. */
  isIdempotent(): boolean {
    return this.#options.isIdempotent();
  }

  /** For the `onSend` of its request. */
  readonly onSend = (resend: Resend): void => {
    this.#resend = resend;
  };

  /** Gives up waiting, with this error. */
  end(error: unknown): void {
    this.#options.controller.abort(error);
  }

  /** No instance holds it any more: it is sent again, for the same answer, or ends with this error. */
  lose(loss: BkgError): void {
    try {
      if (!this.#sendAgain(loss)) this.end(loss);
    } catch (error) {
      // Of who was asked or told: it is this call's, and no other's.
      this.end(error);
    }
  }

  /** An error of its request. After it was sent again one that says "it has not run" may not be true, and gives way. */
  explain(error: unknown): unknown {
    if (!this.#loss || !(error instanceof BkgError)) return error;
    return errorEntryOf(error.code)?.executed === 'no' ? this.#loss : error;
  }

  #sendAgain(loss: BkgError): boolean {
    const leftMs = Math.floor(this.#options.deadlineAt - performance.now());
    if (this.#loss || this.#isCancelled || !this.#resend || leftMs < 1 || !this.#mayResend(loss))
      return false;
    this.#loss = loss;
    this.#resend(this.#options.headers(leftMs));
    return true;
  }

  #mayResend(loss: BkgError): boolean {
    return this.#options.mayResend ? this.#options.mayResend(loss) : this.isIdempotent();
  }
}
