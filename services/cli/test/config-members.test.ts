import { describe, expect, it } from 'vitest';
import type { Problem } from '@bkg/sdk/protocol';
import { explainRefusal, memberText } from '../src/config-members.ts';
import { refusal } from '../src/refusal.ts';

describe('what a member of a configuration takes', () => {
  it.each([
    [
      'resources.max_memory_mb',
      'resources.max_memory_mb takes a whole number from 16 to 16777216. MiB that one instance may take, with all that it starts.',
    ],
    ['resources.timeout_secs', /^resources\.timeout_secs takes a number above 0, up to 3600\. /],
    ['sandbox', /^sandbox takes one of off, on, strict\. /],
    ['resources.max_memory', 'resources has timeout_secs, max_memory_mb, max_cpu_percent, max_processes'],
    ['colour', /^a configuration has enabled, autostart, .*sandbox, resources, limits$/],
    ['constructor', /^a configuration has /],
    ['enabled', undefined],
    ['env.LANG', undefined],
    ['settings.step', undefined],
  ])('is told of %s', (path, text) => {
    if (typeof text === 'object') expect(memberText(path)).toMatch(text);
    else expect(memberText(path)).toBe(text);
  });
});

describe('a change of a configuration that is refused', () => {
  const refused = (code: string, ...errors: NonNullable<Problem['errors']>) => {
    const problem = { type: '', title: '', status: 400, code, detail: 'No.', retryable: false, errors };
    return refusal(problem, { plugin: 'candle', isConfig: true });
  };
  const told = (error: unknown, ...settings: string[]) =>
    (explainRefusal(error, settings) as Error).message.split('\n').slice(1);

  it('says what the members take that are wrong, and nothing of the others', () => {
    const error = refused(
      'INVALID_PAYLOAD',
      { path: '/resources/max_memory_mb', message: 'must be integer,null' },
      { path: '/resources', message: 'must NOT have additional properties: "max_cpu"' },
    );
    const settings = ['resources.max_memory_mb=512MB', 'resources.max_cpu=50', 'limits.max_queue=5'];
    expect(told(error, ...settings)).toEqual([
      '    /resources/max_memory_mb  must be integer,null',
      '    /resources  must NOT have additional properties: "max_cpu"',
      expect.stringMatching(/^ {4}resources\.max_memory_mb takes a whole number from 16 /),
      expect.stringMatching(/^ {4}resources has timeout_secs, max_memory_mb, /),
    ]);
    expect(explainRefusal(error, settings)).toMatchObject({ code: error.code, remedy: error.remedy });
  });

  it('is left as it is for any other reason', () => {
    const conflict = refused('CONFLICT');
    expect(explainRefusal(conflict, ['replicas=2'])).toBe(conflict);
    const fault = new Error('x');
    expect(explainRefusal(fault, ['replicas=2'])).toBe(fault);
  });
});
