import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { expect, it, vi } from 'vitest';
import { takeLock } from '../lock.mjs';
import { startOf } from '../process-identity.mjs';
import { start, temporaryCheckout } from './checkout.mjs';

const { signal } = new AbortController();

/** A process that is certainly gone, as the owner of a lock. */
async function deadOwner() {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const owner = {
    token: 'dead',
    pid: child.pid,
    start: startOf(child.pid),
    host: hostname(),
    since: 'long ago',
  };
  child.kill('SIGKILL');
  await new Promise((resolve) => child.on('exit', resolve));
  return owner;
}

it('lets the second in when the first lets go', async () => {
  using checkout = temporaryCheckout();
  const file = path.join(checkout.root, 'lock');
  const letGo = await takeLock(file, { signal });
  const onWait = vi.fn();
  let entered = false;
  const second = takeLock(file, { signal, pollMs: 5, onWait }).then((release) => {
    entered = true;
    return release;
  });
  await vi.waitFor(() => expect(onWait).toHaveBeenCalledTimes(1));
  expect(entered).toBe(false);
  letGo();
  (await second)();
  expect(existsSync(file)).toBe(false);
});

it('says who holds it when the deadline passes', async () => {
  using checkout = temporaryCheckout();
  const file = path.join(checkout.root, 'lock');
  const letGo = await takeLock(file, { signal });
  const late = takeLock(file, { signal, pollMs: 5, timeoutMs: 50 });
  await expect(late).rejects.toThrow(new RegExp(`Another set-up .*process ${process.pid} `));
  letGo();
});

it('takes over from a process that was killed', async () => {
  using checkout = temporaryCheckout();
  const file = path.join(checkout.root, 'lock');
  writeFileSync(file, JSON.stringify(await deadOwner()));
  const letGo = await takeLock(file, { signal, timeoutMs: 2_000 });
  expect(JSON.parse(readFileSync(file, 'utf8')).pid).toBe(process.pid);
  letGo();
});

it('takes over when the process id now belongs to another process', async () => {
  using checkout = temporaryCheckout();
  const file = path.join(checkout.root, 'lock');
  const before = { token: 'old', pid: process.pid, start: 'earlier', host: hostname(), since: 'long ago' };
  writeFileSync(file, JSON.stringify(before));
  (await takeLock(file, { signal, timeoutMs: 2_000 }))();
});

it('believes a lock of another machine', async () => {
  using checkout = temporaryCheckout();
  const file = path.join(checkout.root, 'lock');
  writeFileSync(file, JSON.stringify({ ...(await deadOwner()), host: 'elsewhere' }));
  await expect(takeLock(file, { signal, pollMs: 5, timeoutMs: 50 })).rejects.toThrow('on elsewhere');
});

it('stops waiting when it is aborted', async () => {
  using checkout = temporaryCheckout();
  const file = path.join(checkout.root, 'lock');
  const letGo = await takeLock(file, { signal });
  const stop = new AbortController();
  const waiting = takeLock(file, { signal: stop.signal });
  stop.abort();
  await expect(waiting).rejects.toThrow(/abort/i);
  letGo();
});

it('can be stopped while another one is about to take over from a process that was killed', async () => {
  using checkout = temporaryCheckout();
  const file = path.join(checkout.root, 'lock');
  writeFileSync(file, JSON.stringify(await deadOwner()));
  writeFileSync(`${file}.breaking`, '');
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  const startedAt = performance.now();
  await expect(takeLock(file, { signal: stop.signal, pollMs: 5 })).rejects.toThrow(/abort/i);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

it('never lets two processes in, even when several find the same dead owner', async () => {
  using checkout = temporaryCheckout();
  const { root, write } = checkout;
  write('lock', JSON.stringify(await deadOwner()));
  write(
    'contend.mjs',
    `import { rmSync, writeFileSync } from 'node:fs';
    import { takeLock } from './infra/setup/lock.mjs';
    for (let i = 0; i < 20; i++) {
      const letGo = await takeLock('lock', { signal: new AbortController().signal, pollMs: 1 });
      writeFileSync('inside', '', { flag: 'wx' });
      await new Promise((resolve) => setTimeout(resolve, 1));
      rmSync('inside');
      letGo();
    }`,
  );
  const contenders = [1, 2, 3, 4].map(() => start(root, 'contend.mjs', { env: process.env }).ended);
  for (const { code, output } of await Promise.all(contenders))
    expect({ code, output }).toEqual({ code: 0, output: '' });
});
