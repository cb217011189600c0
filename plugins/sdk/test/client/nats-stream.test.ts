import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { InvocationStream, StreamOptions } from '../../src/client/client.ts';
import {
  BusyError,
  CancelledError,
  DeadlineExceededError,
  InternalError,
  InvalidOutputError,
  InvalidPayloadError,
  PluginNotFoundError,
  PluginUnavailableError,
} from '../../src/client/errors.ts';
import { createClient } from '../../src/client/nats/index.ts';
import type { NatsClient, NatsClientOptions, Retry } from '../../src/client/nats/index.ts';
import type { Connection } from '../../src/connection.ts';
import { headerNames } from '../../src/protocol/index.ts';
import { eventually, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { RawPlugin } from './raw-plugin.ts';
import type { RawCall } from './raw-plugin.ts';

/** Nothing but a failure takes as long. */
const farMs = 60_000;

let server: TestServer;
let connection: Connection;
let client: NatsClient;
let plugin: RawPlugin;
let retries: Retry[];
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
});
beforeEach(async () => {
  retries = [];
  connection = await server.connect('caller');
  client = connect({});
});
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
  await connection.close();
});
afterAll(() => server.stop());

function connect(options: NatsClientOptions): NatsClient {
  const made = createClient(connection, {
    retry: { firstMs: 1, mostMs: 2, onRetry: (one) => retries.push(one) },
    ...options,
  });
  ends.push(() => made.close());
  return made;
}

async function start(onCall?: (call: RawCall) => unknown): Promise<void> {
  plugin = await RawPlugin.start(server, 'raw', onCall);
  ends.push(() => plugin.die());
}

const stream = (options: StreamOptions = {}): InvocationStream =>
  client.stream('raw', 'words', {}, { timeoutMs: farMs, ...options });

async function read(from: AsyncIterable<unknown>): Promise<unknown[]> {
  const chunks: unknown[] = [];
  for await (const chunk of from) chunks.push(chunk);
  return chunks;
}

/** Three chunks and the output. */
function answer(call: RawCall): void {
  for (const i of [0, 1, 2]) call.chunk(i, `{"word":${i}}`);
  call.end(4, '{"count":3}');
}

describe('a stream', () => {
  it('gives the chunks in their order, then the output, and asks with a window', async () => {
    await start(answer);
    const words = stream({ invocationId: 'mine', traceparent: '00-1-2-00' });
    expect(await read(words)).toEqual([{ word: 0 }, { word: 1 }, { word: 2 }]);
    expect(await words.output).toEqual({ count: 3 });
    expect(words.invocationId).toBe('mine');
    const [call] = plugin.calls;
    expect(call?.header('stream')).toBe('32');
    expect(call?.header('invocationId')).toBe('mine');
    expect(call?.header('traceparent')).toBe('00-1-2-00');
    expect(Number(call?.header('timeoutMs'))).toBeLessThanOrEqual(farMs);
    words.cancel();
    await connection.flush();
    expect(plugin.cancels).toEqual([]);
  });

  it('of a capability that does not stream has no chunks and an output', async () => {
    await start((call) => call.send('{"whole":true}'));
    const words = stream();
    expect(await read(words)).toEqual([]);
    expect(await words.output).toEqual({ whole: true });
  });

  it('gives credit for what was read, and no more than its window is under way', async () => {
    await start((call) => {
      for (let i = 0; i < 4; i += 1) call.chunk(i, `${i}`);
    });
    const words = stream({ window: 4 })[Symbol.asyncIterator]();
    expect((await words.next()).value).toBe(0);
    const [call] = plugin.calls;
    expect(call?.header('stream')).toBe('4');
    await connection.flush();
    expect(plugin.credit).toBe(0);
    for (let i = 1; i < 4; i += 1) expect((await words.next()).value).toBe(i);
    // The last one that was given is not read yet.
    await eventually(() => plugin.credit === 2);
    const next = words.next();
    await eventually(() => plugin.credit === 4);
    call?.end(5, 'null');
    expect(await next).toEqual({ done: true, value: undefined });
    expect(plugin.credit).toBe(4);
  });

  it('needs no credit when its sender takes none', async () => {
    await start((call) => {
      for (let i = 0; i < 100; i += 1) call.chunk(i, `${i}`, {}, '');
      call.end(101, 'null');
    });
    expect(await read(stream())).toHaveLength(100);
    expect(plugin.flow).toEqual([]);
  });

  it('publishes nowhere but to a flow subject of the plugin that it has invoked', async () => {
    const heard: string[] = [];
    const others = [
      'plugin.other.flow.only.secret',
      'plugin.raw.cancel',
      'bkg.control.stop.raw',
      'plugin.raw.flow.a.b.c',
    ];
    const spy = await server.connect('spy');
    ends.push(() => spy.close());
    for (const subject of [...others, 'plugin.raw.flow.>'])
      spy.subscribe(subject, { callback: (_, msg) => void heard.push(msg.subject) });
    await spy.flush();
    await start((call) => {
      for (const [i, flow] of others.entries()) call.chunk(i, 'null', {}, flow);
    });
    const words = stream({ window: 1, invocationId: 'mine' });
    let count = 0;
    for await (const _ of words) if ((count += 1) === others.length) break;
    // Nothing but that it was given up, on the subject that is ours to choose.
    await eventually(() => plugin.cancels.length === 1);
    await spy.flush();
    expect(heard).toEqual(['plugin.raw.cancel']);
  });
});

describe('a stream that fails', () => {
  it('in the middle gives what has come, then the error of its code, which is that of its output', async () => {
    await start((call) => {
      call.chunk(0, '"one"');
      call.fail('INTERNAL', 'it broke', { [headerNames.seq]: '1', [headerNames.end]: '2' });
    });
    const words = stream({ idempotent: true });
    const chunks: unknown[] = [];
    const error = await (async () => {
      for await (const chunk of words) chunks.push(chunk);
    })().catch((thrown: unknown) => thrown);
    expect(chunks).toEqual(['one']);
    expect(error).toBeInstanceOf(InternalError);
    expect(error).toMatchObject({ message: 'it broke', invocationId: words.invocationId });
    expect(await words.output.catch((thrown: unknown) => thrown)).toBe(error);
    expect(plugin.calls).toHaveLength(1);
  });

  it('before its first chunk is tried again like an invocation', async () => {
    await start((call) => (plugin.calls.length < 3 ? call.fail('BUSY') : answer(call)));
    const words = stream();
    expect(await read(words)).toHaveLength(3);
    expect(retries).toMatchObject([{ attempt: 1, error: { code: 'BUSY' } }, { attempt: 2 }]);
    // It has not run: it is the same invocation.
    expect(new Set(plugin.calls.map((call) => call.header('invocationId')))).toEqual(
      new Set([words.invocationId]),
    );
  });

  it('gets another id when the first may still run', async () => {
    await start((call) => (plugin.calls.length < 2 ? call.fail('PLUGIN_CRASHED') : answer(call)));
    const words = stream({ idempotent: true, invocationId: 'mine' });
    await read(words);
    expect(words.invocationId).not.toBe('mine');
    expect(plugin.calls.map((call) => call.header('invocationId'))).toEqual(['mine', words.invocationId]);
  });

  it('waits as long as it is told to, like an invocation, and believes nothing that is no time', async () => {
    for (const [retryAfter, leastMs] of [
      ['1', 1_000],
      ['soon', 0],
    ] as const) {
      await start((call) =>
        plugin.calls.length % 2 === 1
          ? call.fail(retryAfter === '1' ? 'BUSY' : 'RATE_LIMITED', 'wait', {
              [headerNames.retryAfter]: retryAfter,
            })
          : answer(call),
      );
      const before = performance.now();
      expect(await client.stream('raw', 'words', {}).output).toEqual({ count: 3 });
      expect(performance.now() - before).toBeGreaterThanOrEqual(leastMs);
      expect(
        await client.invoke('raw', 'words', {}, { timeoutMs: 900 }).catch((error: unknown) => error),
      ).toMatchObject(leastMs > 0 ? { code: 'BUSY', retryAfterSecs: 1 } : {});
      await plugin.die();
    }
    expect(retries.map(({ delayMs }) => delayMs >= 1_000)).toEqual([true, false, false]);
  });

  it('is not tried again once a chunk has come, whatever it fails with', async () => {
    await start((call) => {
      call.chunk(0, '1');
      call.fail('BUSY');
    });
    await expect(read(stream({ idempotent: true }))).rejects.toThrow(BusyError);
    expect(plugin.calls).toHaveLength(1);
    expect(retries).toEqual([]);
  });

  it('spends the same budget as invocations', async () => {
    await start((call) => call.fail('BUSY'));
    client = connect({ retry: { firstMs: 0, budget: { reserve: 2, ratio: 0 } } });
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => read(stream())));
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    expect(plugin.calls.length).toBeLessThanOrEqual(12);
    expect(plugin.calls.length).toBeGreaterThan(10);
  });

  it('when nobody is there says so after its repetitions', async () => {
    await expect(read(client.stream('nobody', 'words', {}))).rejects.toThrow(PluginUnavailableError);
    expect(retries).toHaveLength(3);
  });

  it('when a chunk is missing, or comes twice, or is none ends with INTERNAL, and its sender is told', async () => {
    const wrongs: [(call: RawCall) => void, string][] = [
      [(call) => call.chunk(2, '2'), 'Chunk 1 is missing'],
      [(call) => call.chunk(0, '2'), 'Chunk 0 has come twice'],
      [(call) => call.chunk(1, '2', { [headerNames.seq]: 'x' }), 'has no number'],
      [(call) => call.send('"whole"'), 'a reply that is no chunk'],
    ];
    let wrong: (typeof wrongs)[0] | undefined;
    await start((call) => {
      call.chunk(0, '0');
      wrong?.[0](call);
    });
    for (wrong of wrongs) {
      const failure = read(stream());
      await expect(failure).rejects.toThrow(InternalError);
      await expect(failure).rejects.toThrow(wrong[1]);
    }
    const ids = plugin.calls.map((call) => call.header('invocationId'));
    await eventually(() => plugin.cancels.length === 4 && plugin.flow.length === 4);
    expect(plugin.cancels).toEqual(ids);
    expect(plugin.flow).toEqual(wrongs.map(() => ({ cancel: true })));
  });

  it('when a chunk is no JSON, in UTF-8, ends with INVALID_OUTPUT, and its sender is told', async () => {
    const bodies = ['Hello', Buffer.from('"Grüß Gott"', 'latin1'), '\uFEFF{}'];
    await start((call) => {
      call.chunk(0, '0');
      call.chunk(1, bodies[plugin.calls.length - 1] ?? '');
    });
    for (const _ of bodies) {
      const words = stream();
      await expect(read(words)).rejects.toThrow(InvalidOutputError);
      await expect(words.output).rejects.toThrow(InvalidOutputError);
    }
    await eventually(() => plugin.cancels.length === 3);
  });

  it('when its output is no JSON ends with INVALID_OUTPUT', async () => {
    await start((call) => {
      call.chunk(0, '0');
      call.end(2, 'Hello');
    });
    await expect(read(stream())).rejects.toThrow(InvalidOutputError);
  });

  it('when its chunks are bytes says how to take them', async () => {
    await start((call) => call.chunk(0, 'GIF89a', { [headerNames.contentType]: 'image/gif' }));
    await expect(read(stream())).rejects.toThrow('words of raw answers with image/gif. Take it with fetch.');
    await eventually(() => plugin.cancels.length === 1);
  });

  it('is not sent when it cannot be, and says so where it is read', async () => {
    await start(answer);
    await expect(read(client.stream('raw.*', 'words', {}))).rejects.toThrow(PluginNotFoundError);
    for (const window of [0, 1_025, 1.5])
      await expect(read(stream({ window }))).rejects.toThrow(InvalidPayloadError);
    await expect(client.stream('raw', 'words', 1n).output).rejects.toThrow(InvalidPayloadError);
    expect(plugin.calls).toEqual([]);
  });
});

describe('a stream that nobody wants any more', () => {
  it('is cancelled by leaving the loop', async () => {
    await start((call) => {
      call.chunk(0, '0');
      call.chunk(1, '1');
    });
    const words = stream();
    for await (const word of words) {
      expect(word).toBe(0);
      break;
    }
    await expect(words.output).rejects.toThrow(CancelledError);
    await eventually(() => plugin.cancels.length === 1 && plugin.flow.length === 1);
    expect(plugin.cancels).toEqual([words.invocationId]);
    expect(plugin.flow).toEqual([{ cancel: true }]);
    expect(() => words[Symbol.asyncIterator]()).toThrow('its chunks come once');
  });

  it('is cancelled by leaving it before it has begun to be read', async () => {
    await start();
    const words = stream();
    await eventually(() => plugin.calls.length === 1);
    await words[Symbol.asyncIterator]().return?.();
    await eventually(() => plugin.cancels.length === 1);
    await expect(words.output).rejects.toThrow(CancelledError);
  });

  it('is cancelled by its signal and by cancel, while it waits for its first chunk and later, and nothing is left behind', async () => {
    await start((call) => call.header('traceparent') && call.chunk(0, '0'));
    for (const traceparent of ['', '00-1-2-00']) {
      for (const how of ['signal', 'cancel']) {
        const controller = new AbortController();
        const words = stream({ signal: controller.signal, traceparent });
        const failure = read(words).catch((error: unknown) => error);
        const count = plugin.cancels.length;
        await eventually(() => plugin.calls.length === count + 1);
        expect(getEventListeners(controller.signal, 'abort').length).toBeGreaterThan(0);
        if (how === 'signal') controller.abort(new Error('no more'));
        else words.cancel();
        expect(await failure).toBeInstanceOf(CancelledError);
        if (how === 'signal') expect(await failure).toMatchObject({ cause: { message: 'no more' } });
        await eventually(() => plugin.cancels.length === count + 1);
        expect(plugin.cancels.at(-1)).toBe(words.invocationId);
        expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
      }
    }
    // What comes later is passed over.
    for (const call of plugin.calls) call.chunk(1, '1');
    await plugin.connection.flush();
    await connection.flush();
  });

  it('is cancelled by closing the client', async () => {
    await start((call) => call.chunk(0, '0'));
    const words = stream();
    const iterator = words[Symbol.asyncIterator]();
    await iterator.next();
    const next = iterator.next();
    const failure = expect(next).rejects.toThrow('The client was closed.');
    await client.close();
    await failure;
    await eventually(() => plugin.cancels.length === 1);
    await expect(read(stream())).rejects.toThrow('The client was closed.');
  });

  it('ends at its deadline when its sender is silent, and half a second later at the latest', async () => {
    await start((call) => call.chunk(0, '0'));
    const before = performance.now();
    const words = stream({ timeoutMs: 200 });
    await expect(read(words)).rejects.toThrow(DeadlineExceededError);
    expect(performance.now() - before).toBeGreaterThan(690);
    await eventually(() => plugin.cancels.length === 1);
  });

  it('ends at its deadline when nobody reads it, and waits there within its window', async () => {
    await start((call) => {
      for (let i = 0; i < 8; i += 1) call.chunk(i, `${i}`);
    });
    const words = stream({ timeoutMs: 200, window: 8 });
    await eventually(() => plugin.cancels.length === 1);
    await connection.flush();
    expect(plugin.credit).toBe(0);
    // What has come is there, and then the end.
    const chunks: unknown[] = [];
    await expect(
      (async () => {
        for await (const chunk of words) chunks.push(chunk);
      })(),
    ).rejects.toThrow(DeadlineExceededError);
    expect(chunks).toHaveLength(8);
  });
});

describe('the output of a stream', () => {
  it('comes when nobody reads: the chunks are thrown away, with credit for more', async () => {
    await start((call) => {
      for (let i = 0; i < 4; i += 1) call.chunk(i, `${i}`);
    });
    const words = stream({ window: 4 });
    const output = words.output;
    await eventually(() => plugin.credit >= 2);
    expect(() => words[Symbol.asyncIterator]()).toThrow('its output was asked for before');
    plugin.calls[0]?.chunk(4, '4');
    plugin.calls[0]?.end(6, '"done"');
    expect(await output).toBe('done');
  });

  it('may be asked for in the same turn in which reading begins', async () => {
    await start(answer);
    const words = stream();
    const [output, chunks] = await Promise.all([words.output, read(words)]);
    expect(output).toEqual({ count: 3 });
    expect(chunks).toHaveLength(3);
    await turn();
  });
});
