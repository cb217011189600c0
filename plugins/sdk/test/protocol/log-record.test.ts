import { describe, expect, it } from 'vitest';
import { isLogLevel, logLevels, parseSince, reachesLevel } from '../../src/protocol/log-record.ts';

const now = Date.parse('2026-11-24T12:00:00.000Z');
const before = (since: string) => now - (parseSince(since, now) ?? Number.NaN);

describe('since', () => {
  it('may be a span back from now', () => {
    expect(before('90s')).toBe(90_000);
    expect(before('15m')).toBe(15 * 60_000);
    expect(before('2h')).toBe(2 * 3_600_000);
    expect(before('1d')).toBe(86_400_000);
    expect(before('0s')).toBe(0);
    expect(before('999999d')).toBe(999_999 * 86_400_000);
  });

  it('may be a time in any zone', () => {
    expect(before('2026-11-24T11:59:00Z')).toBe(60_000);
    expect(before('2026-11-24T11:59:59.500Z')).toBe(500);
    expect(before('2026-11-24T13:59:00+02:00')).toBe(60_000);
    expect(before('2026-11-24T11:59:59.123456789Z')).toBe(877);
    expect(before('2026-11-24T12:01:00Z')).toBe(-60_000);
  });

  it.each([
    '',
    '15',
    'm',
    '-15m',
    '1.5h',
    '15 m',
    '15M',
    '1w',
    '1000000s',
    '15m15m',
    '٣m',
    'now',
    'yesterday',
    '1764000000000',
    '2026-11-24',
    '2026-11-24 12:00:00Z',
    '2026-11-24T12:00',
    '2026-11-24T12:00:00',
    '2026-11-24T12:00Z',
    '2026-13-24T12:00:00Z',
    '2026-11-24T25:00:00Z',
    '2026-11-24T12:00:00Z\n',
    'Tue Nov 24 2026 12:00:00 GMT',
  ])('may not be %j', (since) => {
    expect(parseSince(since, now)).toBeUndefined();
  });
});

describe('a log level', () => {
  it('is a name, from trace to fatal', () => {
    expect(logLevels).toEqual(['trace', 'debug', 'info', 'warn', 'error', 'fatal']);
    for (const level of logLevels) expect(isLogLevel(level)).toBe(true);
    for (const value of [undefined, null, '', 'INFO', 30, 'verbose', 'length'])
      expect(isLogLevel(value)).toBe(false);
  });

  it('reaches itself and everything below it', () => {
    logLevels.forEach((level, i) => {
      expect(logLevels.filter((lowest) => reachesLevel(level, lowest))).toEqual(logLevels.slice(0, i + 1));
    });
  });
});
