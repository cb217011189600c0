/** What answers the same without the SDK, on nats.js alone. */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { connect } from '@nats-io/transport-node';

const loadedMs = performance.now();
const { BKG_NATS_URL: url = '', BKG_CREDENTIALS_FILE: file = '' } = process.env;
const { user, password } = JSON.parse(readFileSync(file, 'utf8')) as { user: string; password: string };
const nats = await connect({ servers: [url], user, pass: password });
const connectedMs = performance.now();
nats.subscribe('plugin.small.invoke.say', {
  queue: 'q',
  callback: (error, msg) => {
    if (error) throw error;
    const { text } = msg.json<{ text: string }>();
    const { timeOrigin: startedAt, nodeTiming } = performance;
    const marks = { startedAt, nodeMs: nodeTiming.bootstrapComplete, loadedMs, connectedMs };
    msg.respond(JSON.stringify({ text, ...marks, askedMs: performance.now() }));
  },
});
process.once('SIGTERM', () => void nats.drain());
