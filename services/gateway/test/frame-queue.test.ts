import { describe, expect, it } from 'vitest';
import { FrameQueue } from '../src/feed/frame-queue.ts';
import type { OutFrame } from '../src/ws/out-frame.ts';

/** 11 bytes and the text. */
function line(text: string): Buffer {
  return Buffer.from(`{"text":"${text}"}`);
}

function textOf({ head, body, tail }: OutFrame): string {
  return head + Buffer.from(body).toString() + tail;
}

/** The texts of the lines, and other frames as they are. */
function all(queue: FrameQueue): string[] {
  const frames: string[] = [];
  for (let frame = queue.next(); frame; frame = queue.next()) {
    const text = textOf(frame);
    frames.push(/^{"text":"(.*)","type":"log"}$/.exec(text)?.[1] ?? text);
  }
  return frames;
}

describe('the queue of a slow client', () => {
  it('keeps log lines in order', () => {
    const queue = new FrameQueue(1_000);
    for (const text of ['a', 'b', 'c']) queue.log(line(text));
    expect(all(queue)).toEqual(['a', 'b', 'c']);
    expect(queue.next()).toBeUndefined();
    expect(queue.bytes).toBe(0);
  });

  it('drops the oldest lines beyond its bound, and says how many where they are missing', () => {
    const queue = new FrameQueue(40);
    for (let i = 0; i < 10; i += 1) queue.log(line(`line${i}`));
    expect(queue.bytes).toBeLessThanOrEqual(40);
    expect(all(queue)).toEqual(['{"type":"dropped","count":8}', 'line8', 'line9']);
  });

  it('counts anew after it has told', () => {
    const queue = new FrameQueue(40);
    for (let i = 0; i < 4; i += 1) queue.log(line(`line${i}`));
    const told = queue.next();
    expect(told && textOf(told)).toBe('{"type":"dropped","count":2}');
    for (let i = 4; i < 7; i += 1) queue.log(line(`line${i}`));
    expect(all(queue)).toEqual(['{"type":"dropped","count":3}', 'line5', 'line6']);
  });

  it('drops a line that is larger than all that may wait', () => {
    const queue = new FrameQueue(40);
    queue.log(line('a'));
    queue.log(line('x'.repeat(31)));
    queue.log(line('b'));
    expect(all(queue)).toEqual(['{"type":"dropped","count":2}', 'b']);
  });

  it('sends of states only the latest, and before the lines', () => {
    const queue = new FrameQueue(40);
    queue.log(line('a'));
    queue.telemetry(line('t1'));
    queue.status(line('s1'));
    queue.status(line('s2'));
    queue.telemetry(line('t2'));
    expect(all(queue)).toEqual([
      '{"type":"status","plugin":{"text":"s2"}}',
      '{"type":"telemetry","telemetry":{"text":"t2"}}',
      'a',
    ]);
  });

  it('never drops a status for want of room', () => {
    const queue = new FrameQueue(40);
    queue.status(line('s'.repeat(100)));
    for (let i = 0; i < 1_000; i += 1) queue.log(line('0123456789'));
    expect(all(queue)).toEqual([
      `{"type":"status","plugin":{"text":"${'s'.repeat(100)}"}}`,
      '{"type":"dropped","count":999}',
      '0123456789',
    ]);
  });

  it('is quick with many thousand lines', () => {
    const queue = new FrameQueue(100_000_000);
    const startedAt = performance.now();
    for (let i = 0; i < 200_000; i += 1) queue.log(line('0123456789'));
    let count = 0;
    while (queue.next()) count += 1;
    expect(count).toBe(200_000);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});
