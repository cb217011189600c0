import { describe, expect, it } from 'vitest';
import { configDefaults } from '@bkg/sdk';
import { firstConfig, readManifest } from '../src/manifest.ts';

const good = { id: 'echo', version: '1.0.0', command: ['node', 'main.js'] };
const read = (more: object) => readManifest(JSON.stringify({ ...good, ...more }));

describe('plugin.json', () => {
  it('is a manifest when it has what is needed', () => {
    expect(read({})).toEqual({ manifest: good });
    expect(read({ autostart: true, config: { env: { A: 'b' }, settings: { x: 1 } } })).toHaveProperty(
      'manifest',
    );
  });

  it('tells whose problem it is when it can', () => {
    expect(read({ command: [] })).toEqual({ id: 'echo', problem: expect.stringContaining('/command') });
    expect(read({ version: '1' })).toEqual({ id: 'echo', problem: expect.stringContaining('/version') });
    expect(read({ comand: ['x'] })).toEqual({ id: 'echo', problem: expect.stringContaining('"comand"') });
  });

  it.each([
    ['{', 'is not JSON'],
    ['null', 'has no "id"'],
    ['{"id": 7}', 'has no "id"'],
    ['{"id": "Echo"}', 'is no plugin id'],
    ['{"id": "bkg-echo"}', 'is reserved'],
    ['{"id": "sdk"}', 'is reserved'],
  ])('is nobody’s when it is %s', (text, problem) => {
    expect(readManifest(text)).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('may not set what would change which code runs', () => {
    for (const name of ['PATH', 'NODE_OPTIONS', 'LD_PRELOAD', 'BKG_HOME', 'PYTHONPATH']) {
      expect(read({ config: { env: { [name]: 'x' } } })).toEqual({
        id: 'echo',
        problem: expect.stringContaining(name),
      });
    }
  });

  it('does not name the keeper of the keys among what it needs', () => {
    const needs = ['candle:model.*', 'rustyface:*'];
    expect(read({ needs })).toMatchObject({ manifest: { needs } });
    expect(read({ needs: [...needs, 'apikeys:key.create'] })).toEqual({
      id: 'echo',
      problem: expect.stringContaining('needs may not name apikeys'),
    });
    expect(read({ needs: ['candle'] })).toMatchObject({ problem: expect.stringContaining('/needs/0') });
  });

  it.each([
    '{"config": {"env": {"API_TOKEN": canary-7f3a}}}',
    `{"id": "echo", "config": {"env": {"API_TOKEN": ${'"x", '.repeat(20)}canary-7f3a ${'"x", '.repeat(20)}}}}`,
    'canary-7f3a',
  ])('is not quoted when it cannot be read: %s', (text) => {
    const reading = readManifest(text);
    expect(reading).toEqual({ problem: expect.stringMatching(/^plugin\.json is not JSON \(.+\)$/) });
    expect(JSON.stringify(reading)).not.toMatch(/canary|7f3a|TOKEN/);
  });
});

describe('the first configuration', () => {
  it('is the defaults with what the manifest presets', () => {
    expect(firstConfig(good)).toEqual({ id: 'echo', ...configDefaults });
    expect(
      firstConfig({ ...good, autostart: true, config: { limits: { max_queue: 3 }, env: { A: 'b' } } }),
    ).toEqual({
      id: 'echo',
      ...configDefaults,
      autostart: true,
      env: { A: 'b' },
      limits: { ...configDefaults.limits, max_queue: 3 },
    });
    expect(firstConfig({ ...good, autostart: true, config: { autostart: false } }).autostart).toBe(false);
  });
});
