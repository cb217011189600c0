import type { Payload } from '@nats-io/nats-core';
import { isBytes } from './bytes.ts';
import type { Shape } from './bytes.ts';
import { bytesContentType, isContentType, isInRange } from './protocol/content-type.ts';
import { BkgError } from './protocol/errors.ts';
import type { PayloadError } from './protocol/errors.ts';
import type { Validator } from './validator.ts';

/**
 * An output or a chunk as it goes out.
 * @throws BkgError INVALID_OUTPUT for what is not of its shape
 */
export function encodeValue(capability: string, shape: Shape, validate: Validator, value: unknown): Payload {
  if (isBytes(shape)) {
    if (value instanceof Uint8Array) return value;
    throw invalidOutput(capability, [{ path: '', message: 'is no Uint8Array, and bytes were promised' }]);
  }
  const text = JSON.stringify(value) as string | undefined;
  const errors =
    text === undefined ? [{ path: '', message: 'is no JSON value' }] : validate(value, text.length);
  if (text === undefined || errors.length > 0) throw invalidOutput(capability, errors);
  return text;
}

/**
 * The content type of bytes that go out; undefined for JSON, which has none.
 * @param chosen by the handler
 * @throws BkgError INVALID_OUTPUT when several are possible and none was chosen
 */
export function responseTypeOf(
  capability: string,
  shape: Shape,
  chosen: string | undefined,
): string | undefined {
  if (!isBytes(shape)) return undefined;
  const range = shape.contentType;
  if (chosen !== undefined && isInRange(chosen, range)) return chosen;
  if (isContentType(range)) return range;
  if (isInRange(bytesContentType, range)) return bytesContentType;
  const message = `has no content type: its handler has to choose one of ${range} with respondAs`;
  throw invalidOutput(capability, [{ path: '', message }]);
}

export function invalidOutput(capability: string, errors: PayloadError[]): BkgError {
  const list = errors.map(({ path, message }) => `${path || 'it'} ${message}`).join('; ');
  return new BkgError('INVALID_OUTPUT', `The result of ${capability} cannot be handed out: ${list}.`);
}
