import type { PluginInfo, Status } from '@bkg/sdk/protocol';
import { describe, expect, it } from 'vitest';
import { whyNoAnswer, whyNoCapabilities } from '../src/lib/invoke-state.ts';

function plugin(status: Status, managed?: boolean): PluginInfo {
  const instances = managed === undefined ? [] : [{ managed, status }];
  return { name: 'Candle', status, instances, config: { revision: 1 } } as unknown as PluginInfo;
}

/** The last instance that somebody else ran has ended. */
const leftByOthers = { ...plugin('stopped'), config: { revision: 0 } } as PluginInfo;

describe('what is said of a plugin that cannot answer', () => {
  it('is true of each state', () => {
    expect(whyNoAnswer(plugin('running', true))).toBeUndefined();
    expect(whyNoAnswer(plugin('stopped'))).toMatch(/start it/);
    expect(whyNoAnswer(leftByOthers)).toMatch(/whoever runs it/);
    expect(whyNoAnswer(plugin('starting', true))).toMatch(/as soon as it runs/);
    expect(whyNoAnswer(plugin('stopping', true))).toMatch(/takes nothing new/);
    expect(whyNoAnswer(plugin('error', true))).toMatch(/failed/);
    expect(whyNoAnswer(plugin('error'))).toMatch(/mended/);
    expect(whyNoAnswer(plugin('error', false))).toMatch(/whoever runs it/);
    const unknown = { unknown_since: '2026-11-28T12:00:00Z' };
    expect(whyNoAnswer({ ...plugin('stopped'), ...unknown })).toMatch(/not known now/);
    expect(whyNoAnswer({ ...plugin('running', true), ...unknown })).toBeUndefined();
  });

  it('asks for a start only where one helps', () => {
    expect(whyNoCapabilities(plugin('stopped'))).toMatch(/Start it/);
    for (const other of [
      plugin('running', true),
      plugin('starting', true),
      plugin('stopping', true),
      leftByOthers,
      plugin('error'),
      plugin('error', true),
      plugin('error', false),
      { ...plugin('stopped'), unknown_since: '2026-11-28T12:00:00Z' },
    ]) {
      expect(whyNoCapabilities(other)).not.toMatch(/Start it/);
    }
    expect(whyNoCapabilities(plugin('error', false))).toMatch(/Whoever runs it/);
  });
});
