import type { Msg } from '@nats-io/nats-core';
import { RunningCall } from '@bkg/sdk';
import type { ReplyStream, RunningCallOptions, Upload } from '@bkg/sdk';
import type { Abortable } from './abort.ts';
import { requestHeaders } from './call.ts';
import type { Call } from './call.ts';
import type { Lane } from './lane.ts';

export interface AttemptOptions {
  call: Call;
  /** That it is sent through. */
  lane: Lane;
  /** For its requests; undefined where it goes without saying. */
  contentType: string | undefined;
  /** What it was given. */
  timeoutMs: number;
  /** What of that is over already. */
  waitedMs: number;
  /** Aborted, with the reason, when waiting has no use any more. */
  controller: Abortable;
  /** Its body, when that comes as chunks. */
  upload: Upload | undefined;
  /** Whether running it twice does no harm. */
  isIdempotent: (call: Call) => boolean;
}

/** One invocation on its way: what is needed to send it, and to send it once more. */
export class Attempt implements RunningCallOptions {
  readonly call: Call;
  readonly lane: Lane;
  readonly timeoutMs: number;
  /** What it has left of that when it is sent first. */
  readonly firstMs: number;
  /** When that is over, by `performance.now()`. */
  readonly deadlineAt: number;
  readonly controller: Abortable;
  readonly running: RunningCall;
  readonly upload: Upload | undefined;
  /** The answer of whom was asked last, when it may come as chunks. */
  stream: ReplyStream | undefined;
  hasEnded = false;
  readonly #contentType: string | undefined;
  readonly #isIdempotent: (call: Call) => boolean;

  constructor({
    call,
    lane,
    contentType,
    timeoutMs,
    waitedMs,
    controller,
    upload,
    isIdempotent,
  }: AttemptOptions) {
    this.call = call;
    this.lane = lane;
    this.timeoutMs = timeoutMs;
    this.firstMs = Math.max(1, timeoutMs - waitedMs);
    this.deadlineAt = performance.now() + this.firstMs;
    this.controller = controller;
    this.upload = upload;
    this.#contentType = contentType;
    this.#isIdempotent = isIdempotent;
    this.running = new RunningCall(this);
  }

  get plugin(): string {
    return this.call.pluginId;
  }

  get invocationId(): string {
    return this.call.invocationId;
  }

  /** What is left of its time; one ms when that is over, for the plugin to say so. */
  get leftMs(): number {
    return Math.max(1, Math.floor(this.deadlineAt - performance.now()));
  }

  /** Whether nothing of its body or its answer has gone through: then it can be sent to another instance. */
  get isUnbegun(): boolean {
    return this.upload?.hasBegun !== true && this.stream?.hasBegun !== true;
  }

  isIdempotent(): boolean {
    return this.#isIdempotent(this.call);
  }

  mayResend(): boolean {
    return this.isIdempotent() && this.isUnbegun;
  }

  /** Of its request, with so much time left. */
  headers(timeoutMs: number): Record<string, string | undefined> {
    const headers = requestHeaders(this.call, this.#contentType, timeoutMs);
    return this.upload ? { ...headers, ...this.upload.headers } : headers;
  }
}

/** Sends one to a subject. @returns the reply, or the first message of the stream. @throws NoRespondersError when nobody has got it */
export type Ask = (subject: string, timeoutMs: number) => Promise<Msg>;
