import { answerGraceMs } from '../../protocol/headers.ts';
import type {
  CancelFrame,
  ChunkFrame,
  CreditFrame,
  ErrorFrame,
  InvokeFrame,
  ResultFrame,
} from '../../protocol/socket.ts';
import type { OpenedStream } from '../client-stream.ts';
import { ConnectionLostError, errorOf, OfflineError } from '../errors.ts';
import { failure } from '../failure.ts';
import { cancelled, closed, late } from '../invoke.ts';
import type { Attempt, Call } from '../invoke.ts';
import { ChunkInbox } from './chunk-inbox.ts';
import type { ChunkInboxOptions } from './chunk-inbox.ts';
import type { Link } from './link.ts';
import { closeCodes } from './socket.ts';

export interface InvocationsOptions {
  /** What becomes of an invocation that is made while there is no connection. */
  whileOffline: 'fail' | 'wait';
  /** How many may wait for one, or for their turn on it. */
  waitingMost: number;
}

/** A result as it came. */
export interface Reply {
  output: unknown;
  /** The whole frame. */
  text: string;
}

interface Pending {
  id: string;
  call: Call;
  attempt: Attempt;
  dueAt: number;
  /** Of its frame, once that is sent. */
  length: number;
  /** Of one whose answer may come in chunks. */
  inbox: ChunkInbox<unknown> | undefined;
  resolve: (reply: Reply) => void;
  reject: (error: Error) => void;
}

/** The gateway waits longer for the plugin's better answer; as much again is for its way to us. */
const graceMs = 2 * answerGraceMs;
/** What the gateway carries out for one client at the same time. */
const runningMost = 64;
/** Of what waits to be sent: more would only be late. */
const bufferedMost = 8 * 1024 * 1024;

/** The tries that wait for a connection or for their turn on it, and those that wait for their answer. */
export class Invocations {
  readonly #link: Link;
  readonly #options: InvocationsOptions;
  readonly #waiting = new Set<Pending>();
  readonly #running = new Map<string, Pending>();
  #count = 0;

  constructor(link: Link, options: InvocationsOptions) {
    this.#link = link;
    this.#options = options;
    link.state.on(({ status, reason }) => {
      if (status === 'live') this.#startWaiting();
      else for (const one of this.#waiting) if (this.#failsOffline(one)) one.reject(offline(reason));
    });
  }

  /** One try. @throws InvocationError */
  send(call: Call, attempt: Attempt): Promise<Reply> {
    return this.#send(this.#nextId(), call, attempt, undefined);
  }

  /** One try of a stream, when its first chunk is here, or its output. @throws InvocationError that came before both */
  async open<Chunk>(
    call: Call,
    attempt: Attempt,
    options: Omit<ChunkInboxOptions<Chunk>, 'grant'>,
  ): Promise<OpenedStream<Chunk, Reply>> {
    const id = this.#nextId();
    const grant = (credit: number): void => {
      const frame: CreditFrame = { op: 'credit', id, credit };
      this.#link.send(JSON.stringify(frame));
    };
    const inbox = new ChunkInbox<Chunk>({ ...options, grant });
    const output = this.#send(id, call, attempt, inbox);
    output.then(
      () => inbox.end(),
      (error: unknown) => inbox.end({ error }),
    );
    await Promise.race([inbox.begun, output]);
    return { chunks: inbox, output };
  }

  take(frame: ChunkFrame, text: string): void {
    const one = this.#running.get(frame.id);
    try {
      one?.inbox?.take(frame, text);
    } catch (error) {
      if (one) this.#giveUp(one, error as Error);
    }
  }

  succeed({ id, output }: ResultFrame, text: string): void {
    this.#running.get(id)?.resolve({ output, text });
  }

  /** @returns false when it is about no invocation */
  fail({ id = '', problem }: ErrorFrame): boolean {
    const one = this.#running.get(id);
    one?.reject(errorOf(problem));
    return one !== undefined;
  }

  /** The connection is gone, and with it what was under way: the gateway cancels it. */
  lose(reason: string, closeCode: number | undefined): void {
    const running = [...this.#running.values()];
    const largest = Math.max(...running.map(({ length }) => length));
    for (const one of running) {
      const isTooLarge = closeCode === closeCodes.tooLarge && one.length === largest;
      one.reject(isTooLarge ? tooLarge(one) : lost(one, reason));
    }
  }

  close(): void {
    for (const one of [...this.#waiting, ...this.#running.values()]) this.#giveUp(one, closed());
  }

  #nextId(): string {
    this.#count += 1;
    return `i${this.#count}`;
  }

  #send(id: string, call: Call, attempt: Attempt, inbox: Pending['inbox']): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const { signal } = call.options;
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        this.#waiting.delete(one);
        if (this.#running.delete(one.id)) this.#startWaiting();
      };
      const one: Pending = {
        id,
        call,
        attempt,
        dueAt: performance.now() + attempt.timeoutMs,
        length: 0,
        inbox,
        resolve: (reply) => {
          end();
          resolve(reply);
        },
        reject: (error) => {
          end();
          reject(Object.assign(error, { invocationId: attempt.invocationId }));
        },
      };
      const abort = (): void => this.#giveUp(one, cancelled(call));
      let timer = setTimeout(() => {
        if (this.#waiting.has(one)) return one.reject(unsent(one, this.#link.isLive));
        timer = setTimeout(() => this.#giveUp(one, late(call, attempt)), graceMs);
      }, attempt.timeoutMs);
      signal?.addEventListener('abort', abort);
      this.#link.open();
      this.#wait(one);
      this.#startWaiting();
    });
  }

  #wait(one: Pending): void {
    const { status, reason } = this.#link.state.now;
    const { waitingMost } = this.#options;
    if (status === 'offline' && this.#failsOffline(one)) one.reject(offline(reason));
    else if (this.#waiting.size < waitingMost) this.#waiting.add(one);
    else one.reject(failure('BUSY', `${waitingMost} invocations wait for the gateway already.`));
  }

  /** What was begun on a connection is repeated on the next, however long that takes. */
  #failsOffline({ attempt }: Pending): boolean {
    return this.#options.whileOffline === 'fail' && attempt.number === 1;
  }

  #startWaiting(): void {
    for (const one of this.#waiting) {
      if (!this.#link.isLive || this.#running.size >= runningMost) return;
      this.#start(one);
    }
  }

  #start(one: Pending): void {
    const { id, call, attempt, dueAt, inbox } = one;
    if (this.#link.bufferedBytes > bufferedMost) {
      return one.reject(failure('BUSY', 'Too much waits to be sent to the gateway already.'));
    }
    const { traceparent, tracestate } = call.options;
    const frame: InvokeFrame = {
      op: 'invoke',
      id,
      plugin: call.plugin,
      capability: call.capability,
      invocation_id: attempt.invocationId,
      timeout_ms: Math.max(1, Math.ceil(dueAt - performance.now())),
      ...(traceparent && { traceparent }),
      ...(tracestate && { tracestate }),
      ...(inbox && { stream: inbox.window }),
    };
    // The payload as it is given: written by JSON.stringify its numbers could lose digits.
    const text = `${JSON.stringify(frame).slice(0, -1)},"payload":${call.json}}`;
    one.length = text.length;
    this.#waiting.delete(one);
    this.#running.set(id, one);
    this.#link.send(text);
  }

  #giveUp(one: Pending, error: Error): void {
    const frame: CancelFrame = { op: 'cancel', id: one.id };
    if (this.#running.has(one.id)) this.#link.send(JSON.stringify(frame));
    one.reject(error);
  }
}

function offline(reason = 'It is not reached yet.'): Error {
  return new OfflineError(`There is no connection to the gateway. ${reason}`);
}

function unsent({ attempt: { timeoutMs } }: Pending, isLive: boolean): Error {
  if (isLive) return failure('BUSY', `${runningMost} others were under way for all of ${timeoutMs} ms.`);
  return failure('PLUGIN_UNAVAILABLE', `There was no connection to the gateway within ${timeoutMs} ms.`);
}

function lost({ call }: Pending, reason: string): Error {
  return new ConnectionLostError(
    `The connection to the gateway was lost while ${call.capability} of ${call.plugin} was under way: nobody knows whether it has run. ${reason}`,
  );
}

function tooLarge({ length }: Pending): Error {
  return failure('PAYLOAD_TOO_LARGE', `A frame of ${length} characters is more than the gateway takes.`);
}
