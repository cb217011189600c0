import { isStatusEvent, jsonOrUndefined, subjects } from '@bkg/sdk';
import type { Connection, StatusEvent } from '@bkg/sdk';

export interface StatusQuestion {
  connection: Pick<Connection, 'requestMany'>;
  /** How long answers are collected. */
  forMs: number;
  signal: AbortSignal;
}

/** What the instances of a plugin say of themselves; anybody may have answered for any of them. */
export async function askStatus(
  id: string,
  { connection, forMs, signal }: StatusQuestion,
): Promise<StatusEvent[]> {
  try {
    const replies = await connection.requestMany(subjects.status(id), '', { forMs, signal });
    return replies
      .map(({ data }) => jsonOrUndefined(data))
      .filter(isStatusEvent)
      .filter((one) => one.id === id);
  } catch {
    // The broker went away: it is asked again when it is back.
    return [];
  }
}
