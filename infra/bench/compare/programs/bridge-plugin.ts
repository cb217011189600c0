/** What the bridge asks: a bare subscription of nats.js. Options: see `BridgeOptions`. */
import { connect } from '@nats-io/transport-node';
import { nextTurn } from './next-turn.ts';
import type { BridgeOptions } from './bridge-gateway.ts';

const { url, user, password, isCoalesced } = JSON.parse(process.argv[2] ?? '{}') as BridgeOptions;
const nats = await connect({ servers: url, user, pass: password });
const later = nextTurn();
nats.subscribe('echo', {
  queue: 'q',
  callback: (error, msg) => {
    if (error) throw error;
    const { text } = msg.json<{ text: string }>();
    const answer = JSON.stringify({ text });
    if (isCoalesced) later(() => msg.respond(answer));
    else msg.respond(answer);
  },
});
await nats.flush();
process.send?.({ ready: true });
