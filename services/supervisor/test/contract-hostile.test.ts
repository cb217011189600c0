import { expect, it } from 'vitest';
import type { JsonSchema } from '@bkg/sdk';
import { compareContracts } from '../src/rollout/contract.ts';
import {
  capability,
  compare,
  descriptor,
  lines,
  object,
  ofInput,
  ofOutput,
  text,
  whole,
} from './contract-kit.ts';
import { hostile, randomOf } from './hostile.ts';
import type { Random } from './hostile.ts';

it('lists, paths and details are bounded, and say so', () => {
  const many = (one: unknown) =>
    object(
      Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`p${1000 + i}${'x'.repeat(1_000)}`, one])),
    );
  const { breaks, unknown } = ofInput(many(text), many(whole));
  expect(unknown).toEqual([]);
  expect(breaks).toHaveLength(100);
  expect(breaks.every(({ path }) => path.length === 256 && path.endsWith('…'))).toBe(true);
  expect(breaks[0]?.detail).toBe('takes integer now, took string');
  expect(breaks[99]?.detail).toBe('takes integer now, took string; and 200 more are not listed');
  const [long] = ofInput({ pattern: 'x'.repeat(1_000) }, { pattern: `${'x'.repeat(1_000)}y` }).unknown;
  expect(long?.detail).toBe(`pattern is another one now; both begin with "${'x'.repeat(58)}…`);
});

it.each<[string, (leaf: unknown) => unknown]>([
  ['deep', (leaf) => nested(leaf, 5_000, (one) => object({ a: one }))],
  ['deep in its choices', (leaf) => nested(leaf, 5_000, (one) => ({ anyOf: [one, text] }))],
  ['deep in what is no schema', (leaf) => ({ default: nested(leaf, 50_000, (one) => [one]) })],
  ['wide', (leaf) => object(Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`p${i}`, leaf])))],
  ['of many values', (leaf) => ({ enum: [...Array.from({ length: 100_000 }, (_, i) => i), leaf] })],
  ['of many parts', (leaf) => ({ allOf: Array.from({ length: 100_000 }, () => ({ not: leaf })) })],
  [
    'of many alternatives',
    (leaf) => ({ oneOf: Array.from({ length: 100_000 }, (_, i) => ({ const: i, leaf })) }),
  ],
  ['a chain of references', (leaf) => chain(leaf, 100_000)],
])('one that is too large is unknown from there on: %s', (_, make) => {
  const [before, after] = [make(text), make(whole)] as JsonSchema[];
  const startedAt = performance.now();
  const report = compare(
    { input_schema: before!, output_schema: text },
    { input_schema: after!, output_schema: whole },
  );
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  const [first] = report.unknown;
  expect(first?.path).toBe('/input_schema');
  expect(first?.detail).toMatch(/^is too large to be compared to its end: it has too many (parts|levels)$/);
  expect(report.breaks).toMatchObject([{ path: '/output_schema', rule: 'output_widened' }]);
});

function nested(leaf: unknown, levels: number, around: (one: unknown) => unknown): unknown {
  let one = leaf;
  for (let i = 0; i < levels; i += 1) one = around(one);
  return one;
}

function chain(leaf: unknown, links: number): unknown {
  const $defs = Object.fromEntries(
    Array.from({ length: links }, (_, i) => [
      `d${i}`,
      i === links - 1 ? leaf : { $ref: `#/$defs/d${i + 1}` },
    ]),
  );
  return { $defs, $ref: '#/$defs/d0' };
}

it('what was not compared to its end comes before a long list of differences', () => {
  const wide = (minLength: number) =>
    object(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`p${i}`, { minLength }])));
  const before = [
    capability({ id: 'a', input_schema: wide(1) }),
    capability({ id: 'b', input_schema: wide(1) }),
  ];
  const after = [
    capability({ id: 'a', input_schema: wide(2) }),
    capability({ id: 'b', input_schema: wide(2) }),
  ];
  const { unknown } = compareContracts(descriptor(...before), descriptor(...after));
  expect(unknown).toHaveLength(100);
  expect(unknown.slice(0, 3)).toMatchObject([
    { capability: 'a', path: '/input_schema' },
    { capability: 'b', path: '/input_schema' },
    { capability: 'a', path: '/input_schema/properties/p0/minLength' },
  ]);
  expect(unknown[99]?.detail).toMatch(/; and \d{3,} more are not listed$/);
});

it('hostile schemas cannot keep everything else waiting', () => {
  // Each of one refers to the next of it, so that each is met with each of the other.
  const ring = (length: number) => ({
    $defs: Object.fromEntries(
      Array.from({ length }, (_, i) => [
        `d${i}`,
        object({
          a: { $ref: `#/$defs/d${(i + 1) % length}` },
          b: { $ref: `#/$defs/d${(i * 7 + 3) % length}` },
        }),
      ]),
    ),
    $ref: '#/$defs/d0',
  });
  const all = (length: number) =>
    descriptor(
      ...Array.from({ length: 40 }, (_, i) =>
        capability({ id: `c${i}`, input_schema: ring(length), output_schema: ring(length) }),
      ),
    );
  const startedAt = performance.now();
  const report = compareContracts(all(199), all(211));
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  expect(report.breaks).toEqual([]);
  expect(report.unknown).toHaveLength(80);
});

it('a prototype is no property', () => {
  const named = (names: string[], one: unknown) =>
    JSON.parse(
      JSON.stringify(object(Object.fromEntries(names.map((name) => [`${name}!`, one])))).replaceAll('!', ''),
    ) as unknown;
  const names = ['__proto__', 'constructor', 'toString'];
  expect(lines(ofInput(named(names, text), named(names, text)))).toEqual([]);
  expect(ofInput(named(names, text), named(names, whole)).breaks).toHaveLength(3);
  expect(ofOutput(named(names, text), named([], text)).breaks).toHaveLength(3);
});

/** A schema as somebody may write it. */
function schemaOf(random: Random, levels = 4): unknown {
  const inner = (): unknown => schemaOf(random, levels - 1);
  const kinds: (() => unknown)[] = [
    () => ({ type: random.pick(['string', 'integer', 'number', 'null', 'boolean']) }),
    () => ({ type: ['string', random.pick(['integer', 'null'])] }),
    () => ({ enum: [random.below(3), 'a', null].slice(random.below(3)) }),
    () => ({ const: random.below(3) }),
    () => random.pick([true, {}, { minimum: random.below(3) }, { format: 'date' }]),
    () => ({ $ref: random.pick(['#', '#/$defs/a', '#/$defs/b', '#/$defs/c', 'x', '#y']) }),
  ];
  if (levels > 0)
    kinds.push(
      () => object({ a: inner(), b: inner() }, ['a', 'b'].slice(random.below(3))),
      () => ({ ...object({ c: inner() }), additionalProperties: random.pick([false, inner()]) }),
      () => ({ type: 'array', items: inner() }),
      () => ({ prefixItems: [inner(), inner()], items: random.pick([false, inner()]) }),
      () => ({ [random.pick(['anyOf', 'oneOf', 'allOf'])]: [inner(), inner()] }),
      () => ({ [random.pick(['not', 'if', 'contains'])]: inner() }),
      () => ({ $ref: '#/$defs/a', allOf: [inner()], patternProperties: { x: inner() } }),
    );
  return random.pick(kinds)();
}

function documentOf(random: Random): JsonSchema {
  const $defs = { a: schemaOf(random), b: schemaOf(random, 2) };
  const schema = schemaOf(random);
  return (typeof schema === 'object' ? { ...schema, $defs } : schema) as JsonSchema;
}

/** The same, with its members in another order. */
function shuffled(random: Random, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => shuffled(random, one));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, one]) => [name, shuffled(random, one)] as const);
  return Object.fromEntries(entries.sort(() => random.below(3) - 1));
}

it('of a thousand schemas: equal ones have no difference, and the report does not depend on their order', () => {
  let broken = 0;
  for (let seed = 0; seed < 1_000; seed += 1) {
    const random = randomOf(seed);
    const [before, after] = [documentOf(random), documentOf(random)];
    expect(lines(ofInput(before, shuffled(random, before)))).toEqual([]);
    expect(lines(ofOutput(structuredClone(before), before))).toEqual([]);
    const report = ofInput(before, after);
    expect(ofInput(shuffled(random, before), after)).toMatchObject({
      breaks: report.breaks.map(({ path, rule }) => ({ path, rule })),
    });
    if (report.breaks.length > 0) broken += 1;
  }
  expect(broken).toBeGreaterThan(200);
});

it('of a thousand spoiled schemas each has a report that can be sent', () => {
  for (let seed = 0; seed < 1_000; seed += 1) {
    const random = randomOf(seed);
    const before = documentOf(random);
    const after = hostile(random, before) as JsonSchema;
    expect(lines(ofInput(after, structuredClone(after)))).toEqual([]);
    for (const report of [ofInput(before, after), ofOutput(before, after), ofInput(after, before)]) {
      const sent = JSON.stringify(report);
      expect(JSON.parse(sent)).toEqual(report);
      expect(sent.length).toBeLessThan(200_000);
      for (const { path, detail } of [...report.breaks, ...report.unknown])
        expect(path.isWellFormed() && detail.isWellFormed() && detail.length > 0).toBe(true);
    }
  }
});
