import type { Msg, Payload, Subscription } from '@nats-io/nats-core';
import { headers as natsHeaders } from '@nats-io/nats-core';
import type { Connection } from '../connection.ts';
import { delay, settlesWithin } from '../host/delay.ts';
import { subjects } from '../protocol/subjects.ts';
import { isNoResponders } from '../request-failures.ts';
import { createToken } from '../token.ts';

/** One answer to a request, or one event. */
export interface Answer {
  subject: string;
  /** Where whoever has sent it takes an answer. */
  reply: string | undefined;
  headers: Map<string, string[]>;
  text: string;
  bytes: number;
  /** Undefined when the body is no JSON. */
  json: unknown;
  /** Nobody has answered but the server. */
  isNoResponders: boolean;
  /** Since the request, or since listening began. */
  afterMs: number;
}

export interface Request {
  subject: string;
  body: Payload;
  headers: Record<string, string>;
  /** @default a subject of an inbox */
  reply?: string;
}

/** A subject of an inbox that nobody has used. */
export function newInbox(): string {
  return subjects.inbox('conformance', createToken());
}

/** A request with everything that comes back, also what comes too late and what comes twice. */
export class Exchange {
  readonly answers: Answer[] = [];
  readonly #subscription: Subscription;
  #arrived = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(connection: Connection, request: Request) {
    const reply = request.reply ?? newInbox();
    const sentAt = performance.now();
    this.#subscription = connection.nats.subscribe(reply, {
      callback: (error, msg) => {
        if (error) return;
        this.answers.push(answerOf(msg, sentAt));
        this.look();
      },
    });
    const headers = natsHeaders();
    for (const [name, value] of Object.entries(request.headers)) headers.set(name, value);
    const hasHeaders = Object.keys(request.headers).length > 0;
    connection.nats.publish(request.subject, request.body, { reply, ...(hasHeaders && { headers }) });
  }

  /** Waits for the first answer, of those that are wanted; not at all when it is there. */
  async answered(withinMs: number, isWanted: (answer: Answer) => boolean = () => true): Promise<void> {
    await this.until(() => this.answers.some(isWanted), withinMs);
  }

  /** Has those that wait look again. */
  look(): void {
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }

  /** Waits until it is so: looked at whenever an answer comes. */
  async until(isSo: () => boolean, withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    while (!this.#isClosed && !isSo()) {
      const leftMs = until - performance.now();
      if (leftMs <= 0) return;
      await settlesWithin(this.#arrived.promise, leftMs);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#subscription.unsubscribe();
    this.#arrived.resolve();
  }
}

/** Everything that is published on a subject from now on. */
export class Listener {
  readonly answers: Answer[] = [];
  readonly #subscription: Subscription;

  constructor(connection: Connection, subject: string) {
    const startedAt = performance.now();
    this.#subscription = connection.nats.subscribe(subject, {
      callback: (error, msg) => {
        if (!error) this.answers.push(answerOf(msg, startedAt));
      },
    });
  }

  async heard(least: number, withinMs: number, signal: AbortSignal): Promise<void> {
    const until = performance.now() + withinMs;
    while (this.answers.length < least && performance.now() < until) await delay(20, signal);
  }

  close(): void {
    this.#subscription.unsubscribe();
  }
}

function answerOf(msg: Msg, since: number): Answer {
  const text = msg.string();
  const names = msg.headers?.keys() ?? [];
  return {
    subject: msg.subject,
    reply: msg.reply || undefined,
    headers: new Map(names.map((name) => [name, msg.headers?.values(name) ?? []])),
    text,
    bytes: msg.data.length,
    json: parsedJson(text),
    isNoResponders: isNoResponders(msg),
    afterMs: performance.now() - since,
  };
}

/** Undefined when it is no JSON. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const shownMost = 400;

/** The first value of a header. */
export function headerOf({ headers }: Answer, name: string): string | undefined {
  return headers.get(name)?.[0];
}

/** An answer in one line, for people. */
export function describe({ headers, text, isNoResponders: nobody, afterMs }: Answer): string {
  if (nobody) return 'no responders';
  const lines = [...headers].flatMap(([name, values]) => values.map((value) => `${name}: ${value}`));
  const body = text.length > shownMost ? `${text.slice(0, shownMost)}…` : text;
  return `${[...lines, body || 'an empty body'].join(' | ')} after ${Math.round(afterMs)} ms`;
}
