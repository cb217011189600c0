import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { UsageOfInstance } from '../src/process-usage.ts';

/** A process with a thread of which comes another process, which takes so much memory. */
function startFromThread(megabytes: number): { pid: number; stop: () => void } {
  const child = `globalThis.held = Buffer.alloc(${megabytes} * 1024 * 1024, 1); process.stdin.resume().on('end', () => process.exit());`;
  const worker = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: ['pipe', 'ignore', 'ignore'] });`;
  const main = `new (require('node:worker_threads').Worker)(${JSON.stringify(worker)}, { eval: true });`;
  const started = spawn(process.execPath, ['-e', main], { stdio: 'ignore' });
  // With it the pipe to the other one ends.
  return { pid: started.pid!, stop: () => started.kill('SIGKILL') };
}

it('counts processes that were started by another thread than the first', async () => {
  const { pid, stop } = startFromThread(300);
  try {
    const usage = new UsageOfInstance(pid, { usage: () => undefined });
    await eventually(() => usage.sample().memory_mb > 300);
    expect(usage.sample().memory_mb).toBeLessThan(1_000);
  } finally {
    stop();
  }
});
