import { describe, expect, it } from 'vitest';
import { judge, seconds } from '../src/verdict.ts';
import type { LastMoments } from '../src/verdict.ts';

const moments = (more: Partial<LastMoments>): LastMoments => ({
  ending: { how: 'exit', code: 0 },
  askedToStop: true,
  startTimeoutMs: 30_000,
  graceMs: 10_000,
  silentKillMs: 30_000,
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
    expect(judge(moments({ ending }))).toEqual({ status: 'stopped', text });
  });

  it.each([
    [{ ending: { how: 'exit', code: 1 } }, 'ended with code 1'],
    [{ ending: { how: 'signal', signal: 'SIGSEGV' } }, 'ended by SIGSEGV'],
    [
      { ending: { how: 'signal', signal: 'SIGKILL' }, killed: 'grace over' },
      'did not end within 10 s after SIGTERM and was killed',
    ],
  ] as const)('has failed after %j', (more, text) => {
    expect(judge(moments(more))).toEqual({ status: 'error', text });
  });
});

describe('an instance that nobody asked to stop has failed', () => {
  it.each([
    [{ ending: { how: 'exit', code: 0 } }, 'ended with code 0 although nobody had asked it to'],
    [{ ending: { how: 'signal', signal: 'SIGKILL' } }, 'ended by SIGKILL'],
    [{ ending: { how: 'exit', code: 1 }, said: 'no model' }, 'ended with code 1: no model'],
    [{ ending: { how: 'not started', error: 'spawn x ENOENT' } }, 'could not be started (spawn x ENOENT)'],
    [{ ending: { how: 'unknown' } }, 'ended; how is not known, because an earlier supervisor had started it'],
    [
      { ending: { how: 'signal', signal: 'SIGKILL' }, killed: 'not ready' },
      'was not ready within 30 s and was killed',
    ],
    [
      { ending: { how: 'signal', signal: 'SIGKILL' }, killed: 'silent' },
      'gave no sign of life for 30 s and was killed',
    ],
  ] as const)('after %j', (more, text) => {
    expect(judge(moments({ askedToStop: false, ...more }))).toEqual({ status: 'error', text });
  });
});

it('says seconds as people do', () => {
  expect([40, 300, 1_250, 10_000, 61_400].map(seconds)).toEqual(['0 s', '0.3 s', '1.3 s', '10 s', '61 s']);
});
