/** What sends each message of a subject to all its sockets, and does nothing else. Options: see `FanOptions`. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from '@nats-io/transport-node';
import { WebSocketServer } from 'ws';
import type { Credentials } from '@bkg/sdk';

export interface FanOptions {
  url: string;
  credentials: Credentials;
  subject: string;
}

const { url, credentials, subject } = JSON.parse(process.argv[2] ?? '{}') as FanOptions;
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, clientTracking: true });
await once(server, 'listening');
const nats = await connect({ servers: [url], user: credentials.user, pass: credentials.password });
nats.subscribe(subject, {
  callback: (error, msg) => {
    if (error) throw error;
    const text = msg.string();
    for (const socket of server.clients) socket.send(text);
  },
});
await nats.flush();
process.send?.({ ready: (server.address() as AddressInfo).port });
