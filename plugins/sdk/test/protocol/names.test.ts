import { describe, expect, it } from 'vitest';
import {
  endpointName,
  isCapabilityId,
  isOwnPluginId,
  isPluginId,
  isReservedPluginId,
  isSubjectToken,
  isVersion,
  pluginIdProblem,
} from '../../src/protocol/names.ts';
import { createRandom } from './random.ts';

/** What would change the meaning of a subject, a path or a line if it got into one. */
const hostile = [
  '',
  ' ',
  '.',
  '..',
  '*',
  '>',
  'a b',
  'a\nb',
  'a\n',
  'a\0',
  'a/b',
  'a.*',
  'a.>',
  '$SRV',
  'ä',
  '🦊',
];

describe('a plugin id', () => {
  it.each(['a', '0', 'candle', 'my-plugin', 'my_plugin', '7zip', 'a'.repeat(63)])('may be %j', (id) => {
    expect(isPluginId(id)).toBe(true);
    expect(pluginIdProblem(id)).toBeUndefined();
  });

  it.each([...hostile, 'A', 'Candle', '-a', '_a', 'a.b', 'a'.repeat(64)])('may not be %j', (id) => {
    expect(isPluginId(id)).toBe(false);
    expect(pluginIdProblem(id)).toMatch(/is no plugin id: it takes 1 to 63 characters/);
  });

  it.each(['sdk', 'api', 'ws', 'bkg', 'bkg-supervisor', 'bkgx'])('%s is reserved', (id) => {
    expect(isPluginId(id)).toBe(true);
    expect(isReservedPluginId(id)).toBe(true);
    expect(pluginIdProblem(id)).toMatch(/is reserved/);
  });

  it('of bkg’s own plugins are known, and nobody else’s', () => {
    for (const id of ['apikeys', 'candle', 'rustyface', 'brainml']) expect(isOwnPluginId(id)).toBe(true);
    for (const id of ['', 'apikey', 'Apikeys', 'candle2']) expect(isOwnPluginId(id)).toBe(false);
  });

  it.each(['sdks', 'apikeys', 'wss', 'my-bkg'])('%s is not reserved', (id) => {
    expect(isReservedPluginId(id)).toBe(false);
  });
});

describe('a capability id', () => {
  it.each(['a', 'infer', 'model.load', 'a.b.c.d', 'a_b-c.9', '-', 'a'.repeat(64)])('may be %j', (id) => {
    expect(isCapabilityId(id)).toBe(true);
  });

  it.each([...hostile, '.a', 'a.', 'a..b', 'Model.load', 'a'.repeat(65)])('may not be %j', (id) => {
    expect(isCapabilityId(id)).toBe(false);
  });

  it('is one or more subject tokens, whatever it is', () => {
    const { text } = createRandom(1);
    const ids = Array.from({ length: 2_000 }, () => text('ab9_-.', 8)).filter(isCapabilityId);
    expect(ids.length).toBeGreaterThan(500);
    for (const id of ids) expect(id.split('.').every(isSubjectToken)).toBe(true);
  });

  it('has an endpoint name without dots, which two ids may share', () => {
    expect(endpointName('model.load')).toBe('model_load');
    expect(endpointName('a.b.c-d')).toBe('a_b_c-d');
    expect(endpointName('model_load')).toBe(endpointName('model.load'));
  });
});

describe('a subject token', () => {
  it.each(['a', 'A1', 'U2F_-x', 'a'.repeat(128)])('may be %j', (token) => {
    expect(isSubjectToken(token)).toBe(true);
  });

  it.each([...hostile, 'a.b', 'a'.repeat(129)])('may not be %j', (token) => {
    expect(isSubjectToken(token)).toBe(false);
  });
});

describe('a version', () => {
  it.each(['0.0.0', '1.2.3', '10.20.30', '1.0.0-rc.1', '1.0.0-x-y', '1.0.0+20261124', '1.0.0-a.b+c.d'])(
    'may be %j',
    (version) => {
      expect(isVersion(version)).toBe(true);
    },
  );

  it.each([
    '',
    '1',
    '1.2',
    'v1.2.3',
    '01.2.3',
    '1.2.3-',
    '1.2.3-..',
    '1.2.3-01',
    '1.2.3+',
    '1.2.3 ',
    '1.2.3\n',
  ])('may not be %j', (version) => {
    expect(isVersion(version)).toBe(false);
  });
});
