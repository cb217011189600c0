import { BrokerCalls } from '../../broker-calls.ts';
import type { Connection } from '../../connection.ts';
import type { LostCallsOptions } from '../../lost-calls.ts';
import { ClientStream } from '../client-stream.ts';
import type {
  Client,
  ClientState,
  InvocationStream,
  InvokeOptions,
  RawOutput,
  StateListener,
  StreamOptions,
} from '../client.ts';
import { closed, invokeWithRetries } from '../invoke.ts';
import type { Call } from '../invoke.ts';
import type { AnyMesh, CapabilityOf, ChunkOf, InputOf, MeshShape, OutputOf, PluginOf } from '../mesh.ts';
import { assertJson, jsonOf } from '../payload.ts';
import { RetryPolicy } from '../retry.ts';
import type { RetryOptions } from '../retry.ts';
import { State } from '../state.ts';
import { assertWindow } from '../window.ts';
import { openAnswer } from './answer.ts';
import type { Answer } from './answer.ts';
import { fetchCall } from './fetch-call.ts';
import type { FetchOptions } from './fetch-call.ts';
import { assertNames } from './names.ts';
import { ask, openJsonStream } from './open-stream.ts';
import { readOutput } from './output.ts';
import type { Output } from './output.ts';

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

  stream<P extends PluginOf<M>, C extends CapabilityOf<M, P>>(
    plugin: P,
    capability: C,
    payload: InputOf<M, P, C>,
    options: StreamOptions = {},
  ): InvocationStream<ChunkOf<M, P, C>, OutputOf<M, P, C>> {
    const { window } = options;
    const stream = new ClientStream(options, async ({ onAttempt, ...opening }) => {
      const call = { plugin, capability, data: jsonOf(payload), options: { ...options, ...opening } };
      assertNames(call);
      assertWindow(window);
      const { reply } = await invokeWithRetries(call, this.#policy, (_, attempt) => {
        onAttempt(attempt.invocationId);
        return openJsonStream(this.#calls, call, { ...attempt, window });
      });
      return reply;
    });
    return stream as InvocationStream<ChunkOf<M, P, C>, OutputOf<M, P, C>>;
  }

  /**
   * Invokes a capability with bytes, or for bytes, of whatever content type. Neither has to fit into a message or into
   * memory: a payload in pieces is sent as the plugin asks for them, an answer in pieces comes as they are read.
   * It is tried again like `invoke` as long as nothing has come, unless its payload was sent in pieces.
   * @throws InvocationError when it fails before its answer begins; later, where that is read
   */
  async fetch<P extends PluginOf<M>, C extends CapabilityOf<M, P>>(
    plugin: P,
    capability: C,
    options: FetchOptions = {},
  ): Promise<Answer> {
    const { window } = options;
    const call = fetchCall(plugin, capability, options, this.#calls.payloadMostBytes);
    assertNames(call);
    assertWindow(window);
    const { reply } = await invokeWithRetries(call, this.#policy, (_, attempt) =>
      openAnswer(this.#calls, call, { ...attempt, window }),
    );
    return reply;
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#unwatch();
    this.#policy.close();
    this.#calls.close(closed);
    this.#state.set({ status: 'offline', reason: 'The client was closed.' });
    await this.#end();
  }

  #invoke(call: Call): Promise<{ invocationId: string; reply: Output }> {
    assertNames(call);
    return invokeWithRetries(call, this.#policy, async (_, attempt) =>
      readOutput(call, await ask(this.#calls, call, attempt)),
    );
  }
}
