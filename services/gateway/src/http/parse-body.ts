import { BkgError, parseJson } from '@bkg/sdk';

/** The value of a request's body. @throws BkgError INVALID_PAYLOAD for what is not JSON, or not UTF-8 */
export function parseBody(body: Uint8Array): unknown {
  try {
    return parseJson(body);
  } catch (error) {
    throw new BkgError('INVALID_PAYLOAD', `The body is not JSON: ${(error as Error).message}.`, {
      cause: error,
      errors: [{ path: '', message: 'is not JSON' }],
    });
  }
}
