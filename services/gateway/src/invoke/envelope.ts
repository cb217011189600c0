import { BkgError, isRecord } from '@bkg/sdk';
import { parseBody } from '../http/parse-body.ts';
import { memberOf } from './raw-json.ts';

/** The body of `POST /api/plugins/:id/invoke`. */
export interface Envelope {
  capability: string;
  /** Exactly the bytes that were sent: parsing and writing them again would change numbers beyond 2^53. */
  payload: Buffer;
}

const emptyPayload = Buffer.from('{}');

/** Reads `{capability, payload}`; a payload that is missing or null is `{}`. @throws BkgError INVALID_PAYLOAD */
export function readEnvelope(body: Buffer): Envelope {
  const value = parseBody(body);
  if (!isRecord(value)) throw invalid('', 'must be an object with "capability" and "payload"');
  const { capability, payload } = value;
  if (typeof capability !== 'string') {
    throw invalid(
      '/capability',
      capability === undefined
        ? 'is missing: it takes the id of a capability, as in {"capability": "model.infer", "payload": {}}'
        : 'must be the id of a capability, as a string',
    );
  }
  // Not assigned to a default: what is there goes on as the bytes it came as.
  return { capability, payload: (payload !== null && memberOf(body, 'payload')) || emptyPayload };
}

function invalid(path: string, message: string): BkgError {
  return new BkgError('INVALID_PAYLOAD', `${path || 'The body'} ${message}.`, {
    errors: [{ path, message }],
  });
}
