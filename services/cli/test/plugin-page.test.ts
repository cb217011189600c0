import { describe, expect, it } from 'vitest';
import type { Enforcement, Isolation, PluginCapability } from '@bkg/sdk/protocol';
import { pluginPage } from '../src/plugin-page.ts';
import { restartText } from '../src/restart-text.ts';
import { versionTexts } from '../src/version-list.ts';
import { at, instance, plugin } from './plugin-info.ts';
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

describe('the capabilities on the page of a plugin', () => {
  const capability = (changes: Partial<PluginCapability>): PluginCapability => ({
    id: 'c',
    name: 'c',
    description: '',
    input_schema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
    output_schema: { type: 'string' },
    stream: false,
    upload: false,
    idempotent: false,
    ...changes,
  });
  const linesOf = (changes: Partial<PluginCapability>) =>
    page({ capabilities: [capability(changes)] })
      .split('\n\ncapabilities\n')[1]
      ?.split('\n');

  it.each<[string, Partial<PluginCapability>, string[]]>([
    [
      'JSON',
      { idempotent: true },
      [
        '  c  (idempotent)',
        '    takes  {n: integer}',
        '    gives  string',
        `    bkg invoke candle c '{"n":0}'`,
      ],
    ],
    [
      'a stream of JSON',
      { stream: true, chunk_schema: { type: 'number' } },
      [
        '  c  (streams)',
        '    takes  {n: integer}',
        '    chunks number',
        '    gives  string',
        `    bkg invoke candle c '{"n":0}' --stream`,
      ],
    ],
    [
      'bytes in and out',
      { upload: true, input_type: 'image/*', output_type: 'image/png\u001b' },
      [
        '  c  (takes uploads)',
        '    takes  bytes, image/*',
        '    gives  bytes, image/png\\u001b',
        '    bkg invoke candle c --file <file> --output <file>',
      ],
    ],
    [
      'bytes of any size in and out',
      { upload: true, stream: true, idempotent: true, input_type: 'a/b', chunk_type: 'c/d' },
      [
        '  c  (idempotent, streams, takes uploads)',
        '    takes  bytes, a/b',
        '    chunks bytes, c/d',
        '    bkg invoke candle c --file <file> --output <file>',
      ],
    ],
  ])('say what one with %s takes and gives, and how it is invoked', (_, changes, lines) => {
    expect(linesOf(changes)).toEqual(lines);
  });
});

describe('the limits on the page of a plugin', () => {
  const means = (strength: Enforcement['strength'], by: string, note: string) => ({ strength, by, note });
  const isolation: Isolation = {
    memory: means('enforced', 'cgroup-v1', 'Who takes more is killed.'),
    cpu: means('enforced', 'cgroup-v1', ''),
    processes: means('late', 'watchdog', 'Looked at every second.'),
    user: means('none', 'none', 'bkg is not root.'),
    files: means('enforced', 'landlock', ''),
    network: means('none', 'none', 'The kernel\u001b[2J cannot.'),
  };
  const linesOf = (text: string) => text.split('\n\nlimits\n')[1]?.split('\n\n')[0]?.split('\n');

  it('have what is used beside them, and what keeps them', () => {
    expect(linesOf(page({ isolation }))).toEqual([
      '  memory     81.3 of 1024 MB          enforced by cgroup-v1: Who takes more is killed.',
      '  CPU        12.3 of 100 % of a core  enforced by cgroup-v1',
      '  processes  at most 256              noticed late by watchdog: Looked at every second.',
      '  user       that of bkg              not enforced: bkg is not root.',
      '  files      only its own             enforced by landlock',
      '  network    unrestricted             not enforced: The kernel\\u001b[2J cannot.',
    ]);
    const two = plugin('candle', { isolation, instances: [instance(), instance()] }, { instances: 2 });
    expect(linesOf(pluginPage(two).join('\n'))?.slice(0, 3)).toEqual([
      expect.stringMatching(/^ {2}memory {5}81\.3 of 2 x 1024 MB /),
      expect.stringMatching(/^ {2}CPU {8}12\.3 of 2 x 100 % of a core /),
      expect.stringMatching(/^ {2}processes {2}at most 256 each /),
    ]);
  });

  it('stand alone when nothing runs any more, as on the dashboard', () => {
    const failed = page({ isolation, instances: [{ ...instance(), status: 'error' }] });
    expect(linesOf(failed)?.[0]).toMatch(/^ {2}memory {5}at most 1024 MB /);
  });

  it('have the word of the mesh for how strong they are where it is a new one', () => {
    const files = means('fully\u001b' as 'none', 'vm', '');
    expect(page({ isolation: { ...isolation, files } })).toMatch(
      / files {6}only its own +fully\\u001b by vm\n/,
    );
  });

  it('stand alone when somebody else has a part in what is measured, and are none when all is', () => {
    const some = page({ isolation, instances: [instance(), instance(false)] });
    expect(linesOf(some)?.[0]).toMatch(/^ {2}memory {5}at most 1024 MB each /);
    expect(page({ isolation, instances: [instance(false)] })).not.toContain('limits');
    expect(page({})).not.toContain('limits');
  });
});

describe('the last ends on the page of a plugin', () => {
  const failed = { ...instance(), status: 'error' as const };
  const end = { instance: 'a', version: '1.0.0', at, verdict: 'out_of_memory', text: 'took more' } as const;

  it('say what was printed last, harmless, and what becomes of it', () => {
    const text = page({
      status: 'error',
      error: 'took more; starting it again in 4 s',
      instances: [failed],
      ends: [
        { ...end, output: ['one\u001b[31m', 'two'] },
        { ...end, instance: 'b', verdict: 'crashed' },
      ],
      restarts: { failures: 6, stays_down: true },
    });
    expect(text).toMatch(/^candle {2}1\.0\.0 {2}error {2}\(crash loop, out of memory\)\n/);
    expect(text).toContain(
      '\n\n  took more\n  failed 6 times in a row, and stays down until it is started\n\n',
    );
    expect(text).toMatch(
      /\n\nlast ends\n {2}2026-11-24 \S+ {2}out of memory: took more {2}a {2}1\.0\.0\n {4}\| one\\u001b\[31m\n {4}\| two\n {2}2026-11-24 \S+ {2}crashed: took more {2}b {2}1\.0\.0\n\n/,
    );
  });

  it('are told when it runs again, without a verdict on what it is now', () => {
    const text = page({ ends: [{ ...end, output: [] }], restarts: { failures: 1 } });
    expect(text).toMatch(/^candle {2}1\.0\.0 {2}running\n/);
    expect(text).toContain('\n  failed once before\n');
    expect(text).toMatch(/out of memory: took more {2}a {2}1\.0\.0\n {4}it printed nothing\n/);
  });

  it('count down to the next start', () => {
    const next_at = new Date(1_000_000).toISOString();
    expect(restartText({ failures: 3, next_at }, 996_500)).toBe(
      'failed 3 times in a row, starting again in 4 s',
    );
    expect(restartText({ failures: 1, next_at }, 1_000_001)).toBe('failed once, starting again now');
  });

  it('do not count down while the supervisor is silent', () => {
    const text = page({
      status: 'error',
      instances: [failed],
      ends: [end],
      restarts: { failures: 2, next_at: at },
      unknown_since: at,
    });
    expect(text).toContain('\n  failed 2 times in a row; it was to be started again\n');
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
