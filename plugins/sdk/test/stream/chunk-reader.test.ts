import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BkgError } from '../../src/protocol/errors.ts';
import { headerNames } from '../../src/protocol/headers.ts';
import { ChunkReader } from '../../src/stream/chunk-reader.ts';
import type { Chunk, ChunkReaderOptions, StreamEnd } from '../../src/stream/chunk-reader.ts';
import { message } from './message.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function create(options: Partial<ChunkReaderOptions> = {}) {
  const granted: number[] = [];
  const ends: StreamEnd[] = [];
  const reader = new ChunkReader({
    window: 4,
    grant: (credit) => void granted.push(credit),
    onEnd: (end) => void ends.push(end),
    ...options,
  });
  return { reader, granted, ends };
}

const textOf = ({ data }: Chunk): string => Buffer.from(data).toString();

/** Reads so many, and leaves it there. */
async function read(reader: ChunkReader, count: number): Promise<string[]> {
  const texts: string[] = [];
  for await (const chunk of reader) {
    texts.push(textOf(chunk));
    if (texts.length === count) break;
  }
  return texts;
}

async function texts(reader: ChunkReader): Promise<string[]> {
  return Array.fromAsync(reader, textOf);
}

describe('the receiving end of a stream', () => {
  it('gives the chunks in their order, and keeps the last frame apart', async () => {
    const { reader, ends } = create();
    const reading = texts(reader);
    reader.take(message('a', { seq: 0 }));
    await vi.advanceTimersByTimeAsync(5);
    reader.take(message('b', { seq: 1 }));
    reader.take(message('c', { seq: 2, end: 3 }));
    expect(await reading).toEqual(['a', 'b']);
    expect((await reader.last).string()).toBe('c');
    expect(ends).toEqual(['complete']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('fails when more than 64 MiB wait, however few chunks these are', async () => {
    const { reader, ends } = create({ window: 1_024 });
    const mebibyte = 'x'.repeat(1024 * 1024);
    for (let seq = 0; seq < 200 && ends.length === 0; seq += 1) reader.take(message(mebibyte, { seq }));
    expect([reader.count, ends]).toEqual([64, ['failed']]);
    const reading = texts(reader);
    await expect(reading).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('gives credit when half of the window is read, and not for what is not read', async () => {
    const { reader, granted } = create({ window: 8, windowBytes: 8 * 1_025 });
    for (let seq = 0; seq < 8; seq += 1) reader.take(message('x', { seq }));
    await vi.advanceTimersByTimeAsync(0);
    expect(granted).toEqual([]);
    const iterator = reader[Symbol.asyncIterator]();
    for (let i = 0; i < 4; i += 1) await iterator.next();
    expect(granted).toEqual([]);
    // The fourth is read when the next is asked for.
    await iterator.next();
    expect(granted).toEqual([4]);
    await iterator.return();
  });

  it('takes fewer of large chunks and more of small ones, from 1 to 1024', async () => {
    const large = create({ window: 4, windowBytes: 2_000 });
    for (let seq = 0; seq < 4; seq += 1) large.reader.take(message('x'.repeat(600), { seq }));
    const one = large.reader[Symbol.asyncIterator]();
    for (let i = 0; i < 4; i += 1) await one.next();
    expect(large.granted).toEqual([]);
    const next = one.next();
    await vi.advanceTimersByTimeAsync(0);
    expect(large.granted).toEqual([1]);
    large.reader.fail(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
    const small = create({ window: 2, windowBytes: 2_000_000 });
    small.reader.take(message('x', { seq: 0 }));
    const other = small.reader[Symbol.asyncIterator]();
    await other.next();
    void other.next();
    await vi.advanceTimersByTimeAsync(0);
    expect(small.granted).toEqual([1_023]);
    small.reader.finish(message(''));
  });

  it.each([
    ['a gap', [0, 2], 'Chunk 1 is missing: 2 has come in its place.'],
    ['a first one that is not 0', [1], 'Chunk 0 is missing: 1 has come in its place.'],
    ['one that came twice', [0, 0], 'Chunk 0 has come twice; 1 was due.'],
    ['a number that is none', [0, 'x'], 'A message of the stream has no number, or none that can be.'],
    ['no number', [0, ''], 'A message of the stream has no number, or none that can be.'],
  ])('takes %s for a failure, after what has come', async (_, seqs, detail) => {
    const { reader, ends } = create();
    for (const seq of seqs) reader.take(message('x', { seq }));
    const came: string[] = [];
    const reading = (async () => {
      for await (const chunk of reader) came.push(textOf(chunk));
    })();
    await expect(reading).rejects.toMatchObject({ code: 'INTERNAL', message: detail });
    await expect(reader.last).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(came).toHaveLength(seqs.length - 1);
    expect(ends).toEqual(['failed']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('keeps the bytes of a chunk and what they are, and nothing else of its message', async () => {
    const { reader } = create();
    const typed = message('b', { seq: 1, headers: { [headerNames.contentType]: 'image/png' } });
    for (const msg of [message('a', { seq: 0 }), typed, message('', { seq: 2, end: 3 })]) reader.take(msg);
    const chunks = await Array.fromAsync(reader);
    expect(chunks.map(textOf)).toEqual(['a', 'b']);
    expect(chunks.map((chunk) => Object.keys(chunk))).toEqual([['data'], ['data', 'headers']]);
    expect(chunks[1]?.headers?.get(headerNames.contentType)).toBe('image/png');
  });

  it('takes an end that does not fit its number for a failure', async () => {
    const { reader } = create();
    reader.take(message('x', { seq: 0, end: 7 }));
    await expect(texts(reader)).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('fails as it is told to', async () => {
    const { reader } = create({ fault: 'INVALID_PAYLOAD' });
    reader.take(message('x', { seq: 3 }));
    await expect(texts(reader)).rejects.toMatchObject({ code: 'INVALID_PAYLOAD' });
    expect(reader.error).toMatchObject({ code: 'INVALID_PAYLOAD' });
  });

  it('keeps at most 1024 of a sender that does not wait, and of a strict one what it has granted', async () => {
    const patient = create({ window: 2 }).reader;
    for (let seq = 0; seq <= 1_024; seq += 1) patient.take(message('x', { seq }));
    await expect(texts(patient)).rejects.toMatchObject({
      message: 'Its sender sends more chunks than it has credit for.',
    });
    const strict = create({ window: 2, isStrict: true }).reader;
    strict.take(message('x', { seq: 0 }));
    strict.take(message('x', { seq: 1 }));
    expect(strict.hasEnded).toBe(false);
    strict.take(message('x', { seq: 2 }));
    expect(strict.hasEnded).toBe(true);
  });

  it('gives a sign of life while it reads slowly, and none when it has ended', async () => {
    const { reader, granted } = create({ signMs: 100 });
    reader.take(message('x', { seq: 0 }));
    await vi.advanceTimersByTimeAsync(350);
    expect(granted).toEqual([0, 0, 0]);
    reader.leave();
    await vi.advanceTimersByTimeAsync(500);
    expect(granted).toHaveLength(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('gives no more signs when one of them has shown that nobody is there', async () => {
    let granted = 0;
    const { reader } = create({
      signMs: 100,
      grant: () => {
        granted += 1;
        reader.fail(new BkgError('PLUGIN_UNAVAILABLE', 'the broker is away'));
      },
    });
    reader.take(message('x', { seq: 0 }));
    await vi.advanceTimersByTimeAsync(1_000);
    expect([granted, vi.getTimerCount()]).toEqual([1, 0]);
  });

  it('says that nothing has come for too long, as often as its reader waits', async () => {
    const silence = vi.fn();
    const { reader } = create({ patienceMs: 1_000, onSilence: silence });
    const reading = texts(reader);
    await vi.advanceTimersByTimeAsync(999);
    reader.take(message('x', { seq: 0 }));
    await vi.advanceTimersByTimeAsync(999);
    expect(silence).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(silence).toHaveBeenCalledOnce();
    reader.fail(new Error('too long'));
    await expect(reading).rejects.toThrow('too long');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not count the time in which its reader does something else', async () => {
    const silence = vi.fn();
    const { reader } = create({ patienceMs: 1_000, onSilence: silence });
    reader.take(message('x', { seq: 0 }));
    const iterator = reader[Symbol.asyncIterator]();
    await iterator.next();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(silence).not.toHaveBeenCalled();
    await iterator.return();
  });

  it('has been left when its reader stops, and takes nothing more', async () => {
    const { reader, ends, granted } = create();
    for (let seq = 0; seq < 3; seq += 1) reader.take(message(`${seq}`, { seq }));
    expect(await read(reader, 1)).toEqual(['0']);
    expect(ends).toEqual(['left']);
    await expect(reader.last).rejects.toMatchObject({ code: 'CANCELLED' });
    reader.take(message('x', { seq: 3 }));
    expect([ends, granted, reader.count]).toEqual([['left'], [], 3]);
  });
});
