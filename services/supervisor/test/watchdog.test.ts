import { afterEach, expect, it, vi } from 'vitest';
import { ProcessSums } from '../src/isolation/process-sums.ts';
import { Watchdog } from '../src/isolation/watchdog.ts';

afterEach(() => vi.restoreAllMocks());

it('a look for which there is no file left ends nothing, and the next one sees what it did not', async () => {
  const read = vi.spyOn(ProcessSums.prototype, 'read');
  read.mockImplementationOnce(() => {
    throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
  });
  read.mockImplementationOnce(() => new Map([['one', { memoryBytes: 0, processes: 3 }]]));
  const watchdog = new Watchdog();
  const over = new Promise((resolve) => {
    watchdog.watch('one', { pid: process.pid, maxProcesses: 2, onOver: (...told) => resolve(told) });
  });
  expect(await over).toEqual(['processes', 'it has 3 processes and threads, of which it may have 2']);
  expect(read).toHaveBeenCalledTimes(2);
});
