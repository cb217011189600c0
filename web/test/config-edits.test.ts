import {
  configDefaults,
  wireSchemas,
  type PluginConfig,
  type PluginInfo,
  type Rollout,
} from '@bkg/sdk/protocol';
import { describe, expect, it } from 'vitest';
import {
  editsOf,
  numberMembers,
  numberPaths,
  placeOfError,
  readEdits,
  rebaseEdits,
  type ConfigEdits,
} from '../src/lib/config/config-edits.ts';
import { effectText, saveEffect } from '../src/lib/config/save-effect.ts';

const base: PluginConfig = {
  id: 'tally',
  ...configDefaults,
  env: { LEVEL: 'info', KEPT: '1' },
  settings: { step: 1, names: ['a'] },
  revision: 4,
};

const edited = (part: Partial<ConfigEdits> = {}): ConfigEdits => ({ ...editsOf(base), ...part });
const numbers = (part: Partial<ConfigEdits['numbers']>) => ({ ...editsOf(base).numbers, ...part });

describe('the edits of a configuration', () => {
  it('are nothing as long as nothing is typed', () => {
    expect(readEdits(base, editsOf(base))).toEqual({ patch: {}, differences: [], mistakes: new Map() });
  });

  it('become a patch of what changed, and the list of it', () => {
    const { patch, differences } = readEdits(
      base,
      edited({
        numbers: numbers({ '/limits/max_queue': '10' }),
        env: [{ name: 'KEPT', value: '1' }],
        settings: '{"step": 2, "names": ["a"]}',
      }),
    );
    expect(patch).toEqual({ limits: { max_queue: 10 }, env: { LEVEL: null }, settings: { step: 2 } });
    expect(differences.map(({ path }) => path)).toEqual([
      '/env/LEVEL',
      '/settings/step',
      '/limits/max_queue',
    ]);
  });

  it('may leave out the largest upload, say it, and take it away again', () => {
    expect(editsOf(base).numbers['/limits/max_upload_mb']).toBe('');
    const path = '/limits/max_upload_mb';
    const set = readEdits(base, edited({ numbers: numbers({ [path]: '512' }) }));
    expect([set.patch, set.mistakes.size]).toEqual([{ limits: { max_upload_mb: 512 } }, 0]);
    const limited = { ...base, limits: { ...base.limits, max_upload_mb: 512 } };
    const gone = readEdits(limited, { ...editsOf(limited), numbers: numbers({ [path]: ' ' }) });
    expect(gone.patch).toEqual({ limits: { max_upload_mb: null } });
    expect(gone.differences).toEqual([{ path, before: 512, after: undefined }]);
    expect(readEdits(base, edited({ numbers: numbers({ [path]: '0' }) })).mistakes.get(path)).toMatch(/1 to/);
  });

  it('become a patch of limits and of the sandbox', () => {
    const { patch } = readEdits(
      base,
      edited({
        sandbox: 'strict',
        numbers: numbers({
          '/resources/max_memory_mb': '512',
          '/resources/max_cpu_percent': '150',
          '/resources/max_processes': '32',
        }),
      }),
    );
    expect(patch).toEqual({
      sandbox: 'strict',
      resources: { max_memory_mb: 512, max_cpu_percent: 150, max_processes: 32 },
    });
    expect(readEdits(base, edited({ sandbox: 'on', resets: new Set(['/sandbox']) })).patch).toEqual({
      sandbox: null,
    });
  });

  it('keep to the numbers that the mesh takes', () => {
    const boundsOf = (path: string) => {
      const at = (schema: unknown, name: string) =>
        (schema as { properties: Record<string, unknown> }).properties[name];
      const { type, minimum, exclusiveMinimum, maximum } = path
        .split('/')
        .slice(1)
        .reduce<unknown>(at, wireSchemas.ConfigPatch) as Record<string, unknown>;
      return { least: minimum ?? exclusiveMinimum, most: maximum, isWhole: type === 'integer' };
    };
    for (const path of numberPaths) expect(numberMembers[path], path).toMatchObject(boundsOf(path));
  });

  it('take members back to their defaults, alone and beside others', () => {
    const { patch, differences, mistakes } = readEdits(
      base,
      edited({
        numbers: numbers({ '/limits/max_queue': '10', '/limits/max_concurrency': 'x' }),
        settings: '{',
        resets: new Set(['/limits/max_concurrency', '/settings', '/replicas']),
      }),
    );
    expect(patch).toEqual({
      limits: { max_queue: 10, max_concurrency: null },
      settings: null,
      replicas: null,
    });
    expect(differences).toContainEqual({
      path: '/limits/max_concurrency',
      before: 64,
      after: undefined,
      toDefault: true,
    });
    // What comes back to its default is not read.
    expect(mistakes.size).toBe(0);
  });

  it.each([
    ['/replicas', '65'],
    ['/replicas', '1.5'],
    ['/replicas', ''],
    ['/resources/timeout_secs', '0'],
    ['/limits/max_concurrency', '0'],
    ['/limits/max_queue', '-1'],
  ] as const)('say what is wrong with %s: "%s"', (path, text) => {
    expect(readEdits(base, edited({ numbers: numbers({ [path]: text }) })).mistakes.get(path)).toMatch(
      /number/,
    );
  });

  it('allow a part of a second', () => {
    const { patch } = readEdits(base, edited({ numbers: numbers({ '/resources/timeout_secs': '0.5' }) }));
    expect(patch).toEqual({ resources: { timeout_secs: 0.5 } });
  });

  it.each([
    ['', /name/],
    ['1ST', /begin with a digit/],
    ['PATH', /may not be set/],
    ['LEVEL', /another LEVEL/],
  ])('say what is wrong with a variable called "%s"', (name, words) => {
    const env = [...editsOf(base).env, { name, value: 'x' }];
    expect(readEdits(base, edited({ env })).mistakes.get('/env/2')).toMatch(words);
  });

  it.each([
    ['{', /no JSON/],
    ['[]', /object/],
    ['{"step": null}', /\/step cannot be set to null/],
  ])('say what is wrong with the settings %s', (settings, words) => {
    expect(readEdits(base, edited({ settings })).mistakes.get('/settings')).toMatch(words);
  });

  it('find the row that an answer means', () => {
    expect(placeOfError('/env/KEPT', editsOf(base).env)).toBe('/env/1');
    expect(placeOfError('/replicas', editsOf(base).env)).toBe('/replicas');
  });
});

describe('edits on top of what somebody else has written', () => {
  const theirs: PluginConfig = {
    ...base,
    replicas: 3,
    limits: { max_concurrency: 8, max_queue: 1_024 },
    env: { LEVEL: 'debug', THEIRS: 'x', KEPT: '1' },
    settings: { step: 1, names: ['b'] },
    revision: 5,
  };

  it('keep both, and this one where both changed the same', () => {
    const mine = edited({
      sandbox: 'on',
      numbers: numbers({ '/limits/max_queue': '10', '/replicas': '2' }),
      env: [...editsOf(base).env, { name: 'MINE', value: 'y' }],
      settings: '{"step": 2, "names": ["a"]}',
    });
    const rebased = rebaseEdits(base, theirs, mine);
    expect(rebaseEdits(base, { ...theirs, sandbox: 'strict' }, edited()).sandbox).toBe('strict');
    expect(readEdits(theirs, rebased).patch).toEqual({
      sandbox: 'on',
      replicas: 2,
      limits: { max_queue: 10 },
      env: { MINE: 'y' },
      settings: { step: 2 },
    });
  });

  it('keep what cannot be read yet as it was typed', () => {
    const mine = edited({
      numbers: numbers({ '/limits/max_queue': 'ten' }),
      env: [{ name: '1', value: 'x' }],
      settings: '{"step": ',
    });
    expect(rebaseEdits(base, theirs, mine)).toMatchObject({
      numbers: { '/limits/max_queue': 'ten', '/replicas': '3' },
      env: mine.env,
      settings: mine.settings,
    });
  });
});

describe('how a saved configuration took effect', () => {
  const info = (part: Partial<PluginInfo>) => ({ instances: [{ managed: true }], ...part }) as PluginInfo;
  const rollout = (started_at: string) =>
    ({ verb: 'configure', state: 'done', started_at, instances: [{}, {}] }) as Rollout;

  it('by a rollout, when that is another one than before', () => {
    const effect = saveEffect(info({ rollout: rollout('1') }), info({ rollout: rollout('2') }));
    expect(effectText(effect)).toMatch(/2 instances were replaced/);
  });

  it('live, when there was none', () => {
    const before = info({ rollout: rollout('1') });
    expect(saveEffect(before, before).kind).toBe('live');
    expect(saveEffect(info({}), info({})).kind).toBe('live');
    const taken = { ...rollout('2'), instances: [] };
    expect(saveEffect(before, info({ rollout: taken })).kind).toBe('live');
  });

  it('from the next start on, when nothing runs', () => {
    expect(saveEffect(info({ instances: [] }), info({ instances: [] })).kind).toBe('later');
  });
});
