import type { AnyMesh, CapabilityOf, InputOf, MeshShape, OutputOf, PluginOf } from './mesh.ts';

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
  readonly state: ClientState;
  /** @returns ends it */
  onState(listener: StateListener): () => void;
  /** Cancels what runs and ends the connection. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
