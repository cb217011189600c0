import { expect, it } from 'vitest';
import type { LogRecord } from '@bkg/sdk/protocol';
import { logLine } from '../src/log-line.ts';

const at = new Date(2026, 10, 24, 8, 9, 10, 11);
const record: LogRecord = {
  time: at.toISOString(),
  level: 'info',
  plugin_id: 'candle',
  instance: 'i',
  message: 'greeting',
  source: 'sdk',
};
const line = (changes: Partial<LogRecord> = {}, withPlugin = false, now = at): string =>
  logLine({ ...record, ...changes }, { withPlugin, now });

it('is the time where the reader is, the level, the text and the fields', () => {
  expect(line({ name: 'Ada', text: 'two words', n: 1, list: [1, 2], empty: '' })).toBe(
    '08:09:10.011 INFO  greeting name=Ada text="two words" n=1 list=[1,2] empty=""',
  );
  expect(line({}, true)).toBe('08:09:10.011 INFO  candle | greeting');
  expect(line({}, false, new Date(2026, 10, 25))).toBe('2026-11-24 08:09:10.011 INFO  greeting');
});

it('has what has lines of its own below it', () => {
  expect(
    line({
      level: 'error',
      message: 'it failed\nwholly',
      error: { type: 'Error', stack: 'Error: x\n    at y' },
    }),
  ).toBe('08:09:10.011 ERROR it failed\n    wholly\n    Error: x\n        at y');
});

it('cannot be used to write on the terminal of the reader', () => {
  const text = line({ message: '\u001b]0;title\u0007\r\u009b2J', field: '\u001b[2J\u202e' });
  // eslint-disable-next-line no-control-regex
  expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  expect(text).toContain('\\u001b]0;title\\u0007\\u000d\\u009b2J');
});

it('shows what a record has in the wrong kind as well as it can', () => {
  expect(line({ time: 'yesterday', level: 'loud' as 'info' })).toBe('yesterday LOUD  greeting');
});
