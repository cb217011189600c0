import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BkgError } from '../../src/protocol/errors.ts';
import { ChunkWriter } from '../../src/stream/chunk-writer.ts';
import type { ChunkWriterOptions } from '../../src/stream/chunk-writer.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function create(options: Partial<ChunkWriterOptions> = {}) {
  const ending = new AbortController();
  const sent: string[] = [];
  const silences: BkgError[] = [];
  const writer = new ChunkWriter({
    window: 2,
    signal: ending.signal,
    send: (data, headers) => {
      sent.push(
        `${data as string} ${headers['Bkg-Seq']}${headers['Bkg-End'] ? `/${headers['Bkg-End']}` : ''}`,
      );
    },
    onSilence: (why) => {
      silences.push(why);
      ending.abort(why);
    },
    ...options,
  });
  return { writer, sent, ending, silences };
}

describe('the sending end of a stream', () => {
  it('numbers chunks, and waits when it has no credit', async () => {
    const { writer, sent } = create();
    await writer.write('a');
    await writer.write('b');
    const third = writer.write('c');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toEqual(['a 0', 'b 1']);
    writer.give(2);
    await third;
    await writer.write('d');
    expect(sent).toEqual(['a 0', 'b 1', 'c 2', 'd 3']);
    expect(writer.count).toBe(4);
  });

  it('sends its last frame without credit, and nothing twice', async () => {
    const { writer, sent } = create({ window: 1 });
    await writer.write('a');
    writer.end('b');
    writer.end('c');
    expect(sent).toEqual(['a 0', 'b 1/2']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('may send another last frame when one is too large', () => {
    let isFirst = true;
    const sent: unknown[] = [];
    const { writer } = create({
      send: (data) => {
        if (isFirst) {
          isFirst = false;
          throw new BkgError('PAYLOAD_TOO_LARGE', 'too large');
        }
        sent.push(data);
      },
    });
    expect(() => writer.end('large')).toThrow('too large');
    writer.end('small');
    expect([sent, writer.count]).toEqual([['small'], 1]);
  });

  it('has the number and the credit of a chunk that was not sent', async () => {
    let isTooLarge = true;
    const seqs: unknown[] = [];
    const { writer } = create({
      window: 1,
      send: (_, headers) => {
        if (isTooLarge) throw new BkgError('PAYLOAD_TOO_LARGE', 'too large');
        seqs.push(headers['Bkg-Seq']);
      },
    });
    await expect(writer.write('large')).rejects.toThrow('too large');
    isTooLarge = false;
    await writer.write('small');
    expect(seqs).toEqual(['0']);
  });

  it('never has more than 1024 open, whatever it is given', async () => {
    const { writer, sent } = create();
    for (let i = 0; i < 10; i += 1) writer.give(1_024);
    for (let i = 0; i < 1_024; i += 1) await writer.write('x');
    const late = writer.write('x').catch((error: Error) => error.message);
    await vi.advanceTimersByTimeAsync(0);
    expect(sent).toHaveLength(1_024);
    writer.end('');
    expect(await late).toContain('has ended');
    expect([sent.length, vi.getTimerCount()]).toEqual([1_025, 0]);
  });

  it('gives up when its receiver gives no sign, counted from the last one', async () => {
    const { writer, silences } = create({ window: 1, patienceMs: 1_000 });
    await writer.write('a');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(silences).toEqual([]);
    const second = writer.write('b');
    const failure = second.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(900);
    writer.give(0);
    await vi.advanceTimersByTimeAsync(999);
    expect(silences).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await failure).toBe(silences[0]);
    expect(silences).toMatchObject([{ code: 'CANCELLED' }]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('throws the reason of its signal, waiting or not', async () => {
    const { writer, ending, sent } = create({ window: 1 });
    await writer.write('a');
    const second = writer.write('b').catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(0);
    const reason = new BkgError('CANCELLED', 'enough');
    ending.abort(reason);
    expect(await second).toBe(reason);
    writer.give(5);
    await expect(writer.write('c')).rejects.toBe(reason);
    expect(sent).toEqual(['a 0']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
