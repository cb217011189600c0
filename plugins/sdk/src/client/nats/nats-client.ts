import type { Msg } from '@nats-io/nats-core';
import type { Connection } from '../../connection.ts';
import { readJson } from '../../json.ts';
import { LostCalls } from '../../lost-calls.ts';
import type { LostCallsOptions } from '../../lost-calls.ts';
import type { HeaderValues } from '../../outgoing.ts';
import { problemOfMsg } from '../../problem.ts';
import { BkgError } from '../../protocol/errors.ts';
import { answerGraceMs, headerNames } from '../../protocol/headers.ts';
import { isCapabilityId, isSubjectToken, pluginIdProblem } from '../../protocol/names.ts';
import { subjects } from '../../protocol/subjects.ts';
import { NoRespondersError } from '../../requests.ts';
import { RunningCall } from '../../running-call.ts';
import type { Client, ClientState, InvokeOptions, RawOutput, StateListener } from '../client.ts';
import { ConnectionLostError, errorOf } from '../errors.ts';
import { failure } from '../failure.ts';
import { cancelled, closed, invokeWithRetries, late } from '../invoke.ts';
import type { Attempt, Call } from '../invoke.ts';
import type { AnyMesh, CapabilityOf, InputOf, MeshShape, OutputOf, PluginOf } from '../mesh.ts';
import { assertJson, jsonOf } from '../payload.ts';
import { RetryPolicy } from '../retry.ts';
import type { RetryOptions } from '../retry.ts';
import { State } from '../state.ts';
import { StatusWatch } from './status-watch.ts';

export interface NatsClientOptions {
  /** False never repeats. */
  retry?: RetryOptions | false;
  /** What is done about invocations that were under way when the broker went away. */
  lost?: LostCallsOptions;
}

/** A client over a connection to the broker. */
export class NatsClient<M extends MeshShape<M> = AnyMesh> implements Client<M> {
  readonly #connection: Connection;
  readonly #policy: RetryPolicy;
  readonly #lost: LostCalls;
  readonly #statusWatch: StatusWatch;
  readonly #state: State;
  readonly #unwatch: () => void;
  readonly #end: () => Promise<void>;
  #closed: Promise<void> | undefined;

  /** @param end what `close` does last */
  constructor(connection: Connection, { retry = {}, lost }: NatsClientOptions, end: () => Promise<void>) {
    this.#connection = connection;
    this.#policy = new RetryPolicy(retry || { maxAttempts: 1 });
    this.#lost = new LostCalls(connection, (detail) => new ConnectionLostError(detail), lost);
    this.#statusWatch = new StatusWatch(connection, (msg) => this.#lost.statusEvent(msg));
    this.#state = new State(connection.connected ? 'live' : 'offline');
    this.#end = end;
    this.#unwatch = connection.onStatus((connected) => {
      this.#lost.connectionChanged(connected);
      this.#state.set(connected ? { status: 'live' } : { status: 'offline', reason: 'The broker is away.' });
    });
  }

  get state(): ClientState {
    return this.#state.now;
  }

  onState(listener: StateListener): () => void {
    return this.#state.on(listener);
  }

  async invoke<P extends PluginOf<M>, C extends CapabilityOf<M, P>>(
    plugin: P,
    capability: C,
    payload: InputOf<M, P, C>,
    options: InvokeOptions = {},
  ): Promise<OutputOf<M, P, C>> {
    const { reply } = await this.#invoke({ plugin, capability, json: jsonOf(payload), options });
    return reply.value as OutputOf<M, P, C>;
  }

  async invokeRaw(
    plugin: string,
    capability: string,
    json: string,
    options: InvokeOptions = {},
  ): Promise<RawOutput> {
    assertJson(json);
    const { invocationId, reply } = await this.#invoke({ plugin, capability, json, options });
    return { invocationId, text: reply.text };
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#unwatch();
    this.#lost.endAll(closed);
    this.#statusWatch.close();
    this.#state.set({ status: 'offline', reason: 'The client was closed.' });
    await this.#end();
  }

  #invoke(call: Call): Promise<{ invocationId: string; reply: Output }> {
    assertNames(call);
    return invokeWithRetries(call, this.#policy, async (_, attempt) =>
      readOutput(call, await this.#send(call, attempt)),
    );
  }

  async #send(call: Call, attempt: Attempt): Promise<Msg> {
    const { plugin, capability, options } = call;
    const { invocationId, timeoutMs } = attempt;
    if (this.#closed) throw closed();
    const controller = new AbortController();
    const headers = (leftMs: number): HeaderValues => ({
      [headerNames.invocationId]: invocationId,
      [headerNames.timeoutMs]: String(leftMs),
      [headerNames.traceparent]: options.traceparent,
      [headerNames.tracestate]: options.tracestate,
    });
    const running = new RunningCall({
      plugin,
      invocationId,
      deadlineAt: performance.now() + timeoutMs,
      controller,
      isIdempotent: () => options.idempotent ?? false,
      mayResend: attempt.mayResend,
      headers,
    });
    const abort = (): void => controller.abort(cancelled(call));
    options.signal?.addEventListener('abort', abort);
    const watched = this.#statusWatch.enter(plugin);
    this.#lost.add(running);
    try {
      return await this.#connection.request(subjects.invokeCapability(plugin, capability), call.json, {
        timeoutMs: timeoutMs + answerGraceMs,
        signal: controller.signal,
        headers: headers(timeoutMs),
        onSend: running.onSend,
      });
    } catch (error) {
      if (controller.signal.aborted) {
        this.#cancel(call, invocationId);
        throw controller.signal.reason;
      }
      if (error instanceof BkgError && error.code === 'DEADLINE_EXCEEDED') {
        this.#cancel(call, invocationId);
        throw late(call, attempt);
      }
      const why = running.explain(error);
      throw why instanceof NoRespondersError ? nobody(call, why) : why;
    } finally {
      this.#lost.delete(running);
      if (watched) watched.running -= 1;
      options.signal?.removeEventListener('abort', abort);
    }
  }

  #cancel({ plugin }: Call, invocationId: string): void {
    this.#connection.publish(subjects.cancel(plugin), JSON.stringify({ invocation_id: invocationId }));
  }
}

interface Output {
  value: unknown;
  text: string;
}

function readOutput({ plugin, capability }: Call, msg: Msg): Output {
  const problem = problemOfMsg(msg);
  if (problem) throw errorOf(problem);
  try {
    return readJson(msg.data);
  } catch (cause) {
    const why = (cause as Error).message;
    throw failure('INVALID_OUTPUT', `What ${capability} of ${plugin} gave is not JSON (${why}).`, { cause });
  }
}

/** What becomes part of a subject or a header: nothing passes that could name another. */
function assertNames({ plugin, capability, options: { invocationId } }: Call): void {
  const why = pluginIdProblem(plugin);
  if (why) throw failure('PLUGIN_NOT_FOUND', `There is no such plugin: ${why}`);
  if (!isCapabilityId(capability)) {
    throw failure(
      'CAPABILITY_NOT_FOUND',
      `"${capability.slice(0, 64)}" is no capability id: it takes parts of a-z, 0-9, "_" and "-" between dots, at most 64 characters.`,
    );
  }
  if (invocationId === undefined || isSubjectToken(invocationId)) return;
  throw failure(
    'INVALID_PAYLOAD',
    `The invocation id is "${invocationId.slice(0, 128)}"; it takes 1 to 128 characters of A-Z, a-z, 0-9, "_" and "-".`,
  );
}

function nobody({ plugin, capability }: Call, cause: Error): Error {
  return failure(
    'PLUGIN_UNAVAILABLE',
    `Nobody answers for ${capability} of ${plugin}: it does not run, or has no such capability.`,
    { cause },
  );
}
