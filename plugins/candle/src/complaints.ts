import { BkgError, type PayloadError } from '@bkg/sdk';

/** More than these about one invocation help nobody. */
const MAX_COMPLAINTS = 20;

/** Throws INVALID_PAYLOAD with what is wrong, when there is something. */
export function throwComplaints(complaints: PayloadError[]): void {
  if (complaints.length === 0) return;
  const shown = complaints.slice(0, MAX_COMPLAINTS);
  const detail = shown.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ');
  throw new BkgError('INVALID_PAYLOAD', detail, { errors: shown });
}
