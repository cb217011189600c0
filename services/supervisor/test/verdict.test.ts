import { describe, expect, it } from 'vitest';
import { seconds } from '../src/seconds.ts';
import { endedByHeap, judge } from '../src/verdict.ts';
import type { LastMoments } from '../src/verdict.ts';

const moments = (more: Partial<LastMoments>): LastMoments => ({
  ending: { how: 'exit', code: 0 },
  askedToStop: true,
  startTimeoutMs: 30_000,
  maxMemoryMb: 150,
  graceMs: 10_000,
  uselessMs: 30_000,
  ...more,
});

describe('an instance that was asked to stop', () => {
  it.each([
    [{ how: 'exit', code: 0 }, 'ended with code 0'],
    // A program without a handler ends by the very signal it was sent, one behind a shell with 128 + 15.
    [{ how: 'signal', signal: 'SIGTERM' }, 'ended by SIGTERM'],
    [{ how: 'exit', code: 143 }, 'ended with code 143'],
    [{ how: 'unknown' }, 'ended'],
  ] as const)('is stopped after %j', (ending, text) => {
    expect(judge(moments({ ending }))).toEqual({ status: 'stopped', text, ended: 'stopped' });
  });

  it.each([
    [{ ending: { how: 'exit', code: 1 } }, 'ended with code 1'],
    [{ ending: { how: 'signal', signal: 'SIGSEGV' } }, 'ended by SIGSEGV'],
    [
      { ending: { how: 'signal', signal: 'SIGKILL' }, killed: 'grace over' },
      'did not end within 10 s after SIGTERM and was killed',
    ],
  ] as const)('has failed after %j', (more, text) => {
    expect(judge(moments(more))).toMatchObject({ status: 'error', text, ended: 'crashed' });
  });

  it('is not blamed for a child that the system has killed meanwhile', () => {
    expect(judge(moments({ memory: 'system' }))).toMatchObject({ status: 'stopped', ended: 'stopped' });
  });
});

describe('an instance that nobody asked to stop has failed', () => {
  it.each([
    [{ ending: { how: 'exit', code: 0 } }, 'crashed', 'ended with code 0 although nobody had asked it to'],
    [{ ending: { how: 'signal', signal: 'SIGKILL' } }, 'crashed', 'ended by SIGKILL'],
    [{ ending: { how: 'exit', code: 1 }, said: 'no model' }, 'crashed', 'ended with code 1: no model'],
    [
      { ending: { how: 'not started', error: 'there is no program x that can be run' } },
      'not_started',
      'could not be started (there is no program x that can be run)',
    ],
    [
      { ending: { how: 'unknown' } },
      'crashed',
      'ended; how is not known, because an earlier supervisor had started it',
    ],
    [
      { ending: { how: 'signal', signal: 'SIGKILL' }, killed: 'not ready' },
      'not_ready',
      'was not ready within 30 s and was killed',
    ],
    [
      { ending: { how: 'signal', signal: 'SIGKILL' }, killed: 'silent' },
      'silent',
      'gave no sign of life for 30 s and was killed',
    ],
    [
      { ending: { how: 'signal', signal: 'SIGKILL' }, killed: 'failing', said: 'no places' },
      'silent',
      'said for 30 s that it had failed, and was killed: no places',
    ],
    [
      {
        ending: { how: 'signal', signal: 'SIGKILL' },
        killed: 'over its limits',
        tooMany: 'had 300 processes',
      },
      'crashed',
      'had 300 processes and was killed',
    ],
  ] as const)('after %j', (more, verdict, text) => {
    const expected = { status: 'error', text, verdict, ended: 'crashed' };
    expect(judge(moments({ askedToStop: false, ...more }))).toEqual(expected);
  });
});

describe('an instance that was killed for its memory', () => {
  it.each([
    [
      { ending: { how: 'signal', signal: 'SIGKILL' }, memory: 'system' },
      'wanted more than its 150 MB (max_memory_mb) and was killed by the system',
    ],
    [
      // A watch of a supervisor that had not started it.
      { ending: { how: 'unknown' }, memory: 'system' },
      'wanted more than its 150 MB (max_memory_mb) and was killed by the system',
    ],
    [
      { ending: { how: 'exit', code: 1 }, memory: 'system' },
      'ended with code 1, after the system had killed a process of it that wanted more than its 150 MB (max_memory_mb)',
    ],
    [
      { ending: { how: 'signal', signal: 'SIGKILL' }, memory: 'full machine' },
      'was killed by the system, whose memory was full',
    ],
    [
      { ending: { how: 'exit', code: 1 }, memory: 'full machine' },
      'ended with code 1, after the system, whose memory was full, had killed a process of it',
    ],
    [
      { ending: { how: 'signal', signal: 'SIGKILL' }, killed: 'over its limits', memory: 'watch' },
      'took more than its 150 MB (max_memory_mb) and was killed',
    ],
    [
      { ending: { how: 'signal', signal: 'SIGABRT' }, memory: 'heap' },
      'ran out of JavaScript heap, and may take 150 MB in all (max_memory_mb)',
    ],
  ] as const)('is out of memory: %j', (more, text) => {
    const expected = { status: 'error', text, verdict: 'out_of_memory', ended: 'out_of_memory' };
    expect(judge(moments({ askedToStop: false, ...more }))).toEqual(expected);
  });

  it('is so also while it was asked to stop and did not', () => {
    const more = { ending: { how: 'signal', signal: 'SIGKILL' }, memory: 'system' } as const;
    expect(judge(moments({ askedToStop: true, ...more }))).toMatchObject({ ended: 'out_of_memory' });
  });
});

it('is no fault of a plugin when the machine has no room for one more process', () => {
  const of = (code: string) =>
    judge(moments({ ending: { how: 'not started', error: `spawn x ${code}`, code }, askedToStop: false }));
  expect(of('EAGAIN')).toMatchObject({ verdict: 'not_started', isMachines: true });
  expect(of('EACCES')).not.toHaveProperty('isMachines');
});

it.each([
  [{ how: 'signal', signal: 'SIGABRT' }, true],
  [{ how: 'exit', code: 134 }, true],
  [{ how: 'unknown' }, true],
  [{ how: 'exit', code: 1 }, false],
  [{ how: 'signal', signal: 'SIGKILL' }, false],
] as const)('V8 aborts when its heap is full: %j', (ending, expected) => {
  const tail = 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n1: 0xb';
  expect(endedByHeap(ending, tail)).toBe(expected);
  expect(endedByHeap(ending, 'FATAL ERROR: something else')).toBe(false);
});

it('says seconds as people do', () => {
  expect([40, 300, 1_250, 10_000, 61_400].map(seconds)).toEqual(['0 s', '0.3 s', '1.3 s', '10 s', '61 s']);
});
