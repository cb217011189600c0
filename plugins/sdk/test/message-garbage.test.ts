import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { noteMessage } from '../src/host/message-garbage.ts';

type Collection = PerformanceEntry & { detail: { kind: number } };

const MiB = 1024 * 1024;

describe('noteMessage', () => {
  it('collects the youngest every 8 MiB of large messages', async () => {
    expect(await minorCollections(64, MiB)).toBeGreaterThanOrEqual(8);
  });

  it('leaves it to V8 while messages are small', async () => {
    expect(await minorCollections(64 * 1024, 1024)).toBeLessThan(8);
  });
});

async function minorCollections(messages: number, length: number): Promise<number> {
  let count = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as Collection[])
      if (entry.detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) count += 1;
  });
  observer.observe({ entryTypes: ['gc'] });
  for (let i = 0; i < messages; i += 1) noteMessage(length);
  // What was observed is told in a later turn.
  await delay(50);
  observer.disconnect();
  return count;
}
