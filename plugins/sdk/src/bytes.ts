import type { Static, TNull, TSchema } from 'typebox';
import type { Body } from './stream/body.ts';

/** In the place of a schema: not JSON, but bytes of some content type. */
export interface Bytes {
  readonly contentType: string;
  readonly '~bytes': true;
}

/**
 * Declares that an input, an output or the chunks of a stream are bytes, which go through as they are.
 * @param contentType what they are: `image/png`, or a range such as `image/*` where there is more than one
 */
export function bytes(contentType = '*/*'): Bytes {
  return { contentType, '~bytes': true };
}

export function isBytes(shape: unknown): shape is Bytes {
  return typeof shape === 'object' && shape !== null && '~bytes' in shape;
}

/** What a capability takes or gives: JSON that fits a schema, or bytes. */
export type Shape = TSchema | Bytes;

/** What a handler gets. */
export type Received<S extends Shape> = S extends Bytes ? Body : S extends TSchema ? Static<S> : never;

/** What a handler gives. */
export type Given<S extends Shape> = S extends Bytes ? Uint8Array : S extends TSchema ? Static<S> : never;

/** What a generator returns at its end: nothing, when its output is null. */
export type Returned<S extends Shape> = S extends TNull ? Static<S> | void : Given<S>;
