import { describe, expect, it } from 'vitest';
import { connectionLost, unforeseen } from '../load/ledger.ts';
import type { Call, CallKind } from '../load/ledger.ts';
import type { Outage } from '../outages.ts';
import type { MeshProcess } from '../processes.ts';
import { Promised } from '../promises.ts';
import { judgeAnswers } from '../rules/answers.ts';
import type { AnswerEvidence } from '../rules/answers.ts';
import { judgeConfiguration } from '../rules/configuration.ts';
import type { ConfigurationEvidence } from '../rules/configuration.ts';
import { judgeExecutions } from '../rules/executions.ts';
import { judgeProcesses } from '../rules/processes.ts';
import type { ProcessEvidence } from '../rules/processes.ts';
import { judgeStates } from '../rules/states.ts';
import type { StateEvidence } from '../rules/states.ts';
import type { InstanceTruth } from '../truth.ts';

const toleranceMs = (): number => 0;

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
  const nothing: AnswerEvidence = { calls: [], calmFrom: Infinity, outages: [], toleranceMs, skipped: 0 };
  const answers = (one: Call, outages: Partial<Outage>[] = [], calmFrom = Infinity): number =>
    judgeAnswers({ ...nothing, calls: [one], outages: outages as Outage[], calmFrom }).flaws.length;

  it('find an invocation that had no answer, a late one, two, or one that is none', () => {
    expect(answers(call())).toBe(0);
    const { endedAt: _, ...silent } = call();
    const wrong = [silent, call({ endedAt: 2_600 }), call({ answers: 2 }), call({ outcome: unforeseen })];
    expect(wrong.map((one) => answers(one))).toEqual([1, 1, 1, 1]);
  });

  it('do not count the time in which the gateway itself was stopped, for who has asked it', () => {
    const stopped = [{ part: 'gateway' as const, kind: 'stop' as const, from: 1_000, faultUntil: 9_000 }];
    // Its deadline, after the eight seconds and two to catch up.
    expect(answers(call({ endedAt: 13_400 }), stopped)).toBe(0);
    expect(answers(call({ endedAt: 13_600 }), stopped)).toBe(1);
    expect(answers(call({ endedAt: 11_400, way: 'nats' }), stopped)).toBe(1);
    // One that is cut off from the broker can say so.
    expect(answers(call({ endedAt: 11_400 }), [{ ...stopped[0], kind: 'partition' }])).toBe(1);
  });

  it('find a connection that was lost though nothing was done to the gateway', () => {
    const lost = call({ sentAt: 5_000, endedAt: 6_000, outcome: connectionLost });
    const away = (from: number, until: number): Partial<Outage>[] => [
      { part: 'gateway', kind: 'kill', from, faultUntil: from, until },
    ];
    expect(answers(lost)).toBe(1);
    expect(answers(lost, away(5_500, 9_000))).toBe(0);
    expect(answers(lost, away(1_000, 5_500))).toBe(0);
    expect([away(1_000, 4_000), away(6_500, 9_000)].map((one) => answers(lost, one))).toEqual([1, 1]);
    expect(answers(lost, [{ ...away(5_500, 9_000)[0], part: 'supervisor' }])).toBe(1);
    expect(answers(lost, [{ ...away(5_500, 9_000)[0], kind: 'partition' }])).toBe(1);
  });

  it('let nothing fail when all is well again', () => {
    const failed = call({ sentAt: 5_000, endedAt: 5_001, outcome: 'PLUGIN_UNAVAILABLE' });
    expect([5_001, 5_000].map((calmFrom) => answers(failed, [], calmFrom))).toEqual([0, 1]);
    expect(answers(call(), [], 0)).toBe(0);
    const late = call({ outcome: 'DEADLINE_EXCEEDED' });
    const lateOn = (lateMs: number): number =>
      judgeAnswers({ ...nothing, calls: [late], calmFrom: 0, toleranceMs: () => lateMs }).flaws.length;
    expect([0, 2_000, 2_001].map(lateOn)).toEqual([1, 1, 0]);
  });

  it('find that nothing was invoked, nothing ever answered, or little begun', () => {
    const flaws = (calls: Call[], skipped = 0): number =>
      judgeAnswers({ ...nothing, calls, skipped }).flaws.length;
    const refused = Array.from({ length: 50 }, () => call({ outcome: 'PLUGIN_UNAVAILABLE' }));
    expect(flaws([])).toBe(1);
    expect([refused, refused.slice(1), [...refused, call()]].map((calls) => flaws(calls))).toEqual([1, 0, 0]);
    // Another way, and another plugin, say nothing of it.
    expect(flaws([...refused, call({ way: 'ws' })])).toBe(1);
    expect(flaws([...refused, call({ kind: { ...kind, plugin: 'writer' } })])).toBe(1);
    expect(
      [1, 2].map((skipped) =>
        flaws(
          Array.from({ length: 4 }, () => call()),
          skipped,
        ),
      ),
    ).toEqual([0, 1]);
  });

  it('find states that nobody was shown or could be sure of, and an instance that never was', () => {
    const seen: StateEvidence = {
      wrong: [],
      looks: { socket: 1, http: 1, registry: 1 },
      nothing: { socket: 0, http: 0, registry: 0 },
      states: { running: 1, 'running, unknown': 1 },
      running: new Map([['a', 'http: echo']]),
      truth: new Map([['a', {} as InstanceTruth]]),
    };
    const flaws = (more: Partial<StateEvidence>): number => judgeStates({ ...seen, ...more }).flaws.length;
    expect(flaws({})).toBe(0);
    expect(flaws({ wrong: ['it is not so'] })).toBe(1);
    expect(flaws({ looks: { socket: 0, http: 1, registry: 0 } })).toBe(2);
    expect(flaws({ states: { 'running, unknown': 9 } })).toBe(1);
    expect(flaws({ states: {} })).toBe(1);
    expect(flaws({ truth: new Map() })).toBe(1);
  });

  it('find what was executed too often, or answered without having been executed', () => {
    const flaws = (count: number, idempotent: boolean): number =>
      judgeExecutions([call({ kind: { ...kind, idempotent } })], new Map([[0, count]])).flaws.length;
    expect([1, 2].map((count) => flaws(count, false))).toEqual([0, 1]);
    expect([2, 3].map((count) => flaws(count, true))).toEqual([0, 1]);
    expect(judgeExecutions([call()], new Map()).flaws).toHaveLength(1);
    for (const idempotent of [false, true]) {
      const refused = [call({ kind: { ...kind, idempotent }, outcome: 'PLUGIN_UNAVAILABLE' })];
      const found = [0, 1].map((count) => judgeExecutions(refused, new Map([[0, count]])).flaws.length);
      expect(found).toEqual([0, 1]);
    }
    expect(judgeExecutions([call({ outcome: 'DEADLINE_EXCEEDED' })], new Map([[0, 1]])).flaws).toEqual([]);
  });

  describe('of the configuration', () => {
    const config = (revision: number, counter: number | undefined) => ({
      id: 'echo',
      revision,
      settings: { counter },
      env: {},
      replicas: 2,
    });
    const kept = (...revisions: { revision: number; counter: number; by?: string }[]) => {
      const entry = ({ revision, counter, by = 'chaos' }: (typeof revisions)[number]) => ({
        revision,
        by,
        why: by === 'supervisor' ? 'the configure failed' : '',
        config: config(revision, counter),
      });
      return new Map([['echo', new Map(revisions.map((one) => [one.revision, entry(one)]))]]);
    };
    const whole = kept({ revision: 4, counter: 0 }, { revision: 5, counter: 1 });
    const flaws = (
      revision: number,
      counter: number | undefined,
      history: ReturnType<typeof kept>,
      more: Partial<ConfigurationEvidence> = {},
    ): number => {
      const counters = new Promised('echo: counter', undefined);
      counters.order(1).isAcknowledged = true;
      counters.order(2);
      return judgeConfiguration({
        plugins: [{ id: 'echo', version: '1.0.0', config: config(revision, counter) }],
        counters: new Map([['echo', counters]]),
        versions: new Map(),
        replicas: new Promised('echo: replicas', 2),
        written: [{ plugin: 'echo', revision: 5, counter: 1 }],
        history,
        ...more,
      } as unknown as ConfigurationEvidence).flaws.length;
    };

    it('find one that was acknowledged and is not there', () => {
      expect(flaws(5, 1, whole)).toBe(0);
      // Perhaps the order after it was carried out.
      expect(flaws(6, 2, kept({ revision: 5, counter: 1 }, { revision: 6, counter: 2 }))).toBe(0);
      expect(flaws(4, 0, kept({ revision: 4, counter: 0 }))).toBe(2);
      expect(flaws(6, 0, kept({ revision: 5, counter: 1 }, { revision: 6, counter: 0 }))).toBe(1);
      expect(flaws(5, 1, kept({ revision: 4, counter: 1 }, { revision: 6, counter: 1 }))).toBe(2);
      expect(flaws(5, 1, whole, { plugins: [] })).toBe(1);
      expect(flaws(5, 1, whole, { written: [] })).toBe(1);
    });

    it('do not miss what is older than all that is kept, when something is', () => {
      expect(flaws(6, 1, kept({ revision: 6, counter: 1 }))).toBe(0);
      expect(flaws(5, 1, new Map())).toBe(1);
    });

    it('let the supervisor take one back to what was before, as far as the history says so', () => {
      const before = [
        { revision: 4, counter: 0 },
        { revision: 5, counter: 1 },
      ];
      const after = (counter: number, by?: string) =>
        kept(...before, { revision: 6, counter, ...(by && { by }) });
      expect(flaws(6, 0, after(0, 'supervisor'))).toBe(0);
      expect(flaws(6, 0, after(0))).toBe(1);
      expect(flaws(6, 7, after(7, 'supervisor'))).toBe(1);
      // What is in force is not what the history ends with.
      expect(flaws(5, 1, after(0, 'supervisor'))).toBe(1);
      expect(flaws(6, 1, after(0, 'supervisor'))).toBe(1);
    });
  });

  it('let be what was ordered last and perhaps not heard, but not what was refused', () => {
    const promised = new Promised('echo: counter', 0);
    promised.order(1).isAcknowledged = true;
    promised.order(2).isRefused = true;
    promised.order(3);
    expect(promised.allowed).toEqual([1, 3]);
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
    expect(flaws(all.slice(0, -1))).toBe(1);
    expect(flaws(all.slice(1))).toBe(1);
    expect(flaws([])).toBe(7);
    expect(flaws(all.filter(({ part }) => part !== 'gateway'))).toBe(1);
    expect(flaws([...all, process(9, { part: 'gateway' })])).toBe(1);
    expect(flaws([...all, process(9, { plugin: 'echo', instance: 'x' })])).toBe(2);
    expect(flaws([...all, process(9, { isZombie: true, parent: 2 })])).toBe(1);
  });
});
