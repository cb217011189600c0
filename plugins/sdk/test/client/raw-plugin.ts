import type { Msg } from '@nats-io/nats-core';
import type { Connection } from '../../src/connection.ts';
import type { HeaderValues } from '../../src/outgoing.ts';
import { problemReply } from '../../src/problem.ts';
import { headerNames, invokeQueue, subjects } from '../../src/protocol/index.ts';
import type { Flow, InflightQuery } from '../../src/protocol/index.ts';
import { errorTable, problemOf } from '../../src/protocol/errors.ts';
import type { ErrorCode } from '../../src/protocol/errors.ts';
import { encodeHeaders } from '../../src/outgoing.ts';
import type { TestServer } from '../../src/testing.ts';

/** One request that came to it, answered frame by frame as its test says. */
export class RawCall {
  readonly msg: Msg;
  readonly #plugin: RawPlugin;

  constructor(msg: Msg, plugin: RawPlugin) {
    this.msg = msg;
    this.#plugin = plugin;
  }

  header(name: keyof typeof headerNames): string | undefined {
    return this.msg.headers?.get(headerNames[name]) || undefined;
  }

  /** Any message to its reply subject. */
  send(body: string | Uint8Array, headers: HeaderValues = {}, reply?: string): void {
    this.#plugin.publish(this.msg.reply ?? '', body, headers, reply);
  }

  /** @param flow where credit for it goes; none when it is empty */
  chunk(
    seq: number,
    body: string | Uint8Array,
    headers: HeaderValues = {},
    flow: string | undefined = this.#plugin.flowSubject,
  ): void {
    this.send(body, { [headerNames.seq]: String(seq), ...headers }, flow || undefined);
  }

  end(count: number, output: string, headers: HeaderValues = {}): void {
    this.send(output, { [headerNames.seq]: String(count - 1), [headerNames.end]: String(count), ...headers });
  }

  /** Takes so many more chunks of its payload. @param flow where they go */
  grant(credit: number, flow = this.#plugin.flowSubject): void {
    this.#plugin.publish(this.header('flow') ?? '', JSON.stringify({ credit }), {}, flow);
  }

  fail(code: ErrorCode, detail = code.toLowerCase(), headers: HeaderValues = {}): void {
    const { data, headers: own } = problemReply(problemOf(code, errorTable[code], detail));
    this.send(data, { ...own, ...headers });
  }
}

/** A plugin without the SDK that does what its test tells it, frame by frame. */
export class RawPlugin {
  readonly id: string;
  readonly calls: RawCall[] = [];
  /** Ids that somebody has cancelled by the subject for it. */
  readonly cancels: string[] = [];
  /** What came to its flow subject. */
  readonly flow: Flow[] = [];
  /** Chunks of an upload. */
  readonly chunks: Msg[] = [];
  readonly flowSubject: string;
  readonly connection: Connection;
  /** How often it was asked what it holds. */
  questions = 0;
  #isDead = false;

  private constructor(connection: Connection, id: string, instance: string) {
    this.connection = connection;
    this.id = id;
    this.flowSubject = subjects.flow(id, instance, 'secret');
  }

  static async start(
    server: TestServer,
    id: string,
    onCall: (call: RawCall) => unknown = () => undefined,
    instance = 'only',
  ): Promise<RawPlugin> {
    const connection = await server.connect(id);
    const plugin = new RawPlugin(connection, id, instance);
    connection.subscribe(subjects.invokeAny(id), {
      queue: invokeQueue,
      callback: (_, msg) => {
        const call = new RawCall(msg, plugin);
        plugin.calls.push(call);
        onCall(call);
      },
    });
    connection.subscribe(subjects.cancel(id), {
      callback: (_, msg) => void plugin.cancels.push(msg.json<{ invocation_id: string }>().invocation_id),
    });
    connection.subscribe(plugin.flowSubject, {
      callback: (_, msg) => {
        if (msg.headers?.get(headerNames.seq)) plugin.chunks.push(msg);
        else plugin.flow.push(msg.json<Flow>());
      },
    });
    connection.subscribe(subjects.inflight(id), {
      callback: (_, msg) => {
        plugin.questions += 1;
        const asked = new Set(msg.json<InflightQuery>().invocation_ids);
        const held = plugin.calls
          .map((call) => call.header('invocationId') ?? '')
          .filter((id) => asked.has(id));
        connection.respond(msg, JSON.stringify({ instance, invocation_ids: held }));
      },
    });
    await connection.flush();
    return plugin;
  }

  /** How many more chunks it was told to send. */
  get credit(): number {
    return this.flow.reduce((sum, { credit = 0 }) => sum + credit, 0);
  }

  publish(subject: string, body: string | Uint8Array, headers: HeaderValues, reply?: string): void {
    this.connection.nats.publish(subject, body, { headers: encodeHeaders(headers), ...(reply && { reply }) });
  }

  async die(): Promise<void> {
    if (this.#isDead) return;
    this.#isDead = true;
    await this.connection.nats.close();
  }
}
