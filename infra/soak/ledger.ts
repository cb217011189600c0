import { now } from '../bench/clock.ts';
import type { Operation } from './operation.ts';

/** All came, and was what it had to be. */
export const complete = 'complete';
/** It said that it was complete, and was not. */
export const wrong = 'wrong content';
/** The gateway or the broker has closed the connection, or cut off the bytes. */
export const cutOff = 'cut off';
/** Its own client was gone. */
export const dropped = 'dropped';
/** None of these, and no error code. */
export const unforeseen = 'unforeseen';

export interface Entry {
  operation: Operation;
  invocationId: string;
  sentAt: number;
  endedAt?: number;
  /** One of the words above, or an error code. */
  outcome?: string;
  detail?: string;
}

/** Every invocation and what became of it. */
export class Ledger {
  readonly entries: Entry[] = [];
  underWay = 0;

  begin(operation: Operation, invocationId: string): Entry {
    const entry = { operation, invocationId, sentAt: now() };
    this.entries.push(entry);
    this.underWay += 1;
    return entry;
  }

  end(entry: Entry, outcome: string, detail?: string): void {
    entry.endedAt = now();
    entry.outcome = outcome;
    if (detail !== undefined) entry.detail = detail;
    this.underWay -= 1;
  }
}
