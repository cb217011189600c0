import { timeoutMostMs } from '@bkg/sdk/protocol';
import { UsageError } from './command.ts';

const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

const mostHours = Math.floor(timeoutMostMs / 3_600_000);

/** Milliseconds of a span such as `500ms`, `10s`, `2m`, `1h`. @throws UsageError */
export function parseSpan(option: string, given: string): number {
  const [, digits, unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(given) ?? [];
  const ms = Math.round(Number(digits) * (unitMs[unit] ?? NaN));
  if (ms >= 1 && ms <= timeoutMostMs) return ms;
  const allowed = Number.isNaN(ms)
    ? 'a span such as 500ms, 10s, 2m or 1h'
    : `at least 1ms and at most ${mostHours}h`;
  throw new UsageError(`--${option} is "${given}"; it takes ${allowed}`);
}

const unitSecs: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Whole seconds of a span such as `0s`, `90m`, `12h`, `90d`. @throws UsageError */
export function parseSeconds(option: string, given: string, mostSecs: number): number {
  const [, digits, unit = ''] = /^(\d{1,9})(s|m|h|d)$/.exec(given) ?? [];
  const secs = Number(digits) * (unitSecs[unit] ?? NaN);
  if (secs <= mostSecs) return secs;
  const most = `at most ${Math.floor(mostSecs / 86_400)}d`;
  throw new UsageError(
    `--${option} is "${given}"; it takes ${Number.isNaN(secs) ? `a span such as 30s, 90m, 12h or 90d, ${most}` : most}`,
  );
}
