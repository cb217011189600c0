import { Agent, request } from 'node:http';
import { startNatsServer } from '@bkg/sdk/testing';
import { Program } from '../program.ts';
import { limitedEntry } from './limited-entry.ts';
import { offer } from './offer.ts';
import type { Offered, Outcome } from './offer.ts';
import type { Options } from './options.ts';

const body = JSON.stringify({ text: 'hello' });

/** A plugin whose limit several gateways keep together; the instance itself has none. */
export async function measureGateways(options: Options): Promise<Offered> {
  const { rate, burst, offered, gateways: count, seconds } = options;
  await using nats = await startNatsServer({ jetstream: false });
  const { url, credentials } = nats;
  const broker = { url, credentials, joinWrites: true };
  await using _echo = await Program.start('echo.ts', { ...broker, mostMs: 0 });
  await using stack = new AsyncDisposableStack();
  const ports: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const entries = [limitedEntry({ rate_per_second: rate, burst })];
    const gateway = stack.use(await Program.start('gateway.ts', { ...broker, entries, noAuth: true }));
    ports.push(Number(gateway.ready));
  }
  const agent = new Agent({ keepAlive: true });
  stack.defer(() => agent.destroy());
  return await offer(offered, seconds, (n) => post(agent, ports[n % ports.length] ?? 0));
}

function post(agent: Agent, port: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        agent,
        port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/api/plugins/echo/invoke/say',
        headers: { 'content-type': 'application/json', 'content-length': body.length },
        timeout: 10_000,
      },
      (answer) => {
        answer.resume();
        answer.once('error', reject);
        answer.once('end', () => {
          const { statusCode } = answer;
          resolve(statusCode === 200 ? 'admitted' : statusCode === 429 ? 'limited' : 'failed');
        });
      },
    );
    asked.once('timeout', () => asked.destroy(new Error('no answer within 10 s')));
    asked.once('error', reject);
    asked.end(body);
  });
}
