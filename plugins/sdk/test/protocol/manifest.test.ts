import { describe, expect, it } from 'vitest';
import { isForbiddenEnv } from '../../src/protocol/manifest.ts';
import { configDefaults } from '../../src/protocol/plugin.ts';
import { manifestSchema, schemaOf } from '../../src/protocol/schemas/index.ts';
import { createValidator } from '../../src/validator.ts';

const validate = createValidator(manifestSchema);
const validatePatch = createValidator(schemaOf('ConfigPatch'));
const least = { id: 'echo', version: '1.0.0', command: ['node', 'dist/main.js'] };

describe('plugin.json', () => {
  it('needs an id, a version and a command', () => {
    expect(validate(least)).toEqual([]);
    for (const name of Object.keys(least)) {
      expect(validate({ ...least, [name]: undefined })).toEqual([
        { path: '', message: `must have required property '${name}'` },
      ]);
    }
  });

  it('may say everything else that it knows', () => {
    const everything = {
      ...least,
      name: 'Echo',
      description: 'Says it again.',
      author: 'tests',
      autostart: true,
      self_test: { capability: 'text.say', payload: { text: 'hello' } },
      start_timeout_secs: 60,
      config: {
        enabled: true,
        autostart: true,
        replicas: 2,
        env: { LOG_LEVEL: 'debug', _x1: '' },
        settings: { model: 'small', depth: 3 },
        resources: { timeout_secs: 0.5 },
        limits: { max_concurrency: 4, max_queue: 0 },
      },
    };
    expect(validate(everything)).toEqual([]);
  });

  it.each([
    [{ command: [] }, '/command'],
    [{ command: [''] }, '/command/0'],
    [{ command: 'node main.js' }, '/command'],
    [{ version: '1.0' }, '/version'],
    [{ version: 'v1.0.0' }, '/version'],
    [{ version: '1.0.0-..' }, '/version'],
    [{ id: 7 }, '/id'],
    [{ autostart: 'yes' }, '/autostart'],
    [{ start_timeout_secs: 0 }, '/start_timeout_secs'],
    [{ start_timeout_secs: 601 }, '/start_timeout_secs'],
    [{ self_test: { capability: 'text.say' } }, '/self_test'],
    [{ autostrat: true }, ''],
    [{ config: { replicas: -1 } }, '/config/replicas'],
    [{ config: { revision: 3 } }, '/config'],
  ])('refuses %j and says where', (changes, path) => {
    expect(validate({ ...least, ...changes }).map((error) => error.path)).toContain(path);
  });

  it.each([undefined, null, [], 'text', 7])('is no %j', (value) => {
    expect(validate(value)).not.toEqual([]);
  });
});

describe('the part of a configuration that may be preset', () => {
  it('takes the defaults, and nothing at all', () => {
    const { revision: _, ...preset } = configDefaults;
    expect(validatePatch(preset)).toEqual([]);
    expect(validatePatch({})).toEqual([]);
  });

  it.each([
    { replicas: 1.5 },
    { replicas: 65 },
    { env: { A: 5 } },
    { env: { 'A B': 'x' } },
    { env: { '1A': 'x' } },
    { env: { 'A=B': 'x' } },
    { env: { '': 'x' } },
    { env: ['A'] },
    { settings: [] },
    { resources: { timeout_secs: 0 } },
    { resources: { timeout_secs: 3_601 } },
    { resources: { memory: 1 } },
    { limits: { max_concurrency: 0 } },
    { limits: { max_queue: -1 } },
    { limits: { max_queue: 0.5 } },
    { id: 'other' },
  ])('refuses %j', (patch) => {
    expect(validatePatch(patch)).not.toEqual([]);
  });

  it.each([
    'PATH',
    'NODE_OPTIONS',
    'NODE_PATH',
    'LD_PRELOAD',
    'DYLD_INSERT_LIBRARIES',
    'PYTHONPATH',
    'PYTHONHOME',
    'BKG_HOME',
  ])('may not set %s, which changes what code runs', (name) => {
    expect(isForbiddenEnv(name)).toBe(true);
  });

  it.each(['LOG_LEVEL', 'MY_PATH', 'NODE_ENV', 'LD', 'BKG', 'OMP_NUM_THREADS', 'path'])(
    'may set %s',
    (name) => {
      expect(isForbiddenEnv(name)).toBe(false);
    },
  );
});
