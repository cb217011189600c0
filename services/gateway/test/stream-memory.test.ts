import { describe, expect, it } from 'vitest';
import { StreamMemory } from '../src/invoke/stream-memory.ts';

const kib = 1024;

describe('the memory of streams', () => {
  it('is 512 KiB for each as long as all have 64 MiB, and then a share of that', () => {
    const memory = new StreamMemory();
    expect(memory.windowBytes).toBe(512 * kib);
    for (let i = 0; i < 128; i += 1) memory.enter();
    expect(memory.windowBytes).toBe(512 * kib);
    for (let i = 0; i < 872; i += 1) memory.enter();
    expect(Math.floor(memory.windowBytes)).toBe(Math.floor((64 * 1024 * kib) / 1_000));
  });

  it('is never less than 16 KiB', () => {
    const memory = new StreamMemory();
    for (let i = 0; i < 10_000; i += 1) memory.enter();
    expect(memory.windowBytes).toBe(16 * kib);
  });

  it('lets as many chunks come at first as fit when they are as large as can be, and at least one', () => {
    const memory = new StreamMemory();
    expect(memory.firstWindow).toBe(2);
    for (let i = 0; i < 1_000; i += 1) memory.enter();
    expect(memory.firstWindow).toBe(1);
  });

  it('is given back once by each', () => {
    const memory = new StreamMemory();
    const leave = memory.enter();
    memory.enter();
    leave();
    leave();
    expect(memory.streams).toBe(1);
  });
});
