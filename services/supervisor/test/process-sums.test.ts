import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, expect, it } from 'vitest';
import { ProcessSums } from '../src/isolation/process-sums.ts';

const started: ChildProcess[] = [];
afterAll(() => {
  for (const one of started) one.kill('SIGKILL');
});

/** In a session of its own, with the id of an instance in its environment. */
async function sleeper(uid: number): Promise<number> {
  const options = {
    uid,
    gid: uid,
    detached: true,
    stdio: 'ignore',
    env: { BKG_INSTANCE_ID: 'victim' },
  } as const;
  const one = spawn('/bin/sleep', ['60'], options);
  started.push(one);
  await once(one, 'spawn');
  return one.pid ?? 0;
}

it.runIf(process.getuid?.() === 0)('who is another user does not count by saying so', async () => {
  const leader = await sleeper(50_001);
  const sums = new ProcessSums();
  const count = (): number | undefined => sums.read(new Map([[leader, 'victim']])).get('victim')?.processes;
  expect(count()).toBe(1);
  // A child that has left its session, and a stranger.
  await sleeper(50_001);
  expect(count()).toBe(2);
  await sleeper(50_002);
  expect(count()).toBe(2);
});
