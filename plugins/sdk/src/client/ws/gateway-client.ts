import type { ChunkFrame, GatewayFrame, Topic } from '../../protocol/socket.ts';
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
import { errorOf } from '../errors.ts';
import { failure } from '../failure.ts';
import { closed, invokeWithRetries } from '../invoke.ts';
import type { Call, Target } from '../invoke.ts';
import type { AnyMesh, CapabilityOf, ChunkOf, InputOf, MeshShape, OutputOf, PluginOf } from '../mesh.ts';
import { assertJson, jsonOf } from '../payload.ts';
import { RetryPolicy } from '../retry.ts';
import type { RetryOptions } from '../retry.ts';
import { assertWindow } from '../window.ts';
import { Invocations } from './invocations.ts';
import type { InvocationsOptions, Reply } from './invocations.ts';
import { Link } from './link.ts';
import type { LinkOptions } from './link.ts';
import { memberText } from './member-text.ts';
import { Subscriptions } from './subscriptions.ts';
import type { SubscriptionHandlers, SubscriptionRequest } from './subscriptions.ts';

export interface GatewayClientOptions
  extends InvocationsOptions, Omit<LinkOptions, 'onLive' | 'onFrame' | 'onLost'> {
  retry: RetryOptions | false;
}

/** What becomes of frames for who reads a stream. */
interface Reading<Chunk, Output> {
  chunkOf: (frame: ChunkFrame, text: string) => Chunk;
  outputOf: (reply: Reply, invocationId: string) => Output;
}

/** In Node there is none. */
const page = globalThis as Partial<
  Record<'addEventListener' | 'removeEventListener', (type: string, on: () => void) => void>
>;

/** A client over one socket of the gateway. */
export class GatewayClient<M extends MeshShape<M> = AnyMesh> implements Client<M> {
  readonly #policy: RetryPolicy;
  readonly #link: Link;
  readonly #subscriptions: Subscriptions;
  readonly #invocations: Invocations;
  #isClosed = false;
  /** Bound, because it is a listener too. */
  readonly #networkIsBack = (): void => this.retryNow();

  constructor(options: GatewayClientOptions) {
    this.#policy = new RetryPolicy(options.retry || { maxAttempts: 1 });
    this.#link = new Link({
      ...options,
      onLive: ({ gateway }) => this.#subscriptions.resume(gateway),
      onFrame: (frame, text) => this.#take(frame, text),
      onLost: (reason, closeCode) => this.#invocations.lose(reason, closeCode),
    });
    this.#subscriptions = new Subscriptions(this.#link);
    this.#invocations = new Invocations(this.#link, options);
    page.addEventListener?.('online', this.#networkIsBack);
  }

  get state(): ClientState {
    return this.#link.state.now;
  }

  onState(listener: StateListener): () => void {
    return this.#link.state.on(listener);
  }

  async invoke<P extends PluginOf<M>, C extends CapabilityOf<M, P>>(
    plugin: P,
    capability: C,
    payload: InputOf<M, P, C>,
    options: InvokeOptions = {},
  ): Promise<OutputOf<M, P, C>> {
    const { reply } = await this.#invoke({ plugin, capability, json: jsonOf(payload), options });
    return reply.output as OutputOf<M, P, C>;
  }

  async invokeRaw(
    plugin: string,
    capability: string,
    json: string,
    options: InvokeOptions = {},
  ): Promise<RawOutput> {
    assertJson(json);
    const { invocationId, reply } = await this.#invoke({ plugin, capability, json, options });
    return { invocationId, text: outputText(reply, invocationId) };
  }

  stream<P extends PluginOf<M>, C extends CapabilityOf<M, P>>(
    plugin: P,
    capability: C,
    payload: InputOf<M, P, C>,
    options: StreamOptions = {},
  ): InvocationStream<ChunkOf<M, P, C>, OutputOf<M, P, C>> {
    return this.#stream({ plugin, capability, options }, () => jsonOf(payload), {
      chunkOf: ({ chunk }) => chunk as ChunkOf<M, P, C>,
      outputOf: ({ output }) => output as OutputOf<M, P, C>,
    });
  }

  /** The same with JSON as text: the payload, each chunk and the output. */
  streamRaw(
    plugin: string,
    capability: string,
    json: string,
    options: StreamOptions = {},
  ): InvocationStream<string, string> {
    const checked = (): string => {
      assertJson(json);
      return json;
    };
    return this.#stream({ plugin, capability, options }, checked, {
      chunkOf: (_, text) => memberText(text, 'chunk') ?? 'null',
      outputOf: outputText,
    });
  }

  /**
   * Follows a topic over any number of connections.
   * @returns ends it
   */
  subscribe<T extends Topic>(request: SubscriptionRequest<T>, handlers: SubscriptionHandlers<T>): () => void {
    if (this.#isClosed) throw closed();
    this.#link.open();
    return this.#subscriptions.add(request, handlers);
  }

  /** Dials now, instead of at its time: somebody asks for it, or the network is back. */
  retryNow(): void {
    this.#link.retryNow();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    page.removeEventListener?.('online', this.#networkIsBack);
    this.#policy.close();
    this.#invocations.close();
    this.#subscriptions.clear();
    this.#link.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #invoke(call: Call): Promise<{ invocationId: string; reply: Reply }> {
    return invokeWithRetries(call, this.#policy, async (_, attempt) => {
      if (this.#isClosed) throw closed();
      return this.#invocations.send(call, attempt);
    });
  }

  #stream<Chunk, Output>(
    target: Target,
    jsonOfPayload: () => string,
    { chunkOf, outputOf }: Reading<Chunk, Output>,
  ): InvocationStream<Chunk, Output> {
    const { window }: StreamOptions = target.options;
    return new ClientStream<Chunk, Output>(target.options, async ({ onAttempt, ...opening }) => {
      assertWindow(window);
      const call: Call = { ...target, json: jsonOfPayload(), options: { ...target.options, ...opening } };
      const { reply } = await invokeWithRetries(call, this.#policy, async (_, attempt) => {
        if (this.#isClosed) throw closed();
        onAttempt(attempt.invocationId);
        const { chunks, output } = await this.#invocations.open(call, attempt, { window, read: chunkOf });
        return { chunks, output: output.then((whole) => outputOf(whole, attempt.invocationId)) };
      });
      return reply;
    });
  }

  #take(frame: GatewayFrame, text: string): void {
    switch (frame.type) {
      case 'snapshot':
      case 'data':
      case 'dropped':
        return this.#subscriptions.take(frame);
      case 'chunk':
        return this.#invocations.take(frame, text);
      case 'result':
        return this.#invocations.succeed(frame, text);
      case 'error':
        // One with an id that neither of them has was given up meanwhile.
        if (this.#invocations.fail(frame) || this.#subscriptions.refuse(frame) || frame.id !== undefined)
          return;
        return console.error(errorOf(frame.problem));
      case 'hello':
      case 'unsubscribed':
      default:
        // A newer gateway may say more.
        return undefined;
    }
  }
}

function outputText({ text }: Reply, invocationId: string): string {
  const output = memberText(text, 'output');
  if (output !== undefined) return output;
  throw failure('INVALID_OUTPUT', 'The gateway sent no output.', { invocationId });
}
