import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../chaos/random.ts';
import type { Fault } from '../faults.ts';
import { complete, cutOff, unforeseen, wrong } from '../ledger.ts';
import type { Entry } from '../ledger.ts';
import { fates, kinds, newOperation, timeoutMs, ways } from '../operation.ts';
import type { Operation } from '../operation.ts';
import { hashOf, pieceOf } from '../plugins/content.ts';
import type { ProcessState, QuietState } from '../quiet.ts';
import { judgeEnds } from '../rules/ends.ts';
import { judgeLeaks } from '../rules/leaks.ts';
import { judgeMemory, riseMostMb } from '../rules/memory.ts';

const operation: Operation = {
  number: 7,
  way: 'http',
  kind: 'words',
  fate: 'complete',
  plugin: 'steady',
  content: { seed: 7, pieces: 3, bytes: 10 },
  pauseMs: 0,
  turnMs: 0,
};
const entry = (change: Partial<Entry> = {}, of: Partial<Operation> = {}): Entry => ({
  operation: { ...operation, ...of },
  invocationId: 'a'.repeat(32),
  sentAt: 100_000,
  endedAt: 101_000,
  outcome: complete,
  ...change,
});
const endsOf = (entries: Entry[], faults: Fault[] = []): string[] =>
  judgeEnds({ entries, faults, toleranceMs: () => 1_000 }).flaws;

describe('the rule of ends', () => {
  it('finds nothing wrong with an invocation that was complete', () => {
    expect(endsOf([entry()])).toEqual([]);
  });

  it.each([
    ['one that never ended', { endedAt: undefined, outcome: undefined }, /has never ended/],
    ['one that ended late', { endedAt: 100_000 + timeoutMs + 5_000 }, /ended with complete after 13\.0 s/],
    ['other content', { outcome: wrong }, /with other content/],
    [
      'an end that nobody promises',
      { outcome: unforeseen, detail: 'what' },
      /in no way that is promised: what/,
    ],
    ['a failure without a cause', { outcome: 'PLUGIN_CRASHED' }, /nothing was done to anybody/],
    ['bytes that were cut off without a cause', { outcome: cutOff }, /nothing was done to anybody/],
  ])('finds %s', (_what, change, flaw) => {
    expect(endsOf([entry(change as Partial<Entry>)])).toEqual([expect.stringMatching(flaw)]);
  });

  it('excuses what fails while a part is away, and not what fails because of a swap', () => {
    const failed = entry({ outcome: 'PLUGIN_CRASHED' });
    const fault = (kind: Fault['kind'], from: number, until: number): Fault => ({ kind, from, until });
    expect(endsOf([failed], [fault('kill gateway', 100_500, 102_000)])).toEqual([]);
    expect(endsOf([failed], [fault('kill instance', 90_000, 98_000)])).toEqual([]);
    expect(endsOf([failed], [fault('kill instance', 80_000, 90_000)])).toHaveLength(1);
    expect(endsOf([failed], [fault('kill instance', 101_500, 103_000)])).toHaveLength(1);
    expect(endsOf([failed], [fault('swap', 100_500, 102_000)])).toHaveLength(1);
  });

  it('asks of who has cancelled, is gone or stalls only for an end', () => {
    for (const fate of ['cancel', 'drop', 'stall'] as const)
      expect(endsOf([entry({ outcome: 'CANCELLED' }, { fate })])).toEqual([]);
    expect(
      endsOf([entry({ endedAt: 120_000, outcome: 'DEADLINE_EXCEEDED' }, { fate: 'stall' })]),
    ).toHaveLength(1);
  });

  it('finds that nothing was done, or never well', () => {
    expect(endsOf([])).toEqual(['nothing was invoked']);
    const cancelled = Array.from({ length: 20 }, () => entry({ outcome: 'CANCELLED' }, { fate: 'cancel' }));
    expect(endsOf(cancelled)).toEqual(['none of 20 invocations of words over http was complete']);
  });
});

const gateway: ProcessState = {
  role: 'gateway',
  pid: 1,
  memoryMb: 100,
  usedMb: 30,
  files: 20,
  threads: 7,
  subscriptions: [9],
  resources: { Timeout: 4 },
};
const quiet = (change: Partial<ProcessState> = {}, more: Partial<QuietState> = {}): QuietState => ({
  at: 0,
  processes: [{ ...gateway, ...change }],
  held: [{ plugin: 'steady', inFlight: 0, queueDepth: 0 }],
  invocations: [],
  ...more,
});

describe('the rule of leaks', () => {
  it('finds nothing where nothing is left, also after a restart', () => {
    expect(judgeLeaks(quiet(), [quiet(), quiet({ pid: 2, files: 22, subscriptions: [8] })]).flaws).toEqual(
      [],
    );
  });

  it.each([
    ['a subscription', quiet({ subscriptions: [10] }), /10 subscriptions, and had 9/],
    ['a second connection', quiet({ subscriptions: [9, 1] }), /10 subscriptions/],
    ['files', quiet({ files: 25 }), /25 files, and had 20/],
    ['threads', quiet({ threads: 12 }), /12 threads, and had 7/],
    ['timers', quiet({ resources: { Timeout: 8 } }), /8 Timeout, and had 4/],
    [
      'sockets that were not there at all',
      quiet({ resources: { TCPSocketWrap: 4 } }),
      /4 TCPSocketWrap, and had 0/,
    ],
    ['an invocation that is held', quiet({}, { invocations: ['abc'] }), /somebody holds 1 invocations: abc/],
    [
      'one that waits',
      quiet({}, { held: [{ plugin: 'steady', inFlight: 2, queueDepth: 1 }] }),
      /steady holds 2 invocations, of which 1 wait/,
    ],
    ['a process that is gone', quiet({}, { processes: [] }), /there is no gateway/],
  ])('finds %s', (_what, state, flaw) => {
    expect(judgeLeaks(quiet(), [quiet(), state]).flaws).toEqual([expect.stringMatching(flaw)]);
  });

  it('finds that it was never looked', () => {
    expect(judgeLeaks(quiet(), []).flaws).toEqual(['it was never looked']);
  });
});

describe('the rule of memory', () => {
  const states = (memories: readonly number[], change: Partial<ProcessState> = {}): QuietState[] =>
    memories.map((memoryMb, i) => quiet({ memoryMb, ...change }, { at: i * 60_000 }));
  const rising = (by: number): number[] => Array.from({ length: 10 }, (_, i) => 100 + (i * by) / 9);

  it('takes what goes up and down for level', () => {
    expect(judgeMemory(states([100, 120, 95, 118, 99, 121, 97]), 0).flaws).toEqual([]);
  });

  it('finds a line that rises, of what is resident and of what is in use', () => {
    expect(judgeMemory(states(rising(riseMostMb.memoryMb)), 0).flaws).toEqual([]);
    const resident = judgeMemory(states(rising(riseMostMb.memoryMb + 1)), 0).flaws;
    expect(resident).toEqual([
      expect.stringMatching(/gateway \(process 1\): .* resident .* rises by 33\.0 MB/),
    ]);
    const used = rising(riseMostMb.usedMb + 1).map((usedMb, i) => quiet({ usedMb }, { at: i * 60_000 }));
    expect(judgeMemory(used, 0).flaws).toEqual([expect.stringMatching(/in use .* rises by 7\.0 MB/)]);
  });

  it('does not look at the first half, nor at who was not there all the time, nor at too few quiets', () => {
    const grown = states([0, 50, 100, 100, 100, 100, 100, 100]);
    expect(judgeMemory(grown, 120_000).flaws).toEqual([]);
    const replaced = [...states([0, 40, 80]), ...states([120, 160, 200], { pid: 2 })];
    expect(judgeMemory(replaced, 0).flaws).toEqual([]);
    expect(judgeMemory(states([0, 50, 100, 150]), 0).flaws).toEqual([]);
  });
});

describe('what is invoked', () => {
  it('is the same for the same seed, and of every way, kind and fate', () => {
    const some = (seed: number): Operation[] => {
      const random = seededRandom(seed);
      return Array.from({ length: 400 }, (_, i) => newOperation(random, i));
    };
    expect(some(1)).toEqual(some(1));
    expect(some(2)).not.toEqual(some(1));
    for (const [all, pick] of [
      [ways, (one: Operation) => one.way],
      [kinds, (one: Operation) => one.kind],
      [fates, (one: Operation) => one.fate],
    ] as const)
      expect(new Set(some(1).map(pick))).toEqual(new Set(all));
    // Bytes are no JSON.
    expect(some(1).some(({ way, kind }) => way === 'ws' && (kind === 'bytes' || kind === 'take'))).toBe(
      false,
    );
  });

  it('has content that no other has', () => {
    const content = { seed: 1, pieces: 2, bytes: 100 };
    expect(pieceOf(content, 0)).toHaveLength(100);
    const hashes = [content, { ...content, seed: 2 }, { ...content, pieces: 3 }].map(hashOf);
    expect(new Set(hashes).size).toBe(3);
    expect(hashOf(content)).toBe(hashes[0]);
  });
});
