import { endVerdicts, type EndVerdict, type InstanceEnd, type PluginInfo } from '@bkg/sdk/protocol';
import { describe, expect, it } from 'vitest';
import { presentEnd, shortVerdict, verdictText } from '@bkg/sdk/protocol';
import { listedEnds, restartText } from '../src/lib/ends/verdicts.ts';

const end = (verdict: EndVerdict, instance = 'a'): InstanceEnd => ({
  instance,
  version: '1.0.0',
  at: '2026-11-29T08:00:00.000Z',
  verdict,
  text: 'ended by SIGKILL',
});

const plugin = (part: Partial<PluginInfo>) => ({ status: 'error', instances: [], ...part }) as PluginInfo;

describe('the verdict on a plugin', () => {
  it('has words for each, and for one that is not known yet', () => {
    for (const verdict of endVerdicts) expect(verdictText(verdict)).toMatch(/^[a-z ]+$/);
    expect(verdictText('struck_by_lightning' as EndVerdict)).toBe('struck by lightning');
  });

  it('is short, and says when it was the same again and when nobody tries any more', () => {
    const of = (verdict: EndVerdict, restarts?: PluginInfo['restarts']) =>
      shortVerdict(plugin({ ends: [end(verdict)], restarts: restarts ?? { failures: 1 } }));
    expect(of('out_of_memory')).toBe('out of memory');
    expect(of('crashed', { failures: 3, next_at: '2026-11-29T08:00:04.000Z' })).toBe('crashed, 3 in a row');
    expect(of('crashed', { failures: 6, stays_down: true })).toBe('crash loop');
    expect(of('out_of_memory', { failures: 6, stays_down: true })).toBe('crash loop, out of memory');
    expect(of('not_ready', { failures: 1, stays_down: true })).toBe('not ready in time');
  });

  it('is that of an end that its state comes from, and of no earlier one', () => {
    const ends = [end('crashed')];
    const failed = { instance: 'a', status: 'error' } as PluginInfo['instances'][number];
    expect(presentEnd(plugin({ ends, instances: [failed] }))).toBe(ends[0]);
    // Another instance is silent now.
    expect(presentEnd(plugin({ ends, instances: [{ ...failed, instance: 'b' }] }))).toBeUndefined();
    expect(presentEnd(plugin({ ends, restarts: { failures: 1 }, status: 'starting' }))).toBe(ends[0]);
    expect(presentEnd(plugin({ ends, restarts: { failures: 1 }, status: 'running' }))).toBeUndefined();
    expect(presentEnd(plugin({ ends, status: 'stopped' }))).toBeUndefined();
    expect(shortVerdict(plugin({ restarts: { failures: 2 } }))).toBeUndefined();
  });
});

it('lists the ends of a plugin, without one that the receipt of its last rollout tells', () => {
  const ends = [end('rejected', 'b'), end('crashed', 'b'), end('rejected', 'a')];
  const rollout = { instances: [{ instance: 'b' }] } as PluginInfo['rollout'];
  expect(listedEnds({ ends, rollout })).toEqual([ends[1], ends[2]]);
  expect(listedEnds({ ends })).toEqual(ends);
  expect(listedEnds({})).toEqual([]);
});

describe('what becomes of a plugin that failed', () => {
  const next_at = '2026-11-29T08:00:04.000Z';
  const now = Date.parse(next_at) - 3_200;

  it('is counted down', () => {
    expect(restartText({ failures: 3, next_at }, now)).toBe(
      'Failed 3 times in a row, starting again in 4 s.',
    );
    expect(restartText({ failures: 1, next_at }, now + 2_300)).toBe('Failed once, starting again in 1 s.');
    expect(restartText({ failures: 3, next_at }, now + 9_000)).toBe(
      'Failed 3 times in a row, starting again now.',
    );
  });

  it('is not counted down when nobody can say what happens now, and no time is given or there is none', () => {
    expect(restartText({ failures: 3, next_at }, undefined)).toMatch(/; it was to be started again\.$/);
    expect(restartText({ failures: 6, stays_down: true }, now)).toMatch(
      /; it stays down until you start it\.$/,
    );
    expect(restartText({ failures: 2 }, now)).toBe('Failed 2 times in a row before.');
    expect(restartText({ failures: 2, next_at: 'soon' }, now)).toMatch(/starting again now\.$/);
  });
});
