import type { Code, CodeKeywordDefinition, KeywordCxt, Options, ValidateFunction } from 'ajv';
import { _, Ajv2020, formats } from './ajv.ts';
import { isMultipleOf } from './decimal.ts';
import { areUnique, equalityText } from './equal-json.ts';
import { plainSchema } from './plain-schema.ts';
import { isPlainlyValid } from './plainly-valid.ts';
import type { JsonSchema } from './protocol/plugin.ts';

/** Where JavaScript finds a member that an object has not: only for these ajv has to ask whose it is, which takes time. */
const inherited = Object.getOwnPropertyNames(Object.prototype);
/** Beyond so many allowed values, not each is compared with. */
const comparedMost = 100;

/** Looks at schemas only: the schema of schemas takes longer to compile than nearly any other, and is the same for all. */
let judge: Ajv2020 | undefined;

/**
 * Checks values against a JSON Schema 2020-12, with formats; where ajv by itself does otherwise than that says, as it says.
 * @throws Error that says what is wrong with the schema
 */
export function compileSchema(schema: JsonSchema, options: { allErrors?: boolean } = {}): ValidateFunction {
  if (!isPlainlyValid(schema)) assertValid(schema);
  const text = JSON.stringify(schema);
  const ownProperties = inherited.some((name) => text.includes(`"${name}"`));
  // One compiler per schema: schemas of different plugins may carry the same $id.
  const ajv = compiler({ ...options, ownProperties, meta: false, validateSchema: false });
  return ajv.compile(plainSchema(schema, text));
}

/** By the schema of schemas. @throws Error that says what is wrong with it */
export function assertValid(schema: JsonSchema): void {
  judge ??= compiler();
  if (judge.validateSchema(schema) !== true)
    throw new Error(`schema is invalid: ${judge.errorsText(judge.errors, { dataVar: 'schema' })}`);
}

function compiler(options: Options = {}): Ajv2020 {
  const ajv = new Ajv2020({ ...options, strict: false, logger: false });
  formats.default(ajv);
  mendFormats(ajv);
  mendKeywords(ajv);
  mendRequired(ajv);
  mendContains(ajv);
  return ajv;
}

function mendFormats(ajv: Ajv2020): void {
  // Formats have names that somebody has chosen: one called constructor is unknown, as others are.
  Object.setPrototypeOf(ajv.formats, null);
  // Below the part before an @ two repetitions take the same characters: the square of the length of a text in time.
  const { url } = ajv.formats;
  if (url instanceof RegExp)
    ajv.addFormat('url', new RegExp(url.source.replace('(?::\\S*)?@', '@'), url.flags));
}

function mendKeywords(ajv: Ajv2020): void {
  // Of an older draft: in 2020-12 it says nothing, and ajv takes no schema that has it.
  ajv.removeKeyword('id');
  mend(ajv, 'const', (context, asEver) => {
    if (isScalar(context.schema)) asEver();
    else context.pass(isAmong(context, [context.schema]));
  });
  mend(ajv, 'enum', (context, asEver) => {
    const values = context.schema as unknown[];
    const areFew = values.length > 0 && values.length <= comparedMost;
    if (areFew && values.every(isScalar)) asEver();
    else context.pass(isAmong(context, values));
  });
  mend(ajv, 'uniqueItems', (context) => {
    if (context.schema === true) context.pass(calls(context, areUnique));
  }).error = { message: 'must NOT have duplicate items' };
  mend(ajv, 'multipleOf', (context) => {
    const divisor = context.schema as number;
    context.pass(calls(context, (value: number) => isMultipleOf(value, divisor)));
  });
}

/** A name without characters is none to ajv: where it stops at the first that is missing, it takes it for "nothing is missing". */
function mendRequired(ajv: Ajv2020): void {
  const needs = (context: KeywordCxt, when: string | undefined): void => {
    context.setParams({ property: when, missingProperty: '', depsCount: 1, deps: '' });
    context.pass(
      calls(
        context,
        (value: object) => Object.hasOwn(value, '') || !(when === undefined || Object.hasOwn(value, when)),
      ),
    );
  };
  mend(ajv, 'required', (context, asEver) => {
    if (!context.it.allErrors && (context.schema as string[]).includes('')) needs(context, undefined);
    asEver();
  });
  mend(ajv, 'dependentRequired', (context, asEver) => {
    for (const [name, others] of Object.entries(context.schema as Record<string, string[]>))
      if (!context.it.allErrors && others.includes('')) needs(context, name);
    asEver();
  });
}

/** After prefixItems, an empty list would be asked nothing more. */
function mendContains(ajv: Ajv2020): void {
  const ofLists = ajv.RULES.rules.find(({ type }) => type === 'array');
  ofLists?.rules.sort((a, b) => Number(b.keyword === 'contains') - Number(a.keyword === 'contains'));
}

/** Every compiler has definitions of its own. */
function mend(
  ajv: Ajv2020,
  keyword: string,
  write: (context: KeywordCxt, asEver: () => void) => void,
): CodeKeywordDefinition {
  const definition = ajv.getKeyword(keyword) as CodeKeywordDefinition;
  const { code } = definition;
  definition.code = (context) => write(context, () => code(context));
  return definition;
}

/** Not as ajv compares, which calls members of what was sent when they are called `valueOf`. */
function isAmong(context: KeywordCxt, values: readonly unknown[]): Code {
  const texts = new Set(values.map(equalityText));
  return calls(context, (value: unknown) => texts.has(equalityText(value)));
}

function calls<T>({ gen, data }: KeywordCxt, check: (value: T) => boolean): Code {
  return _`${gen.scopeValue('func', { ref: check })}(${data})`;
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}
