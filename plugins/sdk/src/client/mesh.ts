/**
 * What a client knows of the plugins it invokes: by plugin and capability what goes in and comes out, and in
 * which chunks when it streams. A client made with such an interface takes nothing else.
 */
export type MeshShape<M> = {
  [P in keyof M]: { [C in keyof M[P]]: { input: unknown; output: unknown; chunk?: unknown } };
};

/** Any plugin, any capability, any JSON. */
export type AnyMesh = Record<string, Record<string, { input: unknown; output: unknown; chunk: unknown }>>;

export type PluginOf<M> = keyof M & string;
export type CapabilityOf<M, P extends keyof M> = keyof M[P] & string;
export type InputOf<M, P extends keyof M, C extends keyof M[P]> = M[P][C] extends { input: infer Input }
  ? Input
  : never;
export type OutputOf<M, P extends keyof M, C extends keyof M[P]> = M[P][C] extends { output: infer Output }
  ? Output
  : never;
/** `never` for a capability of which no chunks are known. */
export type ChunkOf<M, P extends keyof M, C extends keyof M[P]> = M[P][C] extends { chunk: infer Chunk }
  ? Chunk
  : never;
