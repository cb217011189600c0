import { median, table } from '../figures.ts';
import { ok } from './load/outcome.ts';
import type { Offered } from './load/phase.ts';
import { recoveryMostSeconds } from './measure.ts';
import type { Result } from './measure.ts';
import { plans } from './parts.ts';
import { processes } from './stage.ts';
import { questions } from './witness.ts';

/** What is asked of every part and way; the machine decides how fast, and these are wide. */
export const bounds = {
  /** Of what is sustainable: of the configured rate, of what the overload admits, and of what is offered where that can be. */
  admittedLeast: 0.8,
  /** Of an echo, where who offers what cannot be taken has a good part of the machine. */
  echoAdmittedLeast: 0.6,
  offeredLeast: 0.5,
  /** Ms. */
  admittedP99Most: 2_000,
  answerP99Most: 1_000,
  shownMost: 5_000,
  gapMost: 10_000,
  /** Of the p50 before, and ms on top. */
  p50TimesMost: 1.5,
  p50MoreMostMs: 5,
  /** MB: all in all, and from one half of the overload to the other. */
  growthMost: 256,
  laterGrowthMost: 64,
  /** Of a second that counts as well: a machine that stands still for some ms has all connections waiting. */
  heldBackMost: 0.02,
} as const;

/** What is not as it has to be, a sentence each. */
export function flawsOf(result: Result): string[] {
  const { part, way } = result;
  return [
    ...admissionFlaws(result),
    ...neighbourFlaws(result),
    ...memoryFlaws(result),
    ...recoveryFlaws(result),
  ].map((flaw) => `${part} over ${way}: ${flaw}`);
}

function admissionFlaws({ part, sustainable, meant, overload }: Result): string[] {
  const { refusal, mustRefuse, configuredPerSecond = sustainable } = plans[part];
  const { outcomes, p99 } = overload;
  const least = mustRefuse ? bounds.admittedLeast : bounds.echoAdmittedLeast;
  const [admitted, offered] = [admittedPerSecond(overload), offeredPerSecond(overload)];
  const others = Object.entries(outcomes).filter(([outcome]) => outcome !== ok && outcome !== refusal);
  return kept([
    !(sustainable >= bounds.admittedLeast * configuredPerSecond) &&
      `without overload it does ${perSecond(sustainable)}, and is configured to do ${perSecond(configuredPerSecond)}`,
    // Of an echo nobody could offer so much: what is offered keeps all that may be under way busy.
    mustRefuse &&
      !(offered >= bounds.offeredLeast * meant) &&
      `only ${perSecond(offered)} of ${perSecond(meant)} could be offered`,
    mustRefuse && !((outcomes[refusal] ?? 0) > 0) && `nothing was refused with ${refusal}`,
    ...others.map(([outcome, count]) => `${count} invocations ended with ${outcome}`),
    !(admitted >= least * sustainable) &&
      `${perSecond(admitted)} were admitted of ${perSecond(sustainable)} that it can do`,
    !(p99 <= bounds.admittedP99Most) && `the p99 of what is admitted is ${ms(p99)}`,
  ]);
}

function neighbourFlaws({ asked, followed }: Result): string[] {
  const { shownMs, orderMs, failures, heartbeats, longestGapMs, lost } = followed;
  const shownMost = Math.max(...shownMs);
  return kept([
    ...questions.flatMap((question) => {
      const { count, p99, failures: wrong } = asked[question];
      return [
        ...wrong.map((failure) => `meanwhile ${question} failed: ${failure}`),
        !(count > 0 && p99 <= bounds.answerP99Most) && `meanwhile the p99 of ${question} was ${ms(p99)}`,
      ];
    }),
    ...failures.map((failure) => `meanwhile an order failed: ${failure}`),
    orderMs.length === 0 && 'meanwhile nothing could be ordered',
    shownMs.length > 0 &&
      !(shownMost <= bounds.shownMost) &&
      `meanwhile a state was shown on /ws only ${ms(shownMost)} after its order was answered`,
    lost > 0 && `meanwhile the socket of who follows was gone ${lost} times`,
    !(longestGapMs <= bounds.gapMost) &&
      `meanwhile ${heartbeats} heartbeats were shown on /ws, and none for ${ms(longestGapMs)}`,
  ]);
}

function memoryFlaws({ memory: { growth }, growthAtHalf }: Result): string[] {
  return kept(
    processes.flatMap((name) => [
      !(growth[name] <= bounds.growthMost) && `${name} has grown by ${growth[name].toFixed(0)} MB`,
      !(growth[name] - growthAtHalf[name] <= bounds.laterGrowthMost) &&
        `${name} went on growing: by ${growthAtHalf[name].toFixed(0)} MB in the first half, by ${growth[name].toFixed(0)} in all`,
    ]),
  );
}

function recoveryFlaws({ before, after }: Result): string[] {
  const p50Most = before.p50 * bounds.p50TimesMost + bounds.p50MoreMostMs;
  const later = after.bySecond.slice(recoveryMostSeconds);
  const p50 = median(later.filter(({ sent }) => sent > 0).map((second) => second.p50));
  const failedBefore = before.sent - (before.outcomes[ok] ?? 0);
  return kept([
    failedBefore > 0 &&
      `at half of what it can do ${failedBefore} of ${before.sent} failed before: ${list(before)}`,
    !(recoveredAfter(after) <= recoveryMostSeconds) &&
      `${recoveryMostSeconds} s later half of what it can do did not all succeed: ${list(after)}`,
    !(p50 <= p50Most) &&
      `${recoveryMostSeconds} s later the p50 is ${ms(p50)}, and was ${ms(before.p50)} before`,
  ]);
}

/** The first second from which on everything succeeds, and next to all could be sent; NaN when nothing was sent there. */
export function recoveredAfter({ bySecond }: Pick<Offered, 'bySecond'>): number {
  const bad = bySecond.findLastIndex(
    ({ sent, ok: good, heldBack }) => good < sent || heldBack > bounds.heldBackMost * (sent + heldBack),
  );
  return bySecond.slice(bad + 1).some(({ sent }) => sent > 0) ? bad + 1 : NaN;
}

export function admittedPerSecond({ outcomes, seconds }: Offered): number {
  return (outcomes[ok] ?? 0) / seconds;
}

function offeredPerSecond({ sent, seconds }: Offered): number {
  return sent / seconds;
}

export function describe(results: readonly Result[]): string {
  return [
    table([
      ['a second', 'can do', 'meant', 'offered', 'admitted', 'p99 ms', 'what came of it'],
      ...results.map((result) => [
        nameOf(result),
        ...[result.sustainable, result.meant, offeredPerSecond(result.overload)].map((rate) =>
          rate.toFixed(0),
        ),
        admittedPerSecond(result.overload).toFixed(0),
        result.overload.p99.toFixed(0),
        list(result.overload),
      ]),
    ]),
    table([
      ['p99 ms meanwhile', ...questions, 'orders', 'shown ms', 'lost'],
      ...results.map(({ asked, followed, ...result }) => [
        nameOf(result),
        ...questions.map((question) => asked[question].p99.toFixed(0)),
        String(followed.orderMs.length),
        Math.max(...followed.shownMs).toFixed(0),
        String(followed.lost),
      ]),
    ]),
    table([
      ['growth in MB', ...processes, 'p50 before', 'p50 after', 'well after s'],
      ...results.map(({ memory, before, after, ...result }) => [
        nameOf(result),
        ...processes.map((name) => memory.growth[name].toFixed(0)),
        before.p50.toFixed(1),
        after.p50.toFixed(1),
        String(recoveredAfter(after)),
      ]),
    ]),
  ].join('\n\n');
}

function nameOf({ part, way }: Pick<Result, 'part' | 'way'>): string {
  return `${part} over ${way}`;
}

function list({ outcomes }: Offered): string {
  return Object.entries(outcomes)
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', ');
}

function perSecond(rate: number): string {
  return `${rate.toFixed(0)}/s`;
}

function ms(time: number): string {
  return `${time.toFixed(0)} ms`;
}

function kept(flaws: readonly (string | false)[]): string[] {
  return flaws.filter((flaw) => flaw !== false);
}
