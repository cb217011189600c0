/** The keywords of JSON Schema 2020-12 that the document keeps, by what their value may be. */
import { isRecord } from '@bkg/sdk/protocol';
import { isPattern } from './pattern-text.ts';

/** Their value is a schema, a list of schemas, or an object of schemas. */
export const schemaKeywords = new Set([
  'additionalProperties',
  'contains',
  'contentSchema',
  'else',
  'if',
  'items',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
]);
export const schemaListKeywords = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
export const schemaMapKeywords = new Set([
  '$defs',
  'definitions',
  'dependentSchemas',
  'patternProperties',
  'properties',
]);

/** Values that are data and no schemas. */
export const dataKeywords = new Set(['const', 'default', 'enum', 'examples']);
/** Of these, what may be left out without changing what fits. */
export const annotations = new Set(['default', 'examples']);

/** Programs that read the document look for these without regard to where they stand. */
export const reservedNames = new Set([
  '$anchor',
  '$dynamicAnchor',
  '$dynamicRef',
  '$id',
  '$recursiveRef',
  '$ref',
  '$schema',
]);

const types = new Set(['array', 'boolean', 'integer', 'null', 'number', 'object', 'string']);

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isFlag: Check = (value) => typeof value === 'boolean';
const isNumber: Check = (value) => Number.isFinite(value);
const isCount: Check = (value) => Number.isInteger(value) && Number(value) >= 0;
const isListOfTexts: Check = (value) =>
  Array.isArray(value) && value.every(isText) && new Set(value).size === value.length;
const isType: Check = (value) => types.has(value as string);

/** All other keywords that are kept. Those that are in none of these tables nobody has to understand: they are dropped. */
export const plainKeywords: ReadonlyMap<string, Check> = new Map<string, Check>([
  [
    'type',
    (value) =>
      isType(value) || (isListOfTexts(value) && (value as []).length > 0 && (value as []).every(isType)),
  ],
  ['const', () => true],
  ['default', () => true],
  ['enum', Array.isArray],
  ['examples', Array.isArray],
  ['title', isText],
  ['description', isText],
  ['format', isText],
  ['contentEncoding', isText],
  ['contentMediaType', isText],
  ['pattern', isPattern],
  ['deprecated', isFlag],
  ['readOnly', isFlag],
  ['writeOnly', isFlag],
  ['uniqueItems', isFlag],
  ['minimum', isNumber],
  ['maximum', isNumber],
  ['exclusiveMinimum', isNumber],
  ['exclusiveMaximum', isNumber],
  ['multipleOf', (value) => isNumber(value) && Number(value) > 0],
  ['minLength', isCount],
  ['maxLength', isCount],
  ['minItems', isCount],
  ['maxItems', isCount],
  ['minContains', isCount],
  ['maxContains', isCount],
  ['minProperties', isCount],
  ['maxProperties', isCount],
  ['required', isListOfTexts],
  ['dependentRequired', (value) => isRecord(value) && Object.values(value).every(isListOfTexts)],
]);
