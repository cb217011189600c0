import type { Msg } from '@nats-io/nats-core';
import { BrokerCalls } from '../../broker-calls.ts';
import type { Connection } from '../../connection.ts';
import { readJson } from '../../json.ts';
import type { LostCallsOptions } from '../../lost-calls.ts';
import { problemOfMsg } from '../../problem.ts';
import { isCapabilityId, isSubjectToken, pluginIdProblem } from '../../protocol/names.ts';
import { NoRespondersError } from '../../requests.ts';
import type { Client, ClientState, InvokeOptions, RawOutput, StateListener } from '../client.ts';
import { errorOf } from '../errors.ts';
import { failure } from '../failure.ts';
import { closed, invokeWithRetries } from '../invoke.ts';
import type { Attempt, Call } from '../invoke.ts';
import type { AnyMesh, CapabilityOf, InputOf, MeshShape, OutputOf, PluginOf } from '../mesh.ts';
import { assertJson, jsonOf } from '../payload.ts';
import { RetryPolicy } from '../retry.ts';
import type { RetryOptions } from '../retry.ts';
import { State } from '../state.ts';

export interface NatsClientOptions {
  /** False never repeats. */
  retry?: RetryOptions | false;
  /** What is done about invocations that were under way when the broker went away. */
  lost?: LostCallsOptions;
}

/** A client over a connection to the broker. */
export class NatsClient<M extends MeshShape<M> = AnyMesh> implements Client<M> {
  readonly #policy: RetryPolicy;
  readonly #calls: BrokerCalls;
  readonly #state: State;
  readonly #unwatch: () => void;
  readonly #end: () => Promise<void>;
  #closed: Promise<void> | undefined;

  /** @param end what `close` does last */
  constructor(connection: Connection, { retry = {}, lost }: NatsClientOptions, end: () => Promise<void>) {
    this.#policy = new RetryPolicy(retry || { maxAttempts: 1 });
    this.#calls = new BrokerCalls(connection, lost);
    this.#state = new State(connection.connected ? 'live' : 'offline');
    this.#end = end;
    this.#unwatch = connection.onStatus((connected) => {
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
    this.#calls.close(closed);
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
    try {
      return await this.#calls.send(call, attempt);
    } catch (error) {
      throw error instanceof NoRespondersError ? nobody(call, error) : error;
    }
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
