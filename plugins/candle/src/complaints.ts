import { BkgError, type PayloadError } from '@bkg/sdk';

/** More than these about one invocation help nobody. */
const MAX_COMPLAINTS = 20;

/** Throws INVALID_PAYLOAD with what is wrong, when there is something. */
export function throwComplaints(complaints: PayloadError[]): void {
  if (complaints.length === 0) return;
  throw invalid(...complaints.slice(0, MAX_COMPLAINTS));
}

/** INVALID_PAYLOAD with what is wrong, and where: JSON pointers, "" for all of it. */
export function invalid(...shown: PayloadError[]): BkgError {
  const detail = shown.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ');
  return new BkgError('INVALID_PAYLOAD', detail, { errors: shown });
}
