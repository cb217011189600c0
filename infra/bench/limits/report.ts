import { table } from '../figures.ts';
import type { Offered } from './offer.ts';
import type { Options } from './options.ts';

export interface Result extends Offered {
  what: string;
  /** By the limit: its burst and what came back. */
  expected: number;
  /** By the bound: beyond, it is wrong. */
  most: number;
  /** Of what was admitted, beyond what was expected. */
  errorPercent: number;
  /** The same for the time after the first five seconds, without the burst. */
  steadyErrorPercent: number;
}

/** How long it may take here until a gateway knows what another has let through: 100 ms, the way, and a busy machine. */
const toldWithinSecs = 0.25;
/** The burst is used up, and what was too much of it is paid. */
const settledSecs = 5;

export function resultOf(what: string, offered: Offered, { rate, burst }: Options, parts: number): Result {
  const { seconds, admitted, bySecond } = offered;
  const expected = Math.min(offered.sent, burst + rate * seconds);
  // The last second may be a part of one.
  const steady = bySecond.slice(settledSecs, Math.floor(seconds));
  const perSecond = steady.reduce((sum, n) => sum + n, 0) / steady.length;
  return {
    what,
    ...offered,
    expected,
    most: expected + (parts - 1) * (burst + rate * toldWithinSecs) + 1,
    errorPercent: (admitted / expected - 1) * 100,
    steadyErrorPercent: (perSecond / rate - 1) * 100,
  };
}

/** What is not as it has to be, a sentence each. */
export function flawsOf({ what, admitted, most, failed, limited }: Result): string[] {
  return [
    failed > 0 && `${what}: ${failed} failed with something else than the limit`,
    limited === 0 && `${what}: nothing was refused, so that nothing was measured`,
    admitted > most && `${what}: ${admitted} were admitted, and at most ${Math.floor(most)} may be`,
  ].filter((flaw) => flaw !== false);
}

export function describe(results: readonly Result[]): string {
  const head = ['', 'seconds', 'sent', 'admitted', 'expected', 'error %', 'after 5 s %', 'a second'];
  const rows = results.map((one) => [
    one.what,
    one.seconds.toFixed(1),
    String(one.sent),
    String(one.admitted),
    one.expected.toFixed(0),
    one.errorPercent.toFixed(2),
    Number.isFinite(one.steadyErrorPercent) ? one.steadyErrorPercent.toFixed(2) : '-',
    rangeOf(one),
  ]);
  const seconds = results.map(
    ({ what, bySecond }) => `${what}, admitted by the second: ${bySecond.join(' ')}`,
  );
  return `${table([head, ...rows])}\n\n${seconds.join('\n')}`;
}

/** The least and the most of the whole seconds after the first ones. */
function rangeOf({ bySecond, seconds }: Result): string {
  const whole = bySecond.slice(settledSecs, Math.floor(seconds));
  return whole.length > 0 ? `${Math.min(...whole)}-${Math.max(...whole)}` : '-';
}
