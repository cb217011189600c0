import type { Msg } from '@nats-io/nats-core';
import type { RequestOptions } from '../requests.ts';

/** What asks over the broker: a `Connection`, or whatever stands for one. */
export interface Asker {
  request(subject: string, data: string, options: RequestOptions): Promise<Msg>;
}
