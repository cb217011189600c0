import { median, table } from '../figures.ts';
import type { Most, Paced } from './measure.ts';
import { roles } from './side.ts';
import { titles } from './side-names.ts';
import type { SideName } from './side-names.ts';
import { targets } from './targets.ts';
import type { Target } from './targets.ts';

/** What was measured of one side, in each round. */
export interface Measured {
  side: SideName;
  most: Most[];
  paced: Paced[];
}

export interface Judged extends Target {
  /** The middle one of those of the rounds; NaN when it was not measured in all of them. */
  ratio: number;
  isMet: boolean;
}

/** A request a second that every side can do: half of what the slowest one has done. */
export function fixedRate(measured: readonly Pick<Measured, 'most'>[]): number {
  return Math.round(Math.min(...measured.map(({ most }) => median(most.map((one) => one.perSecond)))) / 2);
}

/** Of those targets whose sides were measured. */
export function judge(measured: readonly Measured[]): Judged[] {
  const bkg = measured.find(({ side }) => side === 'bkg');
  if (!bkg) return [];
  return targets.flatMap((target) => {
    const other = measured.find(({ side }) => side === target.to);
    if (!other) return [];
    const ratio = ratioOf(figures(bkg, target.figure), figures(other, target.figure));
    const { least = -Infinity, most = Infinity } = target;
    return { ...target, ratio, isMet: ratio >= least && ratio <= most };
  });
}

/** A sentence for each target that was missed. */
export function flawsOf(judged: readonly Judged[]): string[] {
  return judged
    .filter(({ isMet }) => !isMet)
    .map(({ to, figure, least, most, ratio }) => {
      const bound = least === undefined ? `at most ${most}` : `at least ${least}`;
      return `bkg's ${names[figure]} is ${ratio.toFixed(3)} of that of ${titles[to]}, and has to be ${bound}`;
    });
}

export function describe(measured: readonly Measured[], perSecond: number): string {
  const bridge = measured.find(({ side }) => side === 'bridge');
  const mostHead = [
    'at most',
    'per s',
    'ratio',
    ...roles.map((role) => `${role} µs`),
    'sum µs',
    'ratio',
    'client µs',
    'p50 ms',
    'p99 ms',
  ];
  const mostRows = measured.map((one) => {
    const middle = (of: (figures: Most) => number): number => median(one.most.map(of));
    const ratio = (figure: Target['figure']): string =>
      ratioOf(figures(one, figure), bridge && figures(bridge, figure)).toFixed(2);
    return [
      titles[one.side],
      middle((most) => most.perSecond).toFixed(0),
      ratio('perSecond'),
      ...roles.map((role) => middle((most) => most.cpu[role]).toFixed(0)),
      middle((most) => most.cpuSum).toFixed(0),
      ratio('cpuSum'),
      middle((most) => most.client).toFixed(0),
      middle((most) => most.p50).toFixed(2),
      middle((most) => most.p99).toFixed(2),
    ];
  });
  const pacedHead = [`at ${perSecond}/s, ms from when due`, 'p50', 'ratio', 'p99', 'ratio', 'sent late p99'];
  const pacedRows = measured.map((one) => {
    const middle = (figure: keyof Paced): number => median(one.paced.map((paced) => paced[figure]));
    const ratio = (figure: keyof Paced): string =>
      ratioOf(
        one.paced.map((paced) => paced[figure]),
        bridge?.paced.map((paced) => paced[figure]),
      ).toFixed(2);
    return [
      titles[one.side],
      middle('p50').toFixed(2),
      ratio('p50'),
      middle('p99').toFixed(2),
      ratio('p99'),
      middle('lateP99').toFixed(2),
    ];
  });
  return `${table([mostHead, ...mostRows])}\n\n${table([pacedHead, ...pacedRows])}`;
}

const names: Record<Target['figure'], string> = {
  cpuSum: 'CPU per invocation',
  perSecond: 'throughput',
  pacedP99: 'p99 at the fixed rate',
};

function figures({ most, paced }: Measured, figure: Target['figure']): number[] {
  return figure === 'pacedP99' ? paced.map(({ p99 }) => p99) : most.map((one) => one[figure]);
}

/** In the middle of the rounds. */
function ratioOf(of: readonly number[], to: readonly number[] = []): number {
  return median(of.map((value, round) => value / (to[round] ?? NaN)));
}
