import type { Msg } from '@nats-io/nats-core';
import { encodeDescriptor } from './protocol/micro.ts';
import type { Descriptor, InfoResponse, PingResponse, StatsResponse } from './protocol/micro.ts';
import { serviceVerbs, subjects } from './protocol/subjects.ts';
import type { ServiceVerb } from './protocol/subjects.ts';
import type { Statistics } from './statistics.ts';

export interface ServiceOptions {
  descriptor: Descriptor;
  instance: string;
  statistics: Statistics;
  /** Subscribes, and leaves out requests whose reply subject may not be answered. */
  on: (subject: string, take: (msg: Msg) => void) => void;
  answer: (msg: Msg, text: string) => void;
}

/**
 * Answers the nine control subjects of the NATS service API (ADR-32) from memory, so that `nats micro` and the
 * libraries of other languages find the plugin. Our own, because the replies of the stock JavaScript library do not
 * fit the published schemas: they lack `last_error` and carry fractional times.
 */
export function serveDiscovery(options: ServiceOptions): void {
  const { descriptor, instance, on, answer } = options;
  const replies = createReplies(options);
  for (const verb of serviceVerbs) {
    for (const rest of [[], [descriptor.id], [descriptor.id, instance]])
      on(subjects.service(verb, ...rest), (msg) => answer(msg, replies[verb]()));
  }
}

function createReplies({
  descriptor,
  instance,
  statistics,
}: ServiceOptions): Record<ServiceVerb, () => string> {
  const { metadata, endpoints } = encodeDescriptor(descriptor);
  const identity = { name: descriptor.id, id: instance, version: descriptor.version, metadata };
  const ping: PingResponse = { type: 'io.nats.micro.v1.ping_response', ...identity };
  const info: InfoResponse = {
    type: 'io.nats.micro.v1.info_response',
    ...identity,
    description: descriptor.description,
    endpoints,
  };
  const [pingText, infoText] = [JSON.stringify(ping), JSON.stringify(info)];
  const stats = (): StatsResponse => ({
    type: 'io.nats.micro.v1.stats_response',
    ...identity,
    started: statistics.started.toISOString(),
    endpoints: descriptor.capabilities.map((capability, i) => ({
      name: endpoints[i]!.name,
      subject: endpoints[i]!.subject,
      queue_group: endpoints[i]!.queue_group,
      ...statistics.endpoint(capability.id),
    })),
  });
  return { PING: () => pingText, INFO: () => infoText, STATS: () => JSON.stringify(stats()) };
}
