/** Fastify alone: what there is at most. Says its port. */
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import { echoPath } from './echo-path.ts';

const app = fastify({ logger: false });
app.post<{ Body: { text: string } }>(echoPath, async ({ body: { text } }) => ({ text }));
await app.listen({ host: '127.0.0.1', port: 0 });
process.send?.({ ready: (app.server.address() as AddressInfo).port });
