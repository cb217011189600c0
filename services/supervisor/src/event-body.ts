import { decodeJson } from '@bkg/sdk';
import type { Msg } from '@nats-io/nats-core';

/** Undefined for what is not JSON: anybody may publish anything. */
export function bodyOf(msg: Pick<Msg, 'data'>): unknown {
  try {
    return decodeJson(msg.data);
  } catch {
    return undefined;
  }
}
