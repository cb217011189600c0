import { isRecord } from '@bkg/sdk/protocol';
import {
  validate,
  type OutputUnit,
  type Schema as CheckedSchema,
  type SchemaDraft,
} from '@cfworker/json-schema';
import { readsExactly } from '../json-number.ts';
import { pointerTo } from '../json-pointer.ts';
import { parseTree, type JsonNode } from '../json-tree.ts';
import { takeFormats } from './formats.ts';
import { findNode } from './json-edit.ts';

export interface Mistake {
  /** JSON pointer (RFC 6901). */
  path: string;
  message: string;
}

takeFormats();
const mistakesMost = 200;

/**
 * Where a payload does not fit its schema.
 * @throws when the schema itself cannot be worked with
 */
export function checkPayload(schema: unknown, text: string): Mistake[] {
  const { root } = parseTree(text);
  if (!root) return [];
  assertReadAlike(schema);
  const { errors } = validate(
    JSON.parse(text),
    schema as CheckedSchema | boolean,
    draftOf(schema),
    undefined,
    false,
  );
  const found = new Map<string, Mistake>();
  for (const error of ownErrors(errors)) {
    const mistake = toMistake(error);
    if (isUnsure(error, mistake.path)) continue;
    found.set(`${mistake.path}\n${mistake.message}`, mistake);
    if (found.size >= mistakesMost) break;
  }
  return [...found.values()];

  /** Reading changed the number, so what was compared is not what is sent. */
  function isUnsure({ keyword, error }: OutputUnit, path: string): boolean {
    const isCompared = comparing.has(keyword) || (keyword === 'type' && error.includes('"integer"'));
    const node = isCompared ? findNode(root, path) : undefined;
    return node !== undefined && hasInexact(text, node);
  }
}

/** What plugins read otherwise: what is refused here might be taken there. */
function assertReadAlike(schema: unknown): void {
  const text = JSON.stringify(schema);
  const has = (keyword: string): boolean => text.includes(`"${keyword}":`);
  if (has('$dynamicRef')) throw new Error('It has a $dynamicRef.');
  if (has('unevaluatedItems') && has('contains')) throw new Error('It has unevaluatedItems and contains.');
}

const comparing = new Set([
  'const',
  'enum',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'uniqueItems',
]);

function hasInexact(text: string, { kind, start, end, children }: JsonNode): boolean {
  if (kind === 'scalar') return !readsExactly(text.slice(start, end));
  return children.some(({ value }) => hasInexact(text, value));
}

function draftOf(schema: unknown): SchemaDraft {
  const named = isRecord(schema) && typeof schema['$schema'] === 'string' ? schema['$schema'] : '';
  if (/draft-0?7/.test(named)) return '7';
  if (/draft-0?4/.test(named)) return '4';
  return named.includes('2019-09') ? '2019-09' : '2020-12';
}

/** Those that say only that something below or beside them is wrong. */
const containers = new Set([
  '$ref',
  '$recursiveRef',
  '$dynamicRef',
  'allOf',
  'if',
  'properties',
  'patternProperties',
  'additionalProperties',
  'unevaluatedProperties',
  'dependentSchemas',
  'dependencies',
  'propertyNames',
  'prefixItems',
  'items',
  'additionalItems',
  'unevaluatedItems',
]);

/**
 * The errors that tell something by themselves. Of a union, those of the one option whose kind and constants fit;
 * without exactly one such option only that none fits.
 */
function ownErrors(errors: readonly OutputUnit[]): OutputUnit[] {
  const hidden = new Set<OutputUnit>();
  for (const union of errors) {
    if (hidden.has(union) || (union.keyword !== 'anyOf' && union.keyword !== 'oneOf')) continue;
    const options = new Map<string, OutputUnit[]>();
    const prefix = `${union.keywordLocation}/`;
    for (const error of errors) {
      if (error === union || !error.keywordLocation.startsWith(prefix)) continue;
      if (!error.instanceLocation.startsWith(union.instanceLocation)) continue;
      const [option = ''] = error.keywordLocation.slice(prefix.length).split('/', 1);
      options.set(option, [...(options.get(option) ?? []), error]);
    }
    const likely = [...options].filter(([, list]) => !list.some((error) => isOtherForm(error, union)));
    const [only] = likely;
    if (likely.length === 1 && only && !/\((?:[2-9]|\d\d+) matches\)/.test(union.error)) {
      hidden.add(union);
      for (const [option, list] of options)
        if (option !== only[0]) for (const error of list) hidden.add(error);
    } else {
      for (const error of [...options.values()].flat()) hidden.add(error);
    }
  }
  return errors.filter((error) => !hidden.has(error) && !containers.has(error.keyword));
}

/** An error that shows that this option was not meant: another kind, or a constant of it or of a direct member. */
function isOtherForm({ keyword, instanceLocation }: OutputUnit, union: OutputUnit): boolean {
  const below = instanceLocation.slice(union.instanceLocation.length).split('/').length - 1;
  return (keyword === 'type' && below === 0) || ((keyword === 'const' || keyword === 'enum') && below <= 1);
}

/** The validator's words by keyword, and what they are on this page. */
const sentences: Record<string, [RegExp, (...found: string[]) => string]> = {
  type: [
    /"(.*)" is invalid\. Expected "(.*)"\.$/s,
    (found, wanted) => `This is ${found}; the schema wants ${wanted.replaceAll('", "', ' or ')}.`,
  ],
  enum: [/any of (.*)\.$/s, (list) => `None of the values allowed: ${short(list)}.`],
  const: [/match (.*)\.$/s, (value) => `It has to be ${short(value)}.`],
  anyOf: [/./, () => fitsNone],
  oneOf: [
    /\((\d+) matches\)/,
    (count) =>
      count === '0' ? fitsNone : `It has to fit one of the forms that the schema allows, and fits ${count}.`,
  ],
  minLength: [/\((\d+) < (\d+)\)/, (has, least) => `At least ${count(least, 'character')}; it has ${has}.`],
  maxLength: [/\((\d+) > (\d+)\)/, (has, most) => `At most ${count(most, 'character')}; it has ${has}.`],
  minItems: [/\((\d+) < (\d+)\)/, (has, least) => `At least ${count(least, 'item')}; it has ${has}.`],
  maxItems: [/\((\d+) > (\d+)\)/, (has, most) => `At most ${count(most, 'item')}; it has ${has}.`],
  not: [/./, () => 'The schema rules this out.'],
  false: [/./, () => 'The schema allows nothing here.'],
  pattern: [/./, () => 'It does not match the pattern.'],
  format: [/"(.*)"\.$/s, (format) => `It is no ${short(format)}.`],
};
const fitsNone = 'It fits none of the forms that the schema allows.';

/** Turns the validator's words into this page's, and moves what is missing to where it would be. */
function toMistake({ instanceLocation, keyword, error }: OutputUnit): Mistake {
  const path = decodeURIComponent(instanceLocation.slice(1));
  const missing = /^Instance does not have required property "(.*)"\.$/s.exec(error)?.[1];
  if (keyword === 'required' && missing !== undefined) {
    return { path: pointerTo(path, missing), message: 'The schema requires it.' };
  }
  const [words, sentence] = sentences[keyword] ?? [];
  const found = words?.exec(error);
  if (found && sentence) return { path, message: sentence(...found.slice(1)) };
  return { path, message: short(error) };
}

function count(number: string, noun: string): string {
  return `${number} ${noun}${number === '1' ? '' : 's'}`;
}

function short(text: string): string {
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}
