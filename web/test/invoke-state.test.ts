import type { PluginInfo, Status } from '@bkg/sdk/protocol';
import { describe, expect, it } from 'vitest';
import { whyNoAnswer, whyNoCapabilities } from '../src/lib/invoke-state.ts';

function plugin(status: Status, managed?: boolean): PluginInfo {
  const instances = managed === undefined ? [] : [{ managed, status }];
  return { name: 'Candle', status, instances } as unknown as PluginInfo;
}

describe('what is said of a plugin that cannot answer', () => {
  it('is true of each state', () => {
    expect(whyNoAnswer(plugin('running', true))).toBeUndefined();
    expect(whyNoAnswer(plugin('stopped'))).toMatch(/start it/);
    expect(whyNoAnswer(plugin('stopped', false))).toMatch(/whoever runs it/);
    expect(whyNoAnswer(plugin('starting', true))).toMatch(/as soon as it runs/);
    expect(whyNoAnswer(plugin('stopping', true))).toMatch(/takes nothing new/);
    expect(whyNoAnswer(plugin('error', true))).toMatch(/failed/);
    expect(whyNoAnswer(plugin('error'))).toMatch(/mended/);
  });

  it('asks for a start only where one helps', () => {
    expect(whyNoCapabilities(plugin('stopped'))).toMatch(/Start it/);
    for (const other of [
      plugin('running', true),
      plugin('starting', true),
      plugin('stopping', true),
      plugin('stopped', false),
      plugin('error'),
      plugin('error', true),
    ]) {
      expect(whyNoCapabilities(other)).not.toMatch(/Start it/);
    }
  });
});
