import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';
import { outcomeOfOutput, outcomeOfProblem } from './load/outcome.ts';
import { Phase } from './load/phase.ts';
import { bounds, flawsOf, recoveredAfter } from './report.ts';
import { questions } from './witness.ts';

const second = (change = {}) => ({ sent: 200, heldBack: 0, ok: 200, p50: 22, ...change });
const calm = (seconds, change = {}) => ({
  seconds,
  sent: seconds * 200,
  heldBack: 0,
  missed: 0,
  outcomes: { ok: seconds * 200 },
  p50: 22,
  p99: 30,
  bySecond: Array.from({ length: seconds }, () => second()),
  lateMostMs: 1,
  ...change,
});
const overload = (outcomes = { ok: 4_000, BUSY: 36_000 }, change = {}) =>
  calm(10, {
    sent: Object.values(outcomes).reduce((sum, count) => sum + count, 0),
    outcomes,
    p99: 100,
    ...change,
  });
const asked = (change = {}) =>
  Object.fromEntries(
    questions.map((question) => [
      question,
      { count: 50, p50: 5, p99: 20, most: 30, failures: [], ...change[question] },
    ]),
  );
const followed = (change = {}) => ({
  shownMs: [100, 900],
  orderMs: [500, 900],
  failures: [],
  heartbeats: 5,
  longestGapMs: 2_200,
  lost: 0,
  ...change,
});
const level = { gateway: 20, 'nats-server': 5, supervisor: 5, plugin: 10 };
const resultOf = (change = {}) => ({
  part: 'work',
  way: 'http',
  sustainable: 400,
  meant: 4_000,
  before: calm(5),
  overload: overload(),
  after: calm(10),
  asked: asked(),
  followed: followed(),
  memory: { before: level, growth: level },
  growthAtHalf: level,
  ...change,
});

describe('the report', () => {
  it('finds nothing wrong where all is as promised', () => {
    expect(flawsOf(resultOf())).toEqual([]);
    const rate = { part: 'rate', way: 'nats', sustainable: 100, meant: 1_000 };
    expect(flawsOf(resultOf({ ...rate, overload: overload({ ok: 1_000, RATE_LIMITED: 9_000 }) }))).toEqual(
      [],
    );
    // Of an echo less can be offered than is meant, and all of it may be answered.
    const echo = { part: 'echo', way: 'ws', sustainable: 5_000, meant: 50_000 };
    expect(flawsOf(resultOf({ ...echo, overload: overload({ ok: 45_000 }) }))).toEqual([]);
  });

  it.each([
    [
      'a plugin that does less than it is configured to',
      { sustainable: 300, meant: 3_000 },
      /300\/s, and is configured to do 400\/s/,
    ],
    [
      'that too little was offered',
      { overload: overload({ ok: 4_000, BUSY: 15_000 }) },
      /only 1900\/s of 4000\/s could be offered/,
    ],
    ['that nothing was refused', { overload: overload({ ok: 40_000 }) }, /nothing was refused with BUSY/],
    [
      'an end that nobody promises',
      { overload: overload({ ok: 4_000, BUSY: 36_000, DEADLINE_EXCEEDED: 3 }) },
      /3 invocations ended with DEADLINE_EXCEEDED$/,
    ],
    [
      'a refusal that is for something else',
      { overload: overload({ ok: 4_000, BUSY: 36_000, RATE_LIMITED: 1 }) },
      /1 invocations ended with RATE_LIMITED$/,
    ],
    [
      'a connection that was cut',
      { overload: overload({ ok: 4_000, BUSY: 36_000, 'no answer: ECONNRESET': 1 }) },
      /1 invocations ended with no answer: ECONNRESET$/,
    ],
    [
      'that too little was admitted',
      { overload: overload({ ok: 3_100, BUSY: 36_900 }) },
      /310\/s were admitted of 400\/s/,
    ],
    [
      'that what was admitted took too long',
      { overload: overload(undefined, { p99: bounds.admittedP99Most + 1 }) },
      /the p99 of what is admitted is 2001 ms/,
    ],
    [
      'a question that failed',
      { asked: asked({ '/livez': { failures: ['it answered 503'] } }) },
      /meanwhile \/livez failed: it answered 503/,
    ],
    ['a slow page', { asked: asked({ '/': { p99: 1_001 } }) }, /the p99 of \/ was 1001 ms/],
    [
      'a question that nobody asked',
      { asked: asked({ neighbour: { count: 0, p99: NaN } }) },
      /p99 of neighbour was NaN/,
    ],
    ['an order that failed', { followed: followed({ failures: ['stop: no'] }) }, /an order failed: stop: no/],
    [
      'that nothing was ordered',
      { followed: followed({ orderMs: [], shownMs: [] }) },
      /nothing could be ordered/,
    ],
    [
      'a state that is shown late',
      { followed: followed({ shownMs: [5_001] }) },
      /on \/ws only 5001 ms after/,
    ],
    ['a socket that was gone', { followed: followed({ lost: 1 }) }, /was gone 1 times/],
    [
      'heartbeats that do not come',
      { followed: followed({ longestGapMs: 10_001 }) },
      /and none for 10001 ms/,
    ],
    [
      'a process that grows',
      {
        memory: { before: level, growth: { ...level, gateway: 257 } },
        growthAtHalf: { ...level, gateway: 250 },
      },
      /gateway has grown by 257 MB/,
    ],
    [
      'one that goes on growing',
      { memory: { before: level, growth: { ...level, plugin: 75 } } },
      /plugin went on growing: by 10 MB in the first half, by 75 in all/,
    ],
    [
      'one that has ended',
      {
        memory: { before: level, growth: { ...level, plugin: NaN } },
        growthAtHalf: { ...level, plugin: 300 },
      },
      /plugin has grown by NaN MB/,
    ],
    [
      'what failed before',
      { before: calm(5, { outcomes: { ok: 990, BUSY: 10 } }) },
      /10 of 1000 failed before/,
    ],
    [
      'that it does not recover',
      { after: calm(10, { bySecond: [...Array.from({ length: 9 }, () => second()), second({ ok: 199 })] }) },
      /5 s later half of what it can do did not all succeed/,
    ],
    [
      'that it is slower afterwards',
      { after: calm(10, { bySecond: Array.from({ length: 10 }, () => second({ p50: 38.1 })) }) },
      /the p50 is 38 ms, and was 22 ms before/,
    ],
  ])('finds %s', (_what, change, flaw) => {
    expect(flawsOf(resultOf(change)).filter((text) => flaw.test(text))).toHaveLength(1);
  });

  it('says from which second on all succeed', () => {
    const bad = [second({ ok: 0 }), second({ ok: 150 })];
    expect(recoveredAfter({ bySecond: [...bad, second(), second({ heldBack: 5 }), second()] })).toBe(4);
    // A moment in which the machine stood still.
    expect(recoveredAfter({ bySecond: [...bad, second(), second({ heldBack: 4 }), second()] })).toBe(
      bad.length,
    );
    expect(recoveredAfter({ bySecond: [second(), second()] })).toBe(0);
    expect(recoveredAfter({ bySecond: bad })).toBeNaN();
    expect(flawsOf(resultOf({ after: calm(10, { bySecond: bad }) }))).not.toEqual([]);
  });
});

describe('what became of an invocation', () => {
  const problem = { code: 'RATE_LIMITED', status: 429, retryable: true, detail: 'try again in 0.5 s' };

  it('is a success only with the own answer', () => {
    expect(outcomeOfOutput({ text: 'a' }, 'a')).toBe('ok');
    for (const output of [{ text: 'b' }, null, 'a'])
      expect(outcomeOfOutput(output, 'a')).toMatch(/^not as promised/);
  });

  it('is a refusal only as the table of errors has it', () => {
    expect(outcomeOfProblem(problem, 429, true)).toBe('RATE_LIMITED');
    expect(outcomeOfProblem({ ...problem, code: 'BUSY' }, undefined, false)).toBe('BUSY');
    for (const [value, status, saysWhen] of [
      [problem, 429, false],
      [problem, 503, true],
      [{ ...problem, status: 503 }, 503, true],
      [{ ...problem, retryable: false }, 429, true],
      [{ message: 'no' }, 500, true],
    ])
      expect(outcomeOfProblem(value, status, saysWhen)).toMatch(/^not as promised/);
  });
});

it('a phase sends no more than there is room for, and begins the next before all is answered', async () => {
  const answers = [];
  const caller = { call: () => new Promise((resolve) => answers.push(resolve)) };
  const phase = new Phase(caller, { perSecond: 200, mostUnderWay: 3, seconds: 0.2 });
  await phase.sent;
  expect(answers).toHaveLength(3);
  for (const answer of answers) answer('BUSY');
  const { sent, heldBack, outcomes } = await phase.result();
  expect({ sent, outcomes }).toEqual({ sent: 3, outcomes: { BUSY: 3 } });
  expect(heldBack).toBeGreaterThan(0);
});

it(
  'a plugin that has too much to do refuses as it is promised, and goes on',
  { timeout: 300_000 },
  async () => {
    const some = ['--parts', 'work,rate', '--ways', 'http,ws'];
    const options = [...some, '--seconds', '1', '--connections', '256', '--json'];
    const { text, result } = await runToLastLine(path.join(import.meta.dirname, 'run.ts'), options);
    expect(result, text).toBeDefined();
    expect(result.results).toHaveLength(4);
    // How much and how fast says little while other tests run; what was answered is sure.
    for (const { part, overload: offered, after, asked: answers, followed: seen } of result.results) {
      const refusal = part === 'work' ? 'BUSY' : 'RATE_LIMITED';
      expect(Object.keys(offered.outcomes).sort(), text).toEqual([refusal, 'ok'].sort());
      for (const { count, failures } of Object.values(answers)) {
        expect(count).toBeGreaterThan(0);
        expect(failures).toEqual([]);
      }
      expect(seen).toMatchObject({ failures: [], lost: 0 });
      expect(seen.shownMs.length).toBeGreaterThan(0);
      const later = after.bySecond.slice(5);
      const count = (of) => later.reduce((sum, one) => sum + of(one), 0);
      expect(
        count((one) => one.ok),
        text,
      ).toBeGreaterThan(count((one) => one.sent) / 2);
    }
  },
);
