import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { levels, levelsUpTo, suite } from '../../src/conformance/index.ts';
import { errorTable, wireSchemas } from '../../src/protocol/index.ts';
import type { JsonSchema } from '../../src/protocol/index.ts';
import { createValidator } from '../../src/validator.ts';

const sdk = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(sdk, file), 'utf8');

/** Every value of a member of this name, anywhere in the suite. */
function membersNamed(name: string, value: unknown = suite.cases): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]: [string, unknown]) => [
    ...(key === name ? [one] : []),
    ...membersNamed(name, one),
  ]);
}

describe('suite.json', () => {
  it('fits its schema', () => {
    const schema = JSON.parse(read('src/conformance/suite.schema.json')) as JsonSchema;
    expect(createValidator(schema)(suite)).toEqual([]);
  });

  it('has cases with different ids, at least one for each level', () => {
    const ids = suite.cases.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Object.keys(suite.levels)).toEqual(levels);
    for (const level of levels) expect(levelsUpTo(level)).toContain('service');
    expect([...new Set(suite.cases.map(({ level }) => level))].sort()).toEqual([...levels].sort());
  });

  it('ends an instance in its last case only', () => {
    const ending = suite.cases.filter(({ steps }) => steps.some((step) => 'drain' in step));
    expect(ending).toEqual([suite.cases.at(-1)]);
  });

  it('names sections that PROTOCOL.md has, codes of the error table and schemas of the wire', () => {
    const headings = [...read('PROTOCOL.md').matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(expect.arrayContaining([...new Set(suite.cases.map(({ section }) => section))]));
    const codes = ['failure', 'success_or'].flatMap((name) => membersNamed(name)).flat();
    expect([...Object.keys(errorTable), 'NO_RESPONDERS']).toEqual(
      expect.arrayContaining([...new Set(codes)]),
    );
    expect([...Object.keys(wireSchemas), 'output']).toEqual(
      expect.arrayContaining([...new Set(membersNamed('fits'))]),
    );
  });

  it('uses no step and no check that its README does not describe', () => {
    const described = new Set(
      [...read('src/conformance/README.md').matchAll(/`([a-z_]+)`/g)].map(([, word]) => word),
    );
    const steps = suite.cases.flatMap(({ steps: all }) => all.flatMap((step) => Object.keys(step)));
    const checks = membersNamed('expect').flatMap((all) =>
      (all as object[]).flatMap((one) => Object.keys(one)),
    );
    expect([...new Set([...steps, ...checks])].filter((word) => !described.has(word))).toEqual([]);
  });
});
