import { describe, expect, it } from 'vitest';
import { compareVersions, newestFirst } from '../src/lib/rollout/versions.ts';

describe('versions', () => {
  it('are sorted by their numbers, not by their letters', () => {
    expect(newestFirst(['1.2.0', '1.10.0', '2.0.0', '1.9.12'])).toEqual([
      '2.0.0',
      '1.10.0',
      '1.9.12',
      '1.2.0',
    ]);
  });

  it('have what comes before a release below it, in the order of the specification', () => {
    const rising = [
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
    ];
    expect(newestFirst(rising)).toEqual(rising.toReversed());
    expect(newestFirst(rising.toReversed())).toEqual(rising.toReversed());
  });

  it('stand last when they are none, and never twice', () => {
    expect(newestFirst(['yesterday', '0.1.0', 'v0.2.0', '0.1.0'])).toEqual(['v0.2.0', '0.1.0', 'yesterday']);
  });

  it('are the same only when they read the same', () => {
    expect(compareVersions('1.0.0', '1.0.0')).toBe(0);
    expect(compareVersions('1.0.0+a', '1.0.0+b')).toBeLessThan(0);
  });
});
