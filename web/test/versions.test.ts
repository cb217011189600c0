import type { PluginInfo, PluginInstance } from '@bkg/sdk/protocol';
import { describe, expect, it } from 'vitest';
import { swapNote } from '../src/lib/rollout/swap-note.ts';
import { compareVersions, currentVersion, newestFirst } from '../src/lib/rollout/versions.ts';

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

  it('have one that is current: that which runs, or that which the next start brings', () => {
    const running = [{}] as PluginInstance[];
    const versions = ['1.1.0', '1.0.0', '2.0.0'];
    expect(currentVersion({ version: '1.0.0', versions, instances: running })).toBe('1.0.0');
    expect(currentVersion({ version: '1.0.0', versions, instances: [] })).toBe('1.1.0');
    // Its folder has gone.
    expect(currentVersion({ version: '0.9.0', versions, instances: running })).toBe('1.1.0');
    expect(currentVersion({ version: '1.0.0', versions: [], instances: [] })).toBeUndefined();
  });
});

it('says what a swap does to what runs now', () => {
  const note = (statuses: string[], part: object = {}) =>
    swapNote(
      { config: { replicas: 1 }, instances: statuses.map((status) => ({ status })), ...part } as PluginInfo,
      '1.0.0',
    );
  expect(note([])).toBe('Start brings 1.0.0; choosing another here changes that.');
  expect(note([], { config: { replicas: 0 } })).not.toContain('Start');
  expect(note(['running', 'starting'])).toMatch(/the old ones answer/);
  expect(note(['error'])).toMatch(/^No instance serves now/);
  expect(note(['running'], { single_writer: true })).toMatch(/invocations wait/);
});
