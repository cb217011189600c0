import { describe, expect, it } from 'vitest';
import { configDefaults } from '@bkg/sdk';
import { startLine } from '../src/up/plugin-report.ts';
import { registryEntry } from './registry-entry.ts';

describe('the line of a plugin at the start', () => {
  const autostart = { ...configDefaults, id: 'candle', autostart: true };

  it('comes at once when it runs, and says so when somebody else runs it', () => {
    const entry = registryEntry({ id: 'candle', status: 'running' });
    expect(startLine(entry, false, 1_234)).toEqual({ mark: '✓', text: '0.2.0 running (1.2 s)' });
    const foreign = { ...entry, instances: entry.instances.map((one) => ({ ...one, managed: false })) };
    expect(startLine(foreign, false, 0)).toEqual({ mark: '✓', text: '0.2.0 running, not managed by bkg' });
  });

  it('does not come while it starts', () => {
    expect(startLine(registryEntry({ id: 'candle', status: 'starting' }), true, 0)).toBeUndefined();
  });

  it('says that it is not started, but of one that starts by itself only when it had its time', () => {
    const notStarted = { mark: '·', text: '0.2.0 not started' };
    expect(startLine(registryEntry({ id: 'candle', status: 'stopped' }), false, 0)).toEqual(notStarted);
    const entry = registryEntry({ id: 'candle', status: 'stopped', config: autostart });
    expect(startLine(entry, false, 0)).toBeUndefined();
    expect(startLine(entry, true, 0)).toEqual(notStarted);
  });

  it('believes in a failure only when it lasts: one that is wanted and not yet started looks the same', () => {
    const entry = registryEntry({ id: 'candle', status: 'error', error: 'it ended with code 1' });
    expect(startLine(entry, false, 0)).toBeUndefined();
    expect(startLine(entry, true, 0)).toEqual({ mark: '✗', text: '0.2.0 error: it ended with code 1' });
  });
});
