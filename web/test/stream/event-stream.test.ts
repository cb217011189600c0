import { describe, expect, it } from 'vitest';
import { readEvents } from '../../src/lib/stream/event-stream.ts';

async function eventsOf(...pieces: (string | Uint8Array<ArrayBuffer>)[]): Promise<unknown[]> {
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      for (const piece of pieces)
        controller.enqueue(typeof piece === 'string' ? new TextEncoder().encode(piece) : piece);
      controller.close();
    },
  });
  const events: unknown[] = [];
  for await (const event of readEvents(body)) events.push(event);
  return events;
}

describe('server-sent events', () => {
  it('come in whatever pieces the connection has made of them', async () => {
    const text = 'event: chunk\nid: 0\ndata: {"text": "🦜"}\n\nevent: result\ndata: null\n\n';
    const expected = [
      { event: 'chunk', data: '{"text": "🦜"}' },
      { event: 'result', data: 'null' },
    ];
    expect(await eventsOf(text)).toEqual(expected);
    const bytes = [...new TextEncoder().encode(text)].map((byte) => Uint8Array.of(byte));
    expect(await eventsOf(...bytes)).toEqual(expected);
    expect(await eventsOf(text.replaceAll('\n', '\r\n'))).toEqual(expected);
  });

  it('have data of several lines, comments, and a name of their own when they say none', async () => {
    expect(await eventsOf(': alive\n\ndata: {\ndata:  "a": 1}\n\n')).toEqual([
      { event: 'message', data: '{\n "a": 1}' },
    ]);
  });

  it('are none without their empty line', async () => {
    expect(await eventsOf('event: chunk\ndata: 1\n\nevent: chunk\ndata: 2\n')).toEqual([
      { event: 'chunk', data: '1' },
    ]);
  });
});
