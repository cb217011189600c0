import { isBytes } from './bytes.ts';
import type { Endpoint } from './endpoint.ts';
import { contentTypeOf } from './invocation-headers.ts';
import type { Invocation } from './invocation.ts';
import { decodeJson } from './problem.ts';
import { BkgError } from './protocol/errors.ts';
import type { PayloadError } from './protocol/errors.ts';
import { subjects } from './protocol/subjects.ts';
import { Body } from './stream/body.ts';
import type { UploadInput } from './upload-input.ts';

/** The body of `plugin.<id>.invoke`. @throws BkgError INVALID_PAYLOAD */
export function readEnvelope(body: Uint8Array): { id: string; payload: unknown } {
  const envelope = decodeJson(body) as { capability?: unknown; payload?: unknown } | null;
  const id = envelope?.capability;
  if (typeof id === 'string') return { id, payload: envelope?.payload ?? {} };
  throw invalidPayload([
    {
      path: '/capability',
      message: 'must be the id of a capability, beside "payload"; or name it in the subject',
    },
  ]);
}

/** What a handler gets of that. @throws BkgError INVALID_PAYLOAD for what does not fit, and for who takes bytes */
export function inputOfEnvelope(
  pluginId: string,
  endpoint: Endpoint,
  payload: unknown,
  bodyBytes: number,
): unknown {
  const { id, capability } = endpoint;
  if (!isBytes(capability.input)) return checked(endpoint, payload, bodyBytes);
  throw new BkgError(
    'INVALID_PAYLOAD',
    `${id} takes bytes (${capability.input.contentType}), which JSON cannot hold: send them as they are to ${subjects.invokeCapability(pluginId, id)}.`,
  );
}

/** What a handler gets of a body that names no capability. @throws BkgError INVALID_PAYLOAD for what does not fit */
export function inputOfBody(
  endpoint: Endpoint,
  { body, headers }: Pick<Invocation, 'body' | 'headers'>,
): unknown {
  const { input } = endpoint.capability;
  if (isBytes(input)) return Body.of(body, contentTypeOf(headers, input));
  return checked(endpoint, decodeJson(body), body.length);
}

/**
 * What a handler gets of chunks: bytes come while it reads them, JSON is collected first.
 * @throws BkgError INVALID_PAYLOAD for what does not fit; what ends the invocation before all is here
 */
export async function inputOfUpload(
  endpoint: Endpoint,
  { headers }: Pick<Invocation, 'headers'>,
  upload: UploadInput,
): Promise<unknown> {
  const { input } = endpoint.capability;
  if (!isBytes(input)) {
    const data = await upload.collect();
    return checked(endpoint, decodeJson(data), data.length);
  }
  const { sizeBytes } = upload;
  const pieces = { [Symbol.asyncIterator]: () => upload.pieces() };
  return new Body({ contentType: contentTypeOf(headers, input), sizeBytes, pieces });
}

function checked({ validateInput }: Endpoint, payload: unknown, bodyBytes: number): unknown {
  const errors = validateInput(payload, bodyBytes);
  if (errors.length > 0) throw invalidPayload(errors);
  return payload;
}

function invalidPayload(errors: PayloadError[]): BkgError {
  const list = errors.map(({ path, message }) => `${path || 'the payload'} ${message}`).join('; ');
  return new BkgError('INVALID_PAYLOAD', `The payload does not fit: ${list}.`, { errors });
}
