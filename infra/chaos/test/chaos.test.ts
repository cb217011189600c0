import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { falseClaims } from '../claims.ts';
import type { Shown } from '../claims.ts';
import { unforeseen } from '../load/ledger.ts';
import type { Call, CallKind } from '../load/ledger.ts';
import type { Outage } from '../outages.ts';
import { planFaults } from '../plan.ts';
import type { MeshProcess } from '../processes.ts';
import { Promised } from '../promises.ts';
import { judgeAnswers } from '../rules/answers.ts';
import { judgeConfiguration } from '../rules/configuration.ts';
import type { ConfigurationEvidence } from '../rules/configuration.ts';
import { judgeExecutions } from '../rules/executions.ts';
import { judgeProcesses } from '../rules/processes.ts';
import type { ProcessEvidence } from '../rules/processes.ts';
import type { InstanceTruth } from '../truth.ts';

const toleranceMs = (): number => 0;

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
});

describe('what is shown of an instance', () => {
  const shown: Shown = {
    id: 'echo',
    status: 'running',
    instances: [{ instance: 'a', status: 'running' }],
  };
  const claimsOf = (
    at: number,
    truth: Partial<InstanceTruth>,
    outages: Partial<Outage>[] = [],
    plugin: Partial<Shown> = {},
  ): number =>
    falseClaims({ ...shown, ...plugin }, at, {
      truth: new Map([['a', { hung: [], ...truth } as InstanceTruth]]),
      outages: outages as Outage[],
      toleranceMs,
    }).length;

  it('must not be "running" three seconds after its end', () => {
    expect([3_999, 4_001].map((at) => claimsOf(at, { goneAt: 1_000 }))).toEqual([0, 1]);
    expect(claimsOf(9_000, { goneAt: 1_000 }, [], { unknown_since: 'then' })).toBe(0);
  });

  it('must not be "running" when it has stood still for ten seconds', () => {
    const hung = [{ from: 1_000, until: 16_000 }];
    expect([10_999, 11_001, 16_001].map((at) => claimsOf(at, { hung }))).toEqual([0, 1, 0]);
  });

  it('has its time again from the return of a part, and is to be marked as unknown while that is away', () => {
    const away = [{ part: 'supervisor' as const, from: 1_500, until: 12_000 }];
    const at = [7_000, 8_000, 12_500, 15_500];
    expect(at.map((one) => claimsOf(one, { goneAt: 1_000 }, away))).toEqual([0, 1, 0, 1]);
  });

  it('must be one of the five words, and what its instances make of it', () => {
    expect(claimsOf(0, {}, [], { status: 'odd' as Shown['status'] })).toBe(2);
    expect(claimsOf(0, {}, [], { status: 'error' })).toBe(1);
    expect(claimsOf(0, {})).toBe(0);
  });
});

describe('the rules', () => {
  const kind: CallKind = {
    plugin: 'echo',
    capability: 'once',
    idempotent: false,
    leastMs: 0,
    mostMs: 0,
    timeoutMs: 2_000,
  };
  const call = (more: Partial<Call> = {}): Call => ({
    number: 0,
    way: 'http',
    kind,
    sentAt: 0,
    endedAt: 2_400,
    outcome: 'ok',
    answers: 1,
    ...more,
  });
  const answers = (one: Call, outages: Partial<Outage>[] = []): number =>
    judgeAnswers({ calls: [one], outages: outages as Outage[], toleranceMs, skipped: 0 }).flaws.length;

  it('find an invocation that had no answer, a late one, two, or one that is none', () => {
    expect(answers(call())).toBe(0);
    const { endedAt: _, ...silent } = call();
    const wrong = [silent, call({ endedAt: 2_600 }), call({ answers: 2 }), call({ outcome: unforeseen })];
    expect(wrong.map((one) => answers(one))).toEqual([1, 1, 1, 1]);
  });

  it('do not count the time in which the gateway itself was stopped, for who has asked it', () => {
    const stopped = [{ part: 'gateway' as const, from: 1_000, faultUntil: 9_000 }];
    expect(answers(call({ endedAt: 11_400 }), stopped)).toBe(0);
    expect(answers(call({ endedAt: 11_600 }), stopped)).toBe(1);
    expect(answers(call({ endedAt: 11_400, way: 'nats' }), stopped)).toBe(1);
  });

  it('find what was executed too often, or answered without having been executed', () => {
    const flaws = (count: number, idempotent: boolean): number =>
      judgeExecutions([call({ kind: { ...kind, idempotent } })], new Map([[0, count]])).flaws.length;
    expect([1, 2].map((count) => flaws(count, false))).toEqual([0, 1]);
    expect([2, 3].map((count) => flaws(count, true))).toEqual([0, 1]);
    expect(judgeExecutions([call()], new Map()).flaws).toHaveLength(1);
  });

  it('find a configuration that was acknowledged and is not there', () => {
    const evidence = (counter: number | undefined, kept: number[]): number => {
      const counters = new Promised('echo: counter', undefined);
      counters.order(1).isAcknowledged = true;
      counters.order(2);
      const config = (of: number | undefined) => ({ settings: { counter: of }, env: {}, replicas: 2 });
      return judgeConfiguration({
        plugins: [{ id: 'echo', version: '1.0.0', config: config(counter) }],
        counters: new Map([['echo', counters]]),
        versions: new Map(),
        replicas: new Promised('echo: replicas', 2),
        written: [{ plugin: 'echo', revision: 5, counter: 1 }],
        history: new Map([
          ['echo', new Map(kept.map((revision) => [revision, config(revision === 5 ? 1 : 0)]))],
        ]),
      } as unknown as ConfigurationEvidence).flaws.length;
    };
    expect([1, 2, undefined].map((counter) => evidence(counter, [4, 5]))).toEqual([0, 0, 1]);
    expect(evidence(1, [4, 6])).toBe(1);
    // What is older than all that is kept is not missed.
    expect(evidence(1, [6])).toBe(0);
  });

  it('find a process that nobody knows, one that is missing, and one that is there twice', () => {
    const process = (pid: number, more: Partial<MeshProcess> = {}): MeshProcess => ({
      pid,
      start: '1',
      parent: 1,
      isLeader: true,
      isZombie: false,
      command: 'node',
      ...more,
    });
    const ids = ['echo', 'writer', 'plain'];
    const whole: ProcessEvidence = {
      upPid: 1,
      partPids: { supervisor: 2, gateway: 3, 'nats-server': 4 },
      processes: [
        process(1),
        ...['supervisor', 'gateway', 'nats-server'].map((part, i) => process(i + 2, { part })),
        ...ids.map((plugin, i) => process(i + 5, { plugin, instance: plugin })),
      ],
      plugins: ids.map((id, i) => ({
        id,
        status: 'running',
        config: { replicas: 1 },
        instances: [{ instance: id, status: 'running', pid: i + 5 }],
      })) as unknown as ProcessEvidence['plugins'],
    };
    const flaws = (processes: MeshProcess[]): number => judgeProcesses({ ...whole, processes }).flaws.length;
    const all = [...whole.processes];
    expect(flaws(all)).toBe(0);
    expect(flaws(all.slice(1, -1))).toBe(1);
    expect(flaws(all.filter(({ part }) => part !== 'gateway'))).toBe(1);
    expect(flaws([...all, process(9, { part: 'gateway' })])).toBe(1);
    expect(flaws([...all, process(9, { plugin: 'echo', instance: 'x' })])).toBe(2);
    expect(flaws([...all, process(9, { isZombie: true, parent: 2 })])).toBe(1);
  });
});

it('breaks no rule in half a minute of faults on a real mesh', { timeout: 240_000 }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'bkg-chaos-test-'));
  const log = path.join(folder, 'chaos.log');
  const program = path.join(import.meta.dirname, '../run.ts');
  const args = ['--seed', '12', '--minutes', '0.5', '--rate', '40', '--log', log];
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  // It says what was broken, and how to see it again.
  expect(code, text).toBe(0);
  const result = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as {
    isGood: boolean;
    orders: { acknowledged: number };
    faults: { [kind: string]: number };
  };
  expect(result.isGood).toBe(true);
  // That nothing was found must not be because nothing was done.
  expect(Object.values(result.faults).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(4);
  expect(result.orders.acknowledged).toBeGreaterThan(4);
  expect(Number(/(\d+) ok/.exec(text)?.[1])).toBeGreaterThan(100);
  rmSync(folder, { recursive: true });
});
