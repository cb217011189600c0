import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  CancelledError,
  InternalError,
  InvalidOutputError,
  InvalidPayloadError,
  PayloadTooLargeError,
} from '../../src/client/errors.ts';
import { createClient } from '../../src/client/nats/index.ts';
import type { FetchOptions, NatsClient, Retry } from '../../src/client/nats/index.ts';
import type { Connection } from '../../src/connection.ts';
import { Instance } from '../../src/instance.ts';
import { headerNames, subjects } from '../../src/protocol/index.ts';
import { Body } from '../../src/stream/body.ts';
import { eventually, silentLogger, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { createReel } from '../stream/reel.ts';
import { RawPlugin } from './raw-plugin.ts';
import type { RawCall } from './raw-plugin.ts';

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
  client = createClient(connection, { retry: { firstMs: 1, onRetry: (one) => retries.push(one) } });
});
afterEach(async () => {
  await client.close();
  for (const end of ends.splice(0).toReversed()) await end();
  await connection.close();
});
afterAll(() => server.stop());

async function start(onCall?: (call: RawCall) => unknown): Promise<void> {
  plugin = await RawPlugin.start(server, 'raw', onCall);
  ends.push(() => plugin.die());
}

async function startReel() {
  const reel = createReel();
  const instance = new Instance(reel.plugin, { connection: await server.connect('reel'), log: silentLogger });
  await instance.start();
  ends.push(() => instance.drain(0));
  return reel;
}

const get = (options: FetchOptions = {}) => client.fetch('raw', 'file', { timeoutMs: farMs, ...options });

/** Pieces of so many bytes each, one after the other is asked for. */
async function* pieces(
  count: number,
  length: number,
  onPiece?: (i: number) => unknown,
): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i += 1) {
    await onPiece?.(i);
    yield Buffer.alloc(length, i % 256);
  }
}

describe('an answer that is one message', () => {
  it('is given as it is, with its content type, and what was sent goes as it is', async () => {
    const data = Buffer.from([0, 255, 0xef, 0xbb, 0xbf, 1]);
    await start((call) =>
      call.send(call.msg.data, { [headerNames.contentType]: call.header('contentType') }),
    );
    const answer = await get({ body: data, contentType: 'image/png', invocationId: 'mine' });
    expect(answer).toMatchObject({ contentType: 'image/png', sizeBytes: 6, invocationId: 'mine' });
    expect(Buffer.from(await answer.bytes())).toEqual(data);
    expect(await answer.output).toBeUndefined();
    await expect(answer.bytes()).rejects.toThrow('it comes once');
  });

  it('is JSON when nothing else is said, as what is sent is when it is a text', async () => {
    await start((call) =>
      call.send(JSON.stringify({ type: call.header('contentType'), body: call.msg.string() })),
    );
    const answer = await get({ body: '{"name":"Ada"}' });
    expect(answer.contentType).toBe('application/json');
    expect(await answer.output).toEqual({ type: 'application/json', body: '{"name":"Ada"}' });
    expect(await answer.json()).toEqual(await answer.output);
    expect(await (await get()).json()).toEqual({ type: 'application/json', body: '{}' });
    expect(await (await get({ body: Buffer.from('x') })).json()).toEqual({
      type: 'application/octet-stream',
      body: 'x',
    });
  });

  it('is tried again like an invocation', async () => {
    await start((call) => (plugin.calls.length < 2 ? call.fail('BUSY') : call.send('1')));
    expect(await (await get({ body: Buffer.from('x') })).json()).toBe(1);
    expect(retries).toHaveLength(1);
  });

  it('that is bytes is no output of invoke or stream, which say how to take it', async () => {
    await start((call) => call.send('GIF89a', { [headerNames.contentType]: 'image/gif' }));
    const why = 'not JSON but image/gif. Take it with fetch.';
    await expect(client.invoke('raw', 'file', {})).rejects.toThrow(why);
    await expect(client.stream('raw', 'file', {}).output).rejects.toThrow(why);
  });
});

describe('an answer in pieces', () => {
  it('comes as it is read, whatever its length, and its output after it', async () => {
    await startReel();
    const length = 5 * 1024 * 1024 + 1;
    const answer = await client.fetch('reel', 'read', {
      body: JSON.stringify({ bytes: length, piece: 300_000, type: 'video/mp4' }),
    });
    expect(answer).toMatchObject({ contentType: 'video/mp4', sizeBytes: undefined });
    let count = 0;
    for await (const piece of answer) count += piece.length;
    expect(count).toBe(length);
    expect(await answer.output).toEqual({ bytes: length });
  });

  it('that is empty has no bytes, and an output', async () => {
    await start((call) => call.end(1, '{"bytes":0}'));
    const answer = await get();
    expect(answer.contentType).toBe('application/octet-stream');
    expect(await answer.bytes()).toHaveLength(0);
    expect(await answer.output).toEqual({ bytes: 0 });
  });

  it('is cancelled by leaving the loop, by cancel, and by its signal', async () => {
    await start((call) => call.chunk(0, 'abc', { [headerNames.contentType]: 'text/plain' }));
    const left = await get();
    for await (const piece of left) {
      expect(Buffer.from(piece).toString()).toBe('abc');
      break;
    }
    const cancelled = await get();
    const failure = cancelled.bytes();
    cancelled.cancel();
    await expect(failure).rejects.toThrow(CancelledError);
    const controller = new AbortController();
    const aborted = await get({ signal: controller.signal });
    controller.abort(new Error('no more'));
    await expect(aborted.bytes()).rejects.toMatchObject({ code: 'CANCELLED', cause: { message: 'no more' } });
    await eventually(() => plugin.cancels.length === 3);
    expect(plugin.cancels).toEqual([left, cancelled, aborted].map(({ invocationId }) => invocationId));
  });

  it('that breaks off throws where it is read', async () => {
    await start((call) => {
      call.chunk(0, 'abc', { [headerNames.contentType]: 'text/plain' });
      call.fail('INTERNAL', 'it broke', { [headerNames.seq]: '1', [headerNames.end]: '2' });
    });
    const answer = await get();
    await expect(answer.bytes()).rejects.toThrow(InternalError);
    await expect(answer.output).rejects.toMatchObject({
      message: 'it broke',
      invocationId: answer.invocationId,
    });
  });

  it('of JSON says how to read it', async () => {
    await start((call) => call.chunk(0, '{"word":1}'));
    const failure = get();
    await expect(failure).rejects.toThrow(InvalidOutputError);
    await expect(failure).rejects.toThrow('Read them with stream, or take its output with invoke.');
    await eventually(() => plugin.cancels.length === 1);
  });
});

describe('an upload', () => {
  it('goes in pieces as they are asked for, and comes as it was sent', async () => {
    await startReel();
    const answer = await client.fetch('reel', 'hash', {
      body: pieces(40, 100_000),
      contentType: 'audio/ogg',
      timeoutMs: farMs,
    });
    const sum = 100_000 * ((39 * 40) / 2);
    expect(await answer.json()).toEqual({ bytes: 4_000_000, sum, type: 'audio/ogg' });
  });

  it('of more than a message is made of bytes and texts, too', async () => {
    await startReel();
    const body = Buffer.alloc(3_000_000, 1);
    const answer = await client.fetch('reel', 'hash', { body, timeoutMs: farMs });
    expect(await answer.json()).toMatchObject({ bytes: 3_000_000, sum: 3_000_000 });
    const fields = JSON.stringify({ fields: Array.from({ length: 200_000 }, () => '1234567') });
    expect(await (await client.fetch('reel', 'fields', { body: fields })).json()).toEqual({
      fields: 200_000,
    });
  });

  it('may come in the same buffer again and again', async () => {
    await startReel();
    async function* same(): AsyncGenerator<Uint8Array> {
      const buffer = Buffer.alloc(1_000);
      for (let i = 0; i < 200; i += 1) yield await Promise.resolve(buffer.fill(i));
    }
    const answer = await client.fetch('reel', 'hash', { body: same(), timeoutMs: farMs });
    expect(await answer.json()).toMatchObject({ bytes: 200_000, sum: 1_000 * ((199 * 200) / 2) });
  });

  it('of a file that is not there fails, and nothing else', async () => {
    await startReel();
    const body = createReadStream('/nowhere/picture.png');
    await expect(client.fetch('reel', 'hash', { body, timeoutMs: farMs })).rejects.toThrow(/ENOENT/);
  });

  it('of a file is closed when nobody takes it', async () => {
    const body = createReadStream(import.meta.filename);
    await expect(client.fetch('nobody', 'hash', { body, timeoutMs: farMs })).rejects.toThrow(/nobody/i);
    expect(body.destroyed).toBe(true);
  });

  it('that was read already fails', async () => {
    await startReel();
    const body = Body.of(Buffer.from('once'), 'text/plain');
    await body.bytes();
    await expect(client.fetch('reel', 'hash', { body, timeoutMs: farMs })).rejects.toThrow(/read already/);
  });

  it('is not read before it is asked for, nor faster', async () => {
    await start();
    const read: number[] = [];
    const answer = get({ body: pieces(10, 10, (i) => read.push(i)), sizeBytes: 100 });
    await eventually(() => plugin.calls.length === 1);
    const [call] = plugin.calls;
    expect(call?.header('upload')).toBe('100');
    expect(call?.header('flow')).toMatch(/^_INBOX\./);
    await connection.flush();
    expect(read).toEqual([]);
    call?.grant(2);
    await eventually(() => plugin.chunks.length === 2);
    await connection.flush();
    // One is ready, and waits.
    expect(read).toEqual([0, 1, 2]);
    call?.grant(100);
    await eventually(() => plugin.chunks.length === 11);
    const last = plugin.chunks.at(-1);
    expect(last?.headers?.get(headerNames.end)).toBe('11');
    expect(last?.reply).toBeFalsy();
    expect(plugin.chunks[0]?.reply).toBe(call?.header('flow'));
    call?.send('"all of it"');
    expect(await (await answer).json()).toBe('all of it');
    expect(plugin.cancels).toEqual([]);
  });

  it('goes nowhere but to a flow subject of the plugin that it is for', async () => {
    const heard: string[] = [];
    const others = ['plugin.other.flow.only.secret', 'bkg.control.stop.raw', 'plugin.raw.invoke.file', ''];
    const spy = await server.connect('spy');
    ends.push(() => spy.close());
    spy.subscribe('>', {
      callback: (_, msg) => void (msg.headers?.get(headerNames.seq) && heard.push(msg.subject)),
    });
    await spy.flush();
    await start((call) => {
      for (const other of others) call.grant(1, other);
      call.grant(5);
    });
    const answer = get({ body: pieces(1, 10) });
    await eventually(() => plugin.chunks.length === 2);
    plugin.calls[0]?.send('1');
    expect(await (await answer).json()).toBe(1);
    await spy.flush();
    expect(new Set(heard)).toEqual(new Set([plugin.flowSubject]));
  });

  it('stops when it is refused, or answered before all was sent, and its source is told', async () => {
    await startReel();
    let closed = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.alloc(1_000);
      } finally {
        closed += 1;
      }
    }
    const peek = await client.fetch('reel', 'peek', { body: endless(), timeoutMs: farMs });
    expect(await peek.json()).toEqual({ first: 1_000 });
    await eventually(() => closed === 1);
    await expect(
      client.fetch('reel', 'thumbnail', { body: endless(), contentType: 'image/png' }),
    ).rejects.toThrow(PayloadTooLargeError);
    // Nobody has begun to read that one.
    expect(closed).toBe(1);
  });

  it('that is refused is not sent again, whatever the reason', async () => {
    await start((call) => call.fail('BUSY'));
    await expect(get({ body: pieces(1, 1), idempotent: true })).rejects.toMatchObject({ code: 'BUSY' });
    expect(plugin.calls).toHaveLength(1);
    expect(retries).toEqual([]);
  });

  it('whose source fails is cancelled, and fails with what that threw', async () => {
    const bug = new RangeError('the disk is gone');
    await start((call) => call.grant(10));
    const body = pieces(2, 10, (i) => {
      if (i === 1) throw bug;
    });
    await expect(get({ body })).rejects.toBe(bug);
    await eventually(() => plugin.cancels.length === 1);
    await expect(
      get({
        body: (async function* () {
          yield 'text' as never;
        })(),
      }),
    ).rejects.toThrow('A piece of the payload is string; give pieces of bytes');
  });

  it('ends with its signal, also while its source gives nothing', async () => {
    await start((call) => call.grant(10));
    const controller = new AbortController();
    const waiting = Promise.withResolvers<undefined>();
    const answer = get({ body: pieces(2, 10, (i) => i && waiting.promise), signal: controller.signal });
    await eventually(() => plugin.chunks.length === 1);
    controller.abort();
    await expect(answer).rejects.toThrow(CancelledError);
    await eventually(() => plugin.cancels.length === 1);
    waiting.resolve(undefined);
    // What is still said to it counts for nothing.
    plugin.calls[0]?.grant(10);
    await plugin.connection.flush();
    await connection.flush();
    expect(plugin.chunks).toHaveLength(1);
  });

  it('is told when the instance is gone that was taking it', async () => {
    await start();
    const answer = get({ body: pieces(1_000, 1_000, async (i) => i === 5 && (await plugin.die())) });
    await eventually(() => plugin.calls.length === 1);
    plugin.calls[0]?.grant(1_000);
    await expect(answer).rejects.toMatchObject({ code: 'PLUGIN_CRASHED', executed: 'maybe' });
  });

  it('and an answer may go both ways at once', async () => {
    await start((call) => call.grant(100));
    const done = get({ body: pieces(3, 10) });
    await eventually(() => plugin.chunks.length === 4);
    const hash = createHash('sha256');
    for (const [i, msg] of plugin.chunks.entries())
      plugin.calls[0]?.chunk(i, msg.data, { [headerNames.contentType]: i ? undefined : 'audio/wav' });
    plugin.calls[0]?.end(5, 'null');
    for await (const piece of await done) hash.update(piece);
    const expected = createHash('sha256');
    for await (const piece of pieces(3, 10)) expected.update(piece);
    expect(hash.digest('hex')).toBe(expected.digest('hex'));
  });

  it('is not sent when its options cannot be', async () => {
    await start();
    const wrongs: FetchOptions[] = [
      { contentType: 'image' },
      { contentType: 'image/*' },
      { body: pieces(1, 1), sizeBytes: -1 },
      { body: pieces(1, 1), sizeBytes: 1.5 },
      { window: 0 },
    ];
    for (const options of wrongs) await expect(get(options)).rejects.toThrow(InvalidPayloadError);
    expect(plugin.calls).toEqual([]);
    expect(await connection.requestMany(subjects.status('raw'), '', { forMs: 50 })).toEqual([]);
  });
});
