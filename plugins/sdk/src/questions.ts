import type { Msg } from '@nats-io/nats-core';
import type { Connection } from './connection.ts';
import type { Dispatcher } from './dispatcher.ts';
import { jsonOrUndefined } from './json.ts';
import type { Logger } from './logger.ts';
import { decodeJson, problemOfError, respondProblem } from './problem.ts';
import { BkgError } from './protocol/errors.ts';
import type { StatusEvent } from './protocol/event.ts';
import { isRecord } from './protocol/is-record.ts';
import type { Descriptor } from './protocol/micro.ts';
import { isInbox, subjects } from './protocol/subjects.ts';
import type { PluginTelemetry } from './protocol/telemetry.ts';
import { serveDiscovery } from './service-responder.ts';

export interface QuestionsOptions {
  connection: Pick<Connection, 'subscribe' | 'respond' | 'sendKept'>;
  descriptor: Descriptor;
  instance: string;
  dispatcher: Dispatcher;
  log: Logger;
  status: () => StatusEvent;
  telemetry: () => PluginTelemetry;
  /** What the supervisor orders this one instance to do; answered when it is done, or why it is not. */
  orders: Record<'drain' | 'admit' | 'configure', (body: () => unknown) => Promise<void> | void>;
}

/** Answers what an instance is asked besides invocations, from its first moment to its last. */
export function serveQuestions(options: QuestionsOptions): void {
  const { connection, descriptor, instance, dispatcher, log, orders } = options;
  const { id } = descriptor;
  const on = (subject: string, take: (msg: Msg) => void): void => {
    connection.subscribe(subject, {
      callback: (error, msg) => {
        // The reply subject is the asker's choice, and we would publish to whatever it names.
        if (!error && (!msg.reply || isInbox(msg.reply))) take(msg);
      },
    });
  };
  const answer = (msg: Msg, text: string): void => void connection.respond(msg, text);
  const obey = async (msg: Msg, carryOut: (body: () => unknown) => Promise<void> | void): Promise<void> => {
    try {
      await carryOut(() => decodeJson(msg.data));
      answer(msg, JSON.stringify({ ok: true }));
    } catch (error) {
      const problem = problemOfError(error);
      const more = error instanceof BkgError ? { code: error.problem.code } : { error };
      log.warn({ subject: msg.subject, ...more }, problem.detail);
      respondProblem(connection, msg, problem);
    }
  };

  serveDiscovery({ descriptor, instance, statistics: dispatcher.statistics, on, answer });
  on(subjects.status(id), (msg) => answer(msg, JSON.stringify(options.status())));
  on(subjects.telemetry(id), (msg) => answer(msg, JSON.stringify(options.telemetry())));
  on(subjects.cancel(id), (msg) => {
    const { invocation_id } = bodyOf(msg);
    if (typeof invocation_id === 'string') dispatcher.cancel(invocation_id);
  });
  on(subjects.inflight(id), (msg) => {
    const { invocation_ids } = bodyOf(msg);
    const asked: unknown[] = Array.isArray(invocation_ids) ? invocation_ids : [];
    // What was answered is not held; before it is taken for lost, the answer comes.
    if (msg.reply) connection.sendKept(msg.reply.slice(0, msg.reply.lastIndexOf('.') + 1));
    const held = asked.filter((one) => typeof one === 'string' && dispatcher.holds(one));
    answer(msg, JSON.stringify({ instance, invocation_ids: held }));
  });
  on(subjects.drain(id, instance), (msg) => void obey(msg, orders.drain));
  on(subjects.admit(id, instance), (msg) => void obey(msg, orders.admit));
  on(subjects.configure(id, instance), (msg) => void obey(msg, orders.configure));
}

/** The members of a JSON object; none for anything else that somebody sent. */
function bodyOf(msg: Msg): Record<string, unknown> {
  const value = jsonOrUndefined(msg.data);
  return isRecord(value) ? value : {};
}
