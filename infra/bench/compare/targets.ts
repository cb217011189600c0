import type { SideName } from './side-names.ts';

/** Each is of a ratio of bkg's figure to that of another side. */
export interface Target {
  to: SideName;
  figure: 'perSecond' | 'cpuSum' | 'pacedP99';
  least?: number;
  most?: number;
}

export const targets: readonly Target[] = [
  { to: 'bridge', figure: 'cpuSum', most: 0.8 },
  { to: 'bridge', figure: 'perSecond', least: 1.15 },
  { to: 'coalesced', figure: 'perSecond', least: 0.8 },
  { to: 'moleculer', figure: 'perSecond', least: 1.3 },
  { to: 'nestjs', figure: 'perSecond', least: 1.5 },
  { to: 'bridge', figure: 'pacedP99', most: 1.1 },
];
