import { describe, expect, it } from 'vitest';
import { answerFlaws } from '../rules/answers.ts';
import { fileFlaws } from '../rules/files.ts';
import { judgeFindings } from '../rules/findings.ts';
import { frameFlaws } from '../rules/frames.ts';
import { judgeGrowth } from '../rules/growth.ts';
import { judgeLogs } from '../rules/logs.ts';
import { judgeNeighbour } from '../rules/neighbour.ts';
import { problemFlaws } from '../rules/problems.ts';
import { replyFlaws } from '../rules/replies.ts';
import { judgeSurvival } from '../rules/survival.ts';
import { readAnswers } from '../ways/http-answer.ts';
import { readFrames } from '../ways/socket-reader.ts';

const problem = {
  type: 'urn:bkg:error:busy',
  title: 'Busy',
  status: 429,
  detail: 'All places are taken.',
  code: 'BUSY',
  retryable: true,
};
const safe =
  'X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nContent-Type: application/problem+json\r\n';
const answer = (status: number, body: string, headers = safe): string =>
  `HTTP/1.1 ${status} X\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;

describe('the rule about failures', () => {
  it('takes those of the table and those that are declared', () => {
    expect(problemFlaws(problem)).toEqual([]);
    expect(problemFlaws({ ...problem, code: 'TARGET_FAILED', status: 422 })).toEqual([]);
    expect(problemFlaws({ ...problem, code: 'PLUGIN_UNAVAILABLE', status: 503 })).toEqual([]);
  });
  it.each([
    ['no problem', 'oops', 'is no problem object'],
    ['a number of another code', { ...problem, status: 400 }, 'BUSY has the number 400'],
    ['a code of no table', { ...problem, code: 'NONSENSE' }, 'stands in no table'],
    ['a name that every object has', { ...problem, code: 'toString' }, 'stands in no table'],
    ['a 5xx of bkg', { ...problem, code: 'INTERNAL', status: 500 }, 'which no plugin has earned'],
    ['one without a member', { ...problem, retryable: undefined }, 'lacks a member'],
  ])('finds %s', (_what, value, flaw) => {
    expect(problemFlaws(value).join()).toContain(flaw);
  });
  it('lets a hostile plugin fail as it likes', () => {
    expect(problemFlaws({ ...problem, code: 'INTERNAL', status: 500 }, { isHostile: true })).toEqual([]);
    expect(problemFlaws('oops', { isHostile: true })).toHaveLength(1);
  });
});

describe('the rule about answers over HTTP', () => {
  const flawsOf = (text: string): string[] =>
    readAnswers(text, ['GET'], true).answers.flatMap((one) => answerFlaws(one, ['secret1']));
  it('takes a problem with its headers', () => {
    expect(flawsOf(answer(429, JSON.stringify(problem)))).toEqual([]);
    expect(flawsOf(answer(200, 'anything', ''))).toEqual([]);
  });
  it.each([
    ['an empty failure', answer(417, '', ''), 'no problem object'],
    [
      'a failure without headers of safety',
      answer(429, JSON.stringify(problem), ''),
      'x-content-type-options: nothing',
    ],
    ['another status in the body', answer(400, JSON.stringify(problem)), 'says in its body that it is 429'],
    ['a key in it', answer(429, JSON.stringify({ ...problem, detail: 'secret1' })), 'repeats a key'],
    ['a header of the client', answer(200, '', 'X-Injected: 1\r\n'), 'made up'],
  ])('finds %s', (_what, text, flaw) => {
    expect(flawsOf(text).join()).toContain(flaw);
  });
  it('takes several answers apart, chunks too, and tells what is none', () => {
    const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n';
    const { answers, rest } = readAnswers(`${chunked}${answer(204, '')}garbage`, ['GET', 'GET'], true);
    expect(answers.map(({ status, body }) => [status, body])).toEqual([
      [200, 'hi'],
      [204, ''],
    ]);
    expect(rest).toBe('garbage');
    const head = 'HTTP/1.1 403 X\r\nContent-Length: 9\r\n\r\n';
    const piped = readAnswers(`${head}${answer(400, '{}')}`, ['HEAD', 'HEAD'], true);
    expect(piped.answers.map(({ isHead, body }) => [isHead, body])).toEqual([
      [true, ''],
      [false, '{}'],
    ]);
    expect(piped.rest).toBe('');
  });
});

it('the rule about frames finds what no gateway sends', () => {
  expect(frameFlaws({ messages: ['{"type":"hello"}'], flaws: [] })).toEqual([]);
  expect(frameFlaws({ messages: ['{"type":"oops"}'], closeCode: 1011, flaws: [] })).toHaveLength(2);
  const masked = Buffer.from('818200000000', 'hex');
  expect(readFrames(Buffer.concat([masked.subarray(0, 2), Buffer.from('hi')])).flaws).toEqual([
    'a frame of the gateway is masked',
  ]);
  const internal = { type: 'error', problem: { ...problem, code: 'INTERNAL', status: 500 } };
  expect(frameFlaws({ messages: [JSON.stringify(internal)], flaws: [] }).join()).toContain(
    'no plugin has earned',
  );
});

it('the rule about replies looks at headers and body', () => {
  const reply = (number: number, error: string) => ({
    subject: 's',
    reply: '',
    headers: `NATS/1.0\r\nNats-Service-Error: ${error}\r\nNats-Service-Error-Code: ${number}\r\n\r\n`,
    body: JSON.stringify(problem),
  });
  expect(replyFlaws(reply(429, 'BUSY: x'))).toEqual([]);
  expect(replyFlaws(reply(400, 'BUSY: x')).join()).toContain('400 in its headers and 429 in its body');
  expect(replyFlaws(reply(429, 'ä'.repeat(300)))).toHaveLength(1);
});

it('the rule about files finds errors of the language, secrets and what takes long', () => {
  const input = { kind: 'config' as const, content: '' };
  expect(fileFlaws(input, { outcome: 'taken', ms: 1 })).toEqual([]);
  expect(fileFlaws(input, { outcome: 'refused', error: 'Error', message: 'it is no JSON', ms: 1 })).toEqual(
    [],
  );
  expect(fileFlaws(input, { outcome: 'refused', error: 'TypeError', message: 'x', ms: 1 })).toHaveLength(1);
  expect(
    fileFlaws(input, { outcome: 'refused', error: 'Error', message: 'hunter2!', ms: 19_000 }),
  ).toHaveLength(2);
});

const state = (pid: number, usedMb: number) => ({
  at: 0,
  held: [],
  invocations: [],
  processes: [
    { role: 'gateway', pid, memoryMb: 100, usedMb, files: 1, threads: 1, subscriptions: [], resources: {} },
  ],
});

it('the rules about processes find who is another, and who has grown', () => {
  expect(judgeSurvival(state(1, 20), state(1, 20)).flaws).toEqual([]);
  expect(judgeSurvival(state(1, 20), state(2, 20)).flaws).toEqual(['gateway was process 1, and is 2']);
  expect(judgeGrowth(state(1, 20), state(1, 30)).flaws).toEqual([]);
  expect(judgeGrowth(state(1, 20), state(1, 60)).flaws).toHaveLength(1);
  expect(judgeGrowth(state(1, 20), state(2, 20)).flaws).toHaveLength(1);
});

it('the rule about logs finds errors of those who should have none', () => {
  const since = '2026-01-01T00:00:00.000Z';
  const line = (level: string, more = {}): string =>
    JSON.stringify({ level, time: '2026-02-01T00:00:00.000Z', message: 'm', ...more });
  const judge = (text: string, name = 'gateway.log'): string[] => judgeLogs([{ name, text }], since).flaws;
  expect(judge(line('warn'))).toEqual([]);
  expect(judge(line('error'))).toHaveLength(1);
  expect(judge(line('error', { time: '2025-01-01T00:00:00.000Z' }))).toEqual([]);
  expect(judge(line('error', { plugin_id: 'mutant-1' }))).toEqual([]);
  const refused = { message: 'the broker refused something' };
  expect(judge(line('error', { ...refused, error: 'Publish to "_INBOX."' }))).toEqual([]);
  expect(judge(line('error', { ...refused, error: 'Publish to "_INBOX.x"' }))).toHaveLength(1);
  expect(judge(line('error'), 'spare/x')).toEqual(['nobody has written anything']);
  expect(judge('InvalidArgumentError: Uncaught')).toHaveLength(1);
});

it('the rules about the neighbour and the findings fail when nothing was done', () => {
  expect(judgeNeighbour([{ way: 'HTTP', ms: 1 }]).flaws).toEqual([]);
  expect(judgeNeighbour([{ way: 'HTTP', ms: 1, failure: 'no' }]).flaws).toHaveLength(1);
  expect(judgeNeighbour([]).flaws).toHaveLength(1);
  const campaign = { way: 'http' as const, inputs: 2, findings: [], outcomes: [] };
  expect(judgeFindings([campaign]).flaws).toEqual([]);
  expect(judgeFindings([{ ...campaign, inputs: 0 }]).flaws).toHaveLength(1);
  const finding = { way: 'http' as const, input: 'http:1', flaw: 'x took 7 ms', shown: '' };
  const again = { ...finding, input: 'http:2', flaw: 'x took 8 ms' };
  expect(judgeFindings([{ ...campaign, findings: [finding, again] }]).flaws).toHaveLength(1);
});
