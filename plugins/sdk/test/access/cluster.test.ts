import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { createInstanceToken, Kicker, serveCallout } from '../../src/access/index.ts';
import { eventually, silentLogger, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await eventually(() => server.listening);
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

it('in a cluster who connects is answered on every server, and put out on every server', async () => {
  const port = await freePort();
  const cluster = (listen: number, routes = ''): string =>
    `cluster { name: test, host: 127.0.0.1, port: ${listen}, no_advertise: true ${routes} }`;
  const options = { access: true, jetstream: false };
  await using first = await startNatsServer({ ...options, config: cluster(port) });
  const routes = `, routes: ["nats-route://127.0.0.1:${port}"]`;
  await using second = await startNatsServer({ ...options, config: cluster(-1, routes) });
  const { credentials } = first;
  await second.restart(credentials);
  const supervisor = await first.connect('supervisor');
  const far = await second.connect('far', { credentials });
  const seed = credentials.callout?.issuer_seed ?? '';
  const ended = new Set<string>();
  const callout = serveCallout({
    connection: supervisor,
    issuerSeed: seed,
    verifyInstance: ({ instance }) => Promise.resolve(!ended.has(instance)),
    verifyKey: () => Promise.resolve({ refused: 'unknown' }),
    log: silentLogger,
  });
  // Both servers know of each other.
  supervisor.subscribe('hello', { callback: (_, msg) => void supervisor.respond(msg, 'hi') });
  await eventually(async () => (await far.request('hello', '', { timeoutMs: 200 })).string() === 'hi');

  const password = createInstanceToken(seed, { plugin: 'echo', instance: 'one', needs: [] });
  const connect = (server: TestServer) =>
    server.connect('instance', {
      credentials: { user: 'echo.one', password },
      identity: ['echo', 'one'],
    });
  const instances = await Promise.all([first, second, second].map(connect));
  const connection = await first.connect('kicker', {
    ...(credentials.system && { credentials: credentials.system }),
  });
  const kicker = new Kicker({ connection, log: silentLogger });
  ended.add('one');
  // One that comes back at once is listed, too, before it is refused.
  expect(await kicker.kick('echo.one')).toBeGreaterThanOrEqual(3);
  await eventually(() => instances.every(({ connected }) => !connected), { withinMs: 2_000 });
  expect(await kicker.names()).toEqual(new Set(['test', 'sys']));
  await callout.close();
});
