// For what it adds to Fastify's types.
import type {} from '@fastify/websocket';
import { expect, it } from 'vitest';
import { connectGateway, ConnectionLostError } from '@bkg/sdk/client/ws';
import { eventually } from '@bkg/sdk/testing';
import { entryOf, serve, startMesh } from './mesh.ts';
import { RawStream } from './raw-stream.ts';
import { say } from './ws-peer.ts';

it('a client of the SDK reads slowly and makes the plugin wait; its socket breaks: streams fail, subscriptions go on', async () => {
  await using mesh = await startMesh();
  await mesh.supervisor.put(entryOf('teller', 'running', { capabilities: ['tell'] }));
  await eventually(() => mesh.app.catalog.get('teller'));
  const streams: RawStream[] = [];
  await serve(
    mesh.peer,
    'teller',
    'tell',
    (msg) => void streams.push(new RawStream(mesh.peer, 'teller', msg)),
  );
  await using client = connectGateway({ url: mesh.url, firstDelayMs: 20 });
  const lines: string[] = [];
  const begun = Promise.withResolvers<void>();
  client.subscribe(
    { topic: 'logs' },
    { onSnapshot: () => begun.resolve(), onData: ({ message }) => lines.push(message) },
  );
  await begun.promise;

  const slow = client.stream('teller', 'tell', {}, { window: 4 });
  const iterator = slow[Symbol.asyncIterator]();
  const first = await eventually(() => streams[0]);
  const chunk = JSON.stringify('x'.repeat(16 * 1024));
  let written = 0;
  void (async () => {
    while (await first.write(chunk)) written += 1;
  })();
  for (let i = 0; i < 200; i += 1) expect((await iterator.next()).done).toBe(false);
  // What the client's window, the gateway's and the way between them hold.
  expect(written).toBeLessThan(200 + 100);

  const fast = client.stream('teller', 'tell', {});
  const second = await eventually(() => streams[1]);
  for (let i = 0; i < 3; i += 1) await second.write(`${i}`);
  second.end('"end"');
  const got: unknown[] = [];
  for await (const one of fast) got.push(one);
  expect([got, await fast.output]).toEqual([[0, 1, 2], 'end']);

  for (const socket of mesh.app.websocketServer.clients) socket.terminate();
  await expect(slow.output).rejects.toThrow(ConnectionLostError);
  await eventually(() => first.isCancelled);
  say(mesh, 'teller', 'while it was away');
  await eventually(() => client.state.status === 'live');
  say(mesh, 'teller', 'when it was back');
  await eventually(() => lines.includes('when it was back'));
  expect(lines).toEqual(['while it was away', 'when it was back']);
  expect(streams).toHaveLength(2);
});
