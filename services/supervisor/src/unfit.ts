import { BkgError } from '@bkg/sdk';
import type { PayloadError } from '@bkg/sdk';

/** A body that does not fit its schema. @param what was sent, as the begin of a sentence */
export function unfit(what: string, errors: PayloadError[]): BkgError {
  const list = errors.map(({ path, message }) => `${path.slice(1) || 'it'} ${message}`).join('; ');
  return new BkgError('INVALID_PAYLOAD', `${what} does not fit: ${list}.`, { errors });
}
