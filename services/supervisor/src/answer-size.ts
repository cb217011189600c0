import type { Connection } from '@bkg/sdk';

/** Room for headers and the frame of an answer in the largest message. */
const spareBytes = 64 * 1024;

/** How much one answer may hold, as JSON. */
export function answerMostBytes({ maxPayloadBytes }: Pick<Connection, 'maxPayloadBytes'>): number {
  return maxPayloadBytes - spareBytes;
}
