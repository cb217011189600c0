/**
 * HTTP to NATS as one writes it in an hour: Fastify and nats.js, with nothing on. The plugin's answer goes out as it came,
 * unread. Says its port. Options: see `BridgeOptions`.
 */
import type { AddressInfo } from 'node:net';
import { connect } from '@nats-io/transport-node';
import type { Msg } from '@nats-io/transport-node';
import fastify from 'fastify';
import { echoPath } from './echo-path.ts';
import { nextTurn } from './next-turn.ts';
import type { OnBroker } from './on-broker.ts';

export interface BridgeOptions extends OnBroker {
  /** What is sent in one turn of the event loop goes out in one write. */
  isCoalesced: boolean;
}

const timeout = 5_000;
const { url, user, password, isCoalesced } = JSON.parse(process.argv[2] ?? '{}') as BridgeOptions;
const nats = await connect({ servers: url, user, pass: password });
const later = nextTurn();
const app = fastify({ logger: false });
app.post(echoPath, async (request, reply) => {
  const send = (): Promise<Msg> => nats.request('echo', JSON.stringify(request.body), { timeout });
  const answer = await (isCoalesced ? new Promise<Msg>((resolve) => later(() => resolve(send()))) : send());
  return reply.type('application/json').send(answer.string());
});
await app.listen({ host: '127.0.0.1', port: 0 });
process.send?.({ ready: (app.server.address() as AddressInfo).port });
