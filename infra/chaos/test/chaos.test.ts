import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ways } from '../load/ledger.ts';
import { faultKinds, planFaults } from '../plan.ts';

/** Of the first four hundred its minute has the most kinds with different victims: 21 of 22. */
const seed = 130;

describe('the plan', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(planFaults(7, 60_000)).toEqual(planFaults(7, 60_000));
    expect(planFaults(8, 60_000)).not.toEqual(planFaults(7, 60_000));
  });

  it('has in ten minutes every kind of fault with every victim, and nothing that goes on afterwards', () => {
    const faults = planFaults(1, 600_000);
    expect(new Set(faults.map(({ kind, victim }) => `${kind} ${victim}`)).size).toBe(22);
    expect(Math.max(...faults.map(({ atMs, forMs }) => atMs + forMs))).toBeLessThanOrEqual(600_000);
  });

  it('begins with one of each kind, so that a minute has them all', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const faults = planFaults(seed, 60_000);
      expect(new Set(faults.map(({ kind }) => kind)), `seed ${seed}`).toEqual(new Set(faultKinds));
      expect(new Set(faults.map(({ victim }) => victim)).size, `seed ${seed}`).toBeGreaterThanOrEqual(6);
    }
  });
});

it('breaks no rule in a minute of faults on a real mesh', { timeout: 300_000 }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'bkg-chaos-test-'));
  const log = path.join(folder, 'chaos.log');
  const program = path.join(import.meta.dirname, '../run.ts');
  const args = ['--seed', String(seed), '--minutes', '1', '--rate', '40', '--log', log];
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGTERM'));
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  // It says what was broken, and how to see it again.
  expect(code, text).toBe(0);
  const result = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as {
    ok: boolean;
    orders: { acknowledged: number };
    faults: { [kind: string]: number };
  };
  expect(result.ok).toBe(true);
  // That nothing was found must not be because nothing was done.
  expect(Object.keys(result.faults).sort()).toEqual([...faultKinds].sort());
  expect(Object.values(result.faults).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(15);
  expect(result.orders.acknowledged).toBeGreaterThan(10);
  for (const way of ways)
    expect(Number(new RegExp(`${way}: (\\d+) ok`).exec(text)?.[1]), text).toBeGreaterThan(100);
  rmSync(folder, { recursive: true });
});
