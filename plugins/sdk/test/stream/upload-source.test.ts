import { describe, expect, it, vi } from 'vitest';
import type { SendOptions } from '../../src/connection.ts';
import { headerNames } from '../../src/protocol/headers.ts';
import { Upload } from '../../src/stream/upload.ts';
import { message } from './message.ts';

/** An upload over a connection that is none: what it sends is kept, what comes is said. */
function create(body: AsyncIterable<Uint8Array>, sizeBytes?: number, discard = vi.fn()) {
  const sent: { subject: string; data: string; options: SendOptions }[] = [];
  const failures: Error[] = [];
  let take: (msg: ReturnType<typeof message>) => void = () => undefined;
  const leave = vi.fn();
  const connection = {
    openInbox: (taker: typeof take) => {
      take = taker;
      return { reply: '_INBOX.a.b', leave };
    },
    send: (subject: string, data: Uint8Array | string, options: SendOptions) =>
      void sent.push({ subject, data: Buffer.from(data).toString(), options }),
    onStatus: () => () => undefined,
    maxPayloadBytes: 1024 * 1024,
  };
  const upload = new Upload('reel', connection, { body, sizeBytes, discard }, (error) =>
    failures.push(error),
  );
  const say = (what: object, reply = 'plugin.reel.flow.i.t'): void =>
    take(message(JSON.stringify(what), { reply }));
  return { upload, sent, failures, say, leave, discard, gone: () => take(message('', { code: 503 })) };
}

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield await Promise.resolve(Buffer.from(text));
}

describe('a payload on its way', () => {
  it('announces its size, sends nothing before it is asked for, and no more than it has credit for', async () => {
    const { upload, sent, say, leave } = create(pieces('a', 'b', 'c'), 3);
    expect(upload.headers).toEqual({ [headerNames.upload]: '3', [headerNames.flow]: '_INBOX.a.b' });
    expect([sent, upload.hasBegun]).toEqual([[], false]);
    say({ credit: 1 });
    await vi.waitFor(() => expect(sent).toHaveLength(1));
    expect(sent[0]).toMatchObject({
      subject: 'plugin.reel.flow.i.t',
      data: 'a',
      options: { reply: '_INBOX.a.b' },
    });
    say({ credit: 2 });
    await vi.waitFor(() => expect(sent).toHaveLength(4));
    expect(
      sent.map(({ data, options }) => [data, options.headers?.[headerNames.seq], options.reply]),
    ).toEqual([
      ['a', '0', '_INBOX.a.b'],
      ['b', '1', '_INBOX.a.b'],
      ['c', '2', '_INBOX.a.b'],
      ['', '3', undefined],
    ]);
    expect(sent[3]?.options.headers?.[headerNames.end]).toBe('4');
    upload.close();
    expect(leave).toHaveBeenCalledOnce();
  });

  it('goes nowhere but to the plugin that was invoked', async () => {
    const { upload, sent, say } = create(pieces('a'));
    for (const foreign of ['plugin.other.flow.i.t', 'plugin.reel.invoke.x', '_INBOX.x', ''])
      say({ credit: 5 }, foreign);
    await new Promise((resolve) => setImmediate(resolve));
    expect([sent, upload.hasBegun]).toEqual([[], false]);
    upload.close();
  });

  it('fails when its source does, or the instance is gone, once', async () => {
    const broken = create(
      (async function* () {
        yield await Promise.resolve(Buffer.from('a'));
        throw new Error('the file is gone');
      })(),
    );
    broken.say({ credit: 9 });
    await vi.waitFor(() => expect(broken.failures).toMatchObject([{ message: 'the file is gone' }]));
    expect(broken.leave).toHaveBeenCalledOnce();
    const lost = create(pieces('a'));
    lost.say({ credit: 0 });
    lost.gone();
    lost.gone();
    expect(lost.failures).toMatchObject([{ code: 'PLUGIN_CRASHED' }]);
  });

  it('fails when its source cannot be begun', async () => {
    const read: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => {
        throw new Error('read before');
      },
    };
    const { say, failures } = create(read);
    say({ credit: 9 });
    await vi.waitFor(() => expect(failures).toMatchObject([{ message: 'read before' }]));
  });

  it('frees its source when nobody has asked for it, and leaves it to the reading else', async () => {
    const unasked = create(pieces('a'));
    unasked.upload.close();
    expect(unasked.discard).toHaveBeenCalled();
    const asked = create(pieces('a'));
    asked.say({ credit: 1 });
    asked.upload.close();
    expect(asked.discard).not.toHaveBeenCalled();
  });

  it('lets go of a source that has nothing for long when it is closed', async () => {
    const returned = vi.fn(() => Promise.resolve({ done: true as const, value: undefined }));
    const { upload, say, failures } = create({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<IteratorResult<Uint8Array>>(() => undefined),
        return: returned,
      }),
    });
    say({ credit: 1 });
    upload.close();
    await vi.waitFor(() => expect(returned).toHaveBeenCalledOnce());
    expect(failures).toEqual([]);
  });
});
