import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { streamEvents } from '../../src/lib/stream/event-stream.ts';
import type { ChunkSource } from '../../src/lib/stream/stream-run.svelte.ts';

// Runes are words of the compiler; here nobody draws, and values do.
const rune = (value: unknown) => value;
vi.stubGlobal('$state', Object.assign(rune, { raw: rune }));
vi.stubGlobal('requestAnimationFrame', (draw: () => void) => setTimeout(draw));
vi.stubGlobal('cancelAnimationFrame', clearTimeout);
const { StreamRun } = await import('../../src/lib/stream/stream-run.svelte.ts');

it('a stream that fails while it is paused says so, and is not paused any more', async () => {
  const output = Promise.withResolvers<string>();
  const source: ChunkSource = {
    invocationId: 'a',
    output: output.promise,
    cancel: () => undefined,
    async *[Symbol.asyncIterator]() {
      yield '1';
      await output.promise;
    },
  };
  const run = new StreamRun(source, performance.now());
  run.pause();
  const ended = run.take();
  await vi.waitFor(() => expect(run.chunks.count).toBe(1));
  output.reject(new Error('It is late.'));
  expect(await ended).toMatchObject({ kind: 'failed' });
  expect(run.isPaused).toBe(false);
});

describe('a stream over HTTP that is paused', () => {
  /** One chunk has come, and it is paused. */
  async function pausedRun(timeoutMs: number) {
    const answered = Promise.withResolvers<ServerResponse>();
    const server = createServer((_, answer) => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' });
      answer.write('event: chunk\ndata: 1\n\n');
      answered.resolve(answer);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const run = new StreamRun(streamEvents(url, { body: '', contentType: 'text/plain', timeoutMs }), 0);
    run.pause();
    const ended = run.take();
    await vi.waitFor(() => expect(run.chunks.count).toBe(1));
    return {
      run,
      ended,
      answer: await answered.promise,
      close: () => {
        server.closeAllConnections();
        server.close();
      },
    };
  }

  it('learns that it was cut', async () => {
    const { run, ended, answer, close } = await pausedRun(20_000);
    answer.socket?.destroy();
    expect(await ended).toMatchObject({
      kind: 'failed',
      problem: { detail: expect.stringContaining('ended in the middle') as string },
    });
    expect(run.isPaused).toBe(false);
    close();
  });

  it('learns that its time is over', async () => {
    const { ended, close } = await pausedRun(1_000);
    expect(await ended).toMatchObject({
      kind: 'failed',
      problem: { detail: 'The gateway did not answer within 1 s.' },
    });
    close();
  });
});
