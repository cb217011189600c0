import type { Msg } from '@nats-io/nats-core';
import type { Connection } from '../../src/connection.ts';
import { headerNames, invokeQueue, subjects } from '../../src/protocol/index.ts';
import type { InflightQuery, OtherInstance, StatusEvent } from '../../src/protocol/index.ts';
import type { TestServer } from '../../src/testing.ts';

/** The status event with which a supervisor says that the process of an instance is gone. */
export function deathOf(
  id: string,
  instance: string,
  { others = [], ...changes }: Partial<Omit<StatusEvent, 'others'>> & { others?: OtherInstance[] } = {},
): StatusEvent {
  return {
    id,
    instance,
    status: 'error',
    version: '1.0.0',
    started_at: new Date().toISOString(),
    ended: 'crashed',
    error: 'ended by SIGSEGV',
    others,
    ...changes,
  };
}

/** Publishes it as the supervisor does; of what its subject names, unless told otherwise. */
export function announce(
  by: Connection,
  event: StatusEvent,
  { id, instance }: Pick<StatusEvent, 'id' | 'instance'> = event,
): void {
  by.publish(subjects.event(id, instance, 'status'), JSON.stringify(event));
}

/** An instance that answers nothing unless it is told to, and dies from one moment to the next. */
export class Mortal {
  readonly instance: string;
  readonly held = new Map<string, Msg>();
  /** How often it was asked for each group of ids. */
  readonly questions: string[][] = [];
  /** What it does when it is asked what it holds. */
  onQuestion: (msg: Msg, asked: string[]) => void = (msg, asked) => this.claim(msg, asked);
  readonly #connection: Connection;

  private constructor(connection: Connection, instance: string) {
    this.#connection = connection;
    this.instance = instance;
  }

  static async start(server: TestServer, id: string, instance: string): Promise<Mortal> {
    const connection = await server.connect(instance);
    const mortal = new Mortal(connection, instance);
    connection.subscribe(subjects.invokeAny(id), {
      queue: invokeQueue,
      callback: (_, msg) => void mortal.held.set(msg.headers?.get(headerNames.invocationId) ?? '', msg),
    });
    connection.subscribe(subjects.inflight(id), {
      callback: (_, msg) => {
        const { invocation_ids } = msg.json<InflightQuery>();
        mortal.questions.push(invocation_ids);
        mortal.onQuestion(msg, invocation_ids);
      },
    });
    await connection.flush();
    return mortal;
  }

  get isConnected(): boolean {
    return this.#connection.connected;
  }

  /** Says which of these it holds. */
  claim(msg: Msg, asked: string[]): void {
    const held = asked.filter((id) => this.held.has(id));
    this.#connection.respond(msg, JSON.stringify({ instance: this.instance, invocation_ids: held }));
  }

  answer(invocationId: string, output: unknown): void {
    const msg = this.held.get(invocationId);
    if (msg) this.#connection.respond(msg, JSON.stringify(output));
    this.held.delete(invocationId);
  }

  async die(): Promise<void> {
    await this.#connection.nats.close();
  }
}
