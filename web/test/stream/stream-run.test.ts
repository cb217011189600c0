import { expect, it, vi } from 'vitest';
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
