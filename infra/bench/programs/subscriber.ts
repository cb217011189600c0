/** A subscriber on nats.js alone, which answers what `echo.ts` answers. Options: see `SubscriberOptions`. */
import { connect } from '@nats-io/transport-node';
import type { Credentials } from '@bkg/sdk';

export interface SubscriberOptions {
  url: string;
  credentials: Credentials;
  subject: string;
}

const { url, credentials, subject } = JSON.parse(process.argv[2] ?? '{}') as SubscriberOptions;
const nats = await connect({ servers: [url], user: credentials.user, pass: credentials.password });
nats.subscribe(subject, {
  queue: 'q',
  callback: (error, msg) => {
    if (error) throw error;
    const { text } = msg.json<{ text: string }>();
    msg.respond(JSON.stringify({ text }));
  },
});
await nats.flush();
process.send?.({ ready: true });
