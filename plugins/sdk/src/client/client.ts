import type { AnyMesh, CapabilityOf, ChunkOf, InputOf, MeshShape, OutputOf, PluginOf } from './mesh.ts';

export interface InvokeOptions {
  /** For everything: the answer, and the waits and tries before it. @default 30000 */
  timeoutMs?: number;
  /** Gives up; the plugin is told so. */
  signal?: AbortSignal;
  /** Running it twice does no harm: it is repeated also when the first may have run. @default false */
  idempotent?: boolean;
  /** 1 to 128 characters of A-Z, a-z, 0-9, "_" and "-"; a secret of the caller. @default 32 random hexadecimal digits */
  invocationId?: string;
  /** How often it is tried at most. @default the client's */
  maxAttempts?: number;
  /** W3C trace context, passed on as it is. */
  traceparent?: string;
  tracestate?: string;
}

export interface StreamOptions extends InvokeOptions {
  /**
   * Chunks that may be under way or wait here unread, 1 to 1024: with fewer the plugin waits sooner for a slow reader.
   * @default as many as 512 KiB hold, 32 at first
   */
  window?: number;
}

/**
 * An answer that comes in chunks, for one reader. It is under way from the beginning, and no more of it than the window
 * waits for its reader. Leaving the loop cancels the invocation.
 *
 * Iterating throws the InvocationError that ends it early, `CancelledError` after `cancel`.
 */
export interface InvocationStream<Chunk = unknown, Output = unknown> extends AsyncIterable<Chunk> {
  /** Of the latest try; it does not change any more when the first chunk is here. */
  readonly invocationId: string;
  /**
   * Comes with the end; rejects with what iterating throws. Who asks for it and does not begin to iterate in the same turn
   * of the event loop wants no chunks: they are read and thrown away as they come.
   */
  readonly output: Promise<Output>;
  /** Wants no more of it; the plugin is told so. After its end it does nothing. */
  cancel(): void;
}

/** An output as the plugin has written it: no number has lost a digit. */
export interface RawOutput {
  /** Of the try that succeeded. */
  invocationId: string;
  /** JSON. */
  text: string;
}

export type ClientStatus = 'connecting' | 'live' | 'offline';

export interface ClientState {
  /** `connecting` until the first connection or its failure. */
  status: ClientStatus;
  /** Since when it has this status. */
  since: Date;
  /** Why it is offline, for people. */
  reason?: string;
  /** When it is tried again. */
  retryAt?: Date;
}

export type StateListener = (state: ClientState) => void;

/** The face that the client over NATS and the client over the gateway have in common. */
export interface Client<M extends MeshShape<M> = AnyMesh> {
  /**
   * Invokes a capability and gives its output.
   * @throws InvocationError of the class that its code has: `BusyError`, `DeadlineExceededError`, `DeclaredPluginError` …
   */
  invoke<P extends PluginOf<M>, C extends CapabilityOf<M, P>>(
    plugin: P,
    capability: C,
    payload: InputOf<M, P, C>,
    options?: InvokeOptions,
  ): Promise<OutputOf<M, P, C>>;
  /** The same with JSON as text in and out, for those who must not lose a digit. @throws what `invoke` throws */
  invokeRaw(plugin: string, capability: string, json: string, options?: InvokeOptions): Promise<RawOutput>;
  /**
   * Invokes a capability that answers in chunks. One that does not gives none, and its output. It is tried again like
   * `invoke` as long as no chunk has come. It throws nothing here: what `invoke` throws is thrown where the stream is read.
   */
  stream<P extends PluginOf<M>, C extends CapabilityOf<M, P>>(
    plugin: P,
    capability: C,
    payload: InputOf<M, P, C>,
    options?: StreamOptions,
  ): InvocationStream<ChunkOf<M, P, C>, OutputOf<M, P, C>>;
  readonly state: ClientState;
  /** @returns ends it */
  onState(listener: StateListener): () => void;
  /** Cancels what runs and ends the connection. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
