import { describe, expect, it } from 'vitest';
import { ChunkPlace, ChunkRoom } from '../src/invoke/chunk-room.ts';
import { ChunkStream } from '../src/ws/chunk-stream.ts';
import { LogSubscription } from '../src/ws/log-subscription.ts';
import { frameBytes, plainText } from '../src/ws/out-frame.ts';
import type { OutFrame } from '../src/ws/out-frame.ts';
import { Outgoing } from '../src/ws/outgoing.ts';

/** A stream with a chunk of so many bytes whenever the last one was taken. */
function endless(outgoing: Outgoing, id: string, bytes: number, window = 1_024): ChunkStream {
  const stream = new ChunkStream({
    id,
    invocationId: 'x',
    window,
    onReady: (one) => outgoing.chunk(one),
  });
  const chunk = Buffer.alloc(bytes, '1');
  const write = (): void => void stream.write(chunk).then((isSent) => isSent && write());
  write();
  return stream;
}

const idOf = ({ head }: OutFrame): string => (JSON.parse(`${head}1}`) as { id: string }).id;

describe('what one client has to get', () => {
  it('gives each stream its turn, and none to one without credit', async () => {
    const outgoing = new Outgoing(1_000);
    const streams = [
      ['a', 10],
      ['b', 100_000],
      ['c', 10],
    ].map(([id, bytes]) => endless(outgoing, String(id), Number(bytes)));
    const stalled = endless(outgoing, 'stalled', 10, 1);
    const got: string[] = [];
    for (let i = 0; i < 31; i += 1) {
      const frame = outgoing.next();
      if (frame) got.push(idOf(frame));
      await Promise.resolve();
    }
    for (const id of ['a', 'b', 'c']) expect(got.filter((one) => one === id)).toHaveLength(10);
    expect(got.filter((one) => one === 'stalled')).toHaveLength(1);
    for (const stream of [...streams, stalled]) stream.end();
    expect(outgoing.next()).toBeUndefined();
  });

  it('sends results before chunks, and as many bytes of log lines as of chunks', async () => {
    const outgoing = new Outgoing(10_000_000);
    const stream = endless(outgoing, 'a', 10_000);
    const subscription = new LogSubscription('l');
    for (let seq = 0; seq < 1_000; seq += 1) {
      outgoing.logs.push({ subscription, seq, body: Buffer.alloc(1_000, '1') });
    }
    outgoing.answer(plainText('"result"'));
    expect(outgoing.next()?.head).toBe('"result"');
    const sent = { a: 0, l: 0 };
    for (let i = 0; i < 500; i += 1) {
      const frame = outgoing.next();
      if (frame) sent[idOf(frame) as 'a' | 'l'] += frameBytes(frame);
      await Promise.resolve();
    }
    expect(Math.abs(sent.a - sent.l)).toBeLessThan(12_000);
    stream.end();
  });
});

describe('the room for chunks', () => {
  it('is shared out as windows, less when more waits, and ends the stream of which the most does', () => {
    const [one, all] = [new ChunkRoom('this client', 1_000), new ChunkRoom('all clients', 1_500)];
    const other = new ChunkRoom('this client', 1_000);
    const ended: string[] = [];
    const enter = (room: ChunkRoom, name: string): ChunkPlace =>
      new ChunkPlace([room, all], (why) => ended.push(`${name}: ${why.message}`));
    const [a, b] = [enter(one, 'a'), enter(one, 'b')];
    expect(a.windowBytes).toBe(250);
    a.count(400);
    expect(b.windowBytes).toBe(100);
    b.count(590);
    expect([a.windowBytes, ended]).toEqual([0, []]);
    // Of another client, while this one is the greater.
    const c = enter(other, 'c');
    c.count(520);
    expect(ended).toEqual([expect.stringMatching(/^b: More than 1500 bytes of chunks wait for all clients/)]);
    expect([one.bytes, all.bytes]).toEqual([400, 920]);
    // What is counted after its end counts no more.
    b.count(100);
    a.count(-400);
    a.leave();
    c.leave();
    expect([one.bytes, other.bytes, all.bytes]).toEqual([0, 0, 0]);
  });
});
