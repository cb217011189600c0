import type { Msg } from '@nats-io/nats-core';
import { jsonOrUndefined } from '../json.ts';
import { isRecord } from '../protocol/is-record.ts';
import type { Flow } from '../protocol/requests.ts';
import { windowMost } from '../protocol/stream.ts';
import { isNoResponders } from '../request-failures.ts';

/** What a receiver tells the sender of a stream. */
export type FlowSign = { credit: number } | 'cancel' | 'gone';

/** Undefined for what is none of it: whoever sent it, it counts for nothing. */
export function readFlow(msg: Msg): FlowSign | undefined {
  // The server's own word that nobody listens to the subject that a chunk went to.
  if (isNoResponders(msg)) return 'gone';
  const flow = jsonOrUndefined(msg.data);
  if (!isRecord(flow)) return undefined;
  const { credit, cancel } = flow as Flow;
  if (cancel === true) return 'cancel';
  const isCredit = Number.isInteger(credit) && Number(credit) >= 0 && Number(credit) <= windowMost;
  return isCredit ? { credit: Number(credit) } : undefined;
}

export function creditText(credit: number): string {
  return JSON.stringify({ credit } satisfies Flow);
}

export const cancelText = JSON.stringify({ cancel: true } satisfies Flow);
