import { describe, expect, it } from 'vitest';
import { pluginPage } from '../src/plugin-page.ts';
import { versionTexts } from '../src/version-list.ts';
import { instance, plugin } from './plugin-info.ts';
import { rollout } from './rollout.ts';

const page = (changes: Parameters<typeof plugin>[1]): string =>
  pluginPage(plugin('candle', changes)).join('\n');

describe('the page of a plugin', () => {
  it('shows its versions, an instance that is held, and the rollout that goes on', () => {
    const text = page({
      versions: ['1.1.0', '1.0.0'],
      instances: [
        instance(),
        { ...instance(), instance: 'b', version: '1.1.0', status: 'starting', held: true },
      ],
      rollout: rollout({ state: 'running', step: 'testing', started_at: new Date().toISOString() }),
    });
    expect(text).toMatch(/\n {2}b {2}starting {2}1\.1\.0 {2}managed {2}h {2}held until it is let in {2}for /);
    expect(text).toContain('\n\nversions\n  1.1.0 (with the next start), 1.0.0 (runs)\n');
    expect(text).toMatch(/\n\nbeing replaced\n {2}swap 1\.0\.0 → 1\.1\.0 by ada, for \d s: testing\n/);
  });

  it('shows the last one, and nothing of it where there was none', () => {
    expect(page({ rollout: rollout() })).toMatch(/\n\nlast replaced\n {2}swap 1\.0\.0 → 1\.1\.0 by ada, /);
    const none = page({ versions: [], instances: [instance(false)] });
    expect(none).not.toMatch(/replaced|versions/);
  });
});

describe('the versions of a plugin', () => {
  it('name one that runs although it lies here no more', () => {
    const given = plugin('candle', { versions: ['2.0.0'], instances: [instance()] });
    expect(versionTexts(given)).toEqual([
      '2.0.0 (with the next start)',
      '1.0.0 (runs, but does not lie here)',
    ]);
  });
});
