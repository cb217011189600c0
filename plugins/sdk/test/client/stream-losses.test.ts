import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InvocationStream, StreamOptions } from '../../src/client/client.ts';
import { ConnectionLostError, PluginCrashedError, PluginOutOfMemoryError } from '../../src/client/errors.ts';
import { createClient } from '../../src/client/nats/index.ts';
import type { NatsClient, Retry } from '../../src/client/nats/index.ts';
import type { Connection } from '../../src/connection.ts';
import { headerNames, subjects } from '../../src/protocol/index.ts';
import { NoRespondersError } from '../../src/request-failures.ts';
import { eventually, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { announce, deathOf } from './mortal.ts';
import { RawPlugin } from './raw-plugin.ts';
import type { RawCall } from './raw-plugin.ts';

/** A second, and as much again as a busy machine may take; the deadline is far beyond. */
const soonMs = 5_000;
const farMs = 60_000;

let server: TestServer;
let connection: Connection;
let supervisor: Connection;
let client: NatsClient;
let retries: Retry[];
let plugins: RawPlugin[];

beforeEach(async () => {
  retries = [];
  plugins = [];
  server = await startNatsServer({ jetstream: false });
  connection = await server.connect('caller');
  supervisor = await server.connect('supervisor');
  client = createClient(connection, { retry: { onRetry: (one) => retries.push(one) } });
});
afterEach(async () => {
  await client.close();
  for (const plugin of plugins) await plugin.die();
  await connection.close();
  await server.stop();
});

async function start(instance: string, onCall?: (call: RawCall) => unknown): Promise<RawPlugin> {
  const plugin = await RawPlugin.start(server, 'raw', onCall, instance);
  plugins.push(plugin);
  return plugin;
}

const stream = (options: StreamOptions = {}): InvocationStream =>
  client.stream('raw', 'words', {}, { timeoutMs: farMs, ...options });

async function read(from: AsyncIterable<unknown>): Promise<unknown[]> {
  const chunks: unknown[] = [];
  for await (const chunk of from) chunks.push(chunk);
  return chunks;
}

/** Whether somebody would hear of a death in this plugin. */
async function isHeard(id: string): Promise<boolean> {
  try {
    await supervisor.request(subjects.event(id, 'nobody', 'status'), '', { timeoutMs: 50 });
    return true;
  } catch (error) {
    return !(error instanceof NoRespondersError);
  }
}

async function* slowly(until: Promise<unknown>): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(10);
  await until;
}

const others = [{ instance: 'second', inflight: true }];

describe('when the instance of a stream dies', () => {
  it('in the middle, what has come is followed by PLUGIN_CRASHED at once, and it is not sent again', async () => {
    const first = await start('first', (call) => call.chunk(0, '0'));
    const words = stream({ idempotent: true })[Symbol.asyncIterator]();
    expect((await words.next()).value).toBe(0);
    const second = await start('second');
    await first.die();
    const diedAt = performance.now();
    announce(supervisor, deathOf('raw', 'first', { others }));
    await expect(words.next()).rejects.toThrow(PluginCrashedError);
    expect(performance.now() - diedAt).toBeLessThan(soonMs);
    expect(second.calls).toEqual([]);
    expect(retries).toEqual([]);
  });

  it('before its first chunk, it is sent again once with its id and the time that is left, when it is idempotent', async () => {
    const first = await start('first');
    const words = stream({ idempotent: true });
    const chunks = read(words);
    await eventually(() => first.calls.length === 1);
    const second = await start('second', (call) => {
      call.chunk(0, '0');
      call.end(2, 'null');
    });
    await first.die();
    announce(supervisor, deathOf('raw', 'first', { others }));
    expect(await chunks).toEqual([0]);
    const [before, after] = [first.calls[0], second.calls[0]];
    expect(after?.header('invocationId')).toBe(before?.header('invocationId'));
    expect(after?.header('stream')).toBe('32');
    expect(Number(after?.header('timeoutMs'))).toBeLessThan(Number(before?.header('timeoutMs')));
    expect(retries).toMatchObject([{ attempt: 1, delayMs: 0, error: { code: 'PLUGIN_CRASHED' } }]);
  });

  it('before its first chunk, it fails when it is not idempotent, and says when the memory was the reason', async () => {
    const first = await start('first');
    const failure = read(stream());
    await eventually(() => first.calls.length === 1);
    await first.die();
    announce(supervisor, deathOf('raw', 'first', { ended: 'out_of_memory' }));
    await expect(failure).rejects.toThrow(PluginOutOfMemoryError);
  });

  it('that took an upload, it is not sent again, idempotent or not, and its source is not read on', async () => {
    const first = await start('first', (call) => call.grant(10));
    const never = Promise.withResolvers();
    const answer = client.fetch('raw', 'take', {
      body: slowly(never.promise),
      idempotent: true,
      timeoutMs: farMs,
    });
    await eventually(() => first.chunks.length === 1);
    const second = await start('second');
    // It listens to its flow subject on: only the news of its death ends it.
    announce(supervisor, deathOf('raw', 'first'));
    first.calls.splice(0);
    await expect(answer).rejects.toThrow(PluginCrashedError);
    expect(second.calls).toEqual([]);
    never.resolve(undefined);
  });

  it('and another one of it dies, the stream goes on', async () => {
    const first = await start('first', (call) => call.chunk(0, '0'));
    const words = stream();
    const chunks = read(words);
    await eventually(() => first.calls.length === 1);
    announce(supervisor, deathOf('raw', 'second', { others: [{ instance: 'first', inflight: true }] }));
    // It has been asked by then.
    await eventually(() => first.questions === 1);
    first.calls[0]?.end(2, 'null');
    expect(await chunks).toEqual([0]);
  });
});

describe('when the broker goes away', () => {
  it('in the middle of a stream, that ends at once: nobody knows what is missing', async () => {
    await start('only', (call) => call.chunk(0, '0'));
    const words = stream({ idempotent: true });
    const iterator = words[Symbol.asyncIterator]();
    await iterator.next();
    const next = iterator.next();
    const failure = expect(next).rejects.toThrow(ConnectionLostError);
    await server.kill();
    await failure;
    await expect(words.output).rejects.toMatchObject({ executed: 'maybe', invocationId: words.invocationId });
    expect(retries).toEqual([]);
  });

  it('in the middle of an upload, that ends at once', async () => {
    const only = await start('only', (call) => call.grant(10));
    const never = Promise.withResolvers();
    const answer = client.fetch('raw', 'take', { body: slowly(never.promise), timeoutMs: farMs });
    const failure = expect(answer).rejects.toThrow(ConnectionLostError);
    await eventually(() => only.chunks.length === 1);
    await server.kill();
    await failure;
    never.resolve(undefined);
  });

  it('before the first chunk, the stream comes after its return when an instance still holds it', async () => {
    const only = await start('only');
    const words = stream();
    const chunks = read(words);
    await eventually(() => only.calls.length === 1);
    await server.restart();
    await eventually(() => connection.connected && only.connection.connected);
    // Asked for what it holds, it says so.
    await eventually(() => only.questions === 1, { withinMs: 15_000 });
    only.calls[0]?.chunk(0, '0');
    only.calls[0]?.end(2, 'null');
    expect(await chunks).toEqual([0]);
  });

  it('before the first chunk, and nobody holds it after its return, it is lost, or sent again when it is idempotent', async () => {
    const first = await start('first');
    const lost = expect(read(stream())).rejects.toThrow(ConnectionLostError);
    const again = read(stream({ idempotent: true }));
    await eventually(() => first.calls.length === 2);
    await server.kill();
    await first.die();
    await server.restart();
    await start('second', (call) => {
      call.chunk(0, '0');
      call.end(2, 'null');
    });
    await lost;
    expect(await again).toEqual([0]);
    expect(retries).toMatchObject([{ error: { name: 'ConnectionLostError' } }]);
  });

  it('nothing can be sent: a stream fails after its repetitions', async () => {
    await server.kill();
    await eventually(() => !connection.connected);
    await expect(read(stream())).rejects.toMatchObject({ code: 'PLUGIN_UNAVAILABLE' });
    await expect(client.fetch('raw', 'take', { body: slowly(Promise.resolve()) })).rejects.toMatchObject({
      code: 'PLUGIN_UNAVAILABLE',
    });
  });
});

describe('what a stream leaves behind', () => {
  it('is nothing, however it ends', async () => {
    const plugin = await start('only', (call) => {
      const how = call.msg.json<{ how: string }>().how;
      if (how === 'nothing') return;
      call.chunk(0, '0');
      if (how === 'gap') call.chunk(5, '0');
      if (how === 'end') call.end(2, 'null');
      if (how === 'fail')
        call.fail('INTERNAL', 'it broke', { [headerNames.seq]: '1', [headerNames.end]: '2' });
    });
    for (const how of ['end', 'fail', 'gap', 'chunk', 'nothing']) {
      const words = client.stream('raw', 'words', { how }, { timeoutMs: how === 'chunk' ? 100 : farMs });
      if (how === 'nothing') words.cancel();
      await read(words).catch(() => undefined);
    }
    for await (const _ of client.stream('raw', 'words', { how: 'chunk' })) break;
    await eventually(() => plugin.cancels.length >= 3);
    expect(connection.openReplies).toBe(0);
    // No more than 256 plugins are listened to, of which those without invocations make room: that it is none of the latter.
    for (let i = 0; i < 256; i += 1)
      await client.invoke(`other-${i}`, 'a', {}, { maxAttempts: 1 }).catch(() => undefined);
    expect(await isHeard('raw')).toBe(false);
  });
});
