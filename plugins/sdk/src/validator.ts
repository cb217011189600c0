import type { ErrorObject, ValidateFunction } from 'ajv';
import { compileSchema } from './compiled-schema.ts';
import type { PayloadError } from './protocol/errors.ts';
import type { JsonSchema } from './protocol/plugin.ts';

/** @param bytes how large the value is as text, when that is known; see `explainMostBytes` */
export type Validator = (value: unknown, bytes?: number) => PayloadError[];

/** More than this many complaints about one payload help nobody. */
const errorsMost = 20;
type Complaint = Pick<ErrorObject, 'keyword' | 'instancePath' | 'message' | 'params'>;
const tooDeep: Complaint = {
  keyword: '$ref',
  instancePath: '',
  message: 'is nested too deeply to be checked',
  params: {},
};
/** Of larger values only the first complaint is looked for: a hostile one would make us collect hundreds of thousands. */
const explainMostBytes = 64 * 1024;

/**
 * A compiled check against a JSON Schema 2020-12, with formats; [] means valid.
 * It is compiled at the first use: most programs use few of the schemas they know.
 * @throws Error at the first use when the schema itself is invalid
 */
export function createValidator(schema: JsonSchema): Validator {
  let validate: ValidateFunction | undefined;
  let explainAll: ValidateFunction | undefined;
  return (value, bytes = 0) => {
    validate ??= compileSchema(schema);
    const errors = errorsOf(validate, value);
    if (errors.length === 0 || bytes > explainMostBytes) return explain(errors);
    explainAll ??= compileSchema(schema, { allErrors: true });
    return explain(allErrorsOf(explainAll, value) ?? errors);
  };
}

/** @throws Error that says what is wrong with the schema */
export function assertSchema(schema: JsonSchema): void {
  compileSchema(schema);
}

function errorsOf(validate: ValidateFunction, value: unknown): Complaint[] {
  try {
    return validate(value) ? [] : (validate.errors ?? []);
  } catch (error) {
    // JSON may be nested deeper than functions may call each other: a schema that refers to itself follows it down there.
    if (error instanceof RangeError) return [tooDeep];
    throw error;
  }
}

/** Undefined where ajv fails at it, as it does with unevaluatedProperties in some places: the first complaint is known by then. */
function allErrorsOf(validate: ValidateFunction, value: unknown): Complaint[] | undefined {
  try {
    const errors = errorsOf(validate, value);
    return errors.length > 0 ? errors : undefined;
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function explain(errors: Complaint[]): PayloadError[] {
  return errors
    .filter(({ keyword }) => keyword !== 'if')
    .slice(0, errorsMost)
    .map((error) => ({ path: error.instancePath, message: messageOf(error) }));
}

/** ajv's words, completed by what they leave out. */
function messageOf({ keyword, message = 'is invalid', params }: Complaint): string {
  const { allowedValues, allowedValue, additionalProperty } = params as Record<string, unknown>;
  if (keyword === 'enum') return `${message}: ${JSON.stringify(allowedValues)}`;
  if (keyword === 'const') return `${message} ${JSON.stringify(allowedValue)}`;
  if (keyword === 'additionalProperties') return `${message}: ${JSON.stringify(additionalProperty)}`;
  return message;
}
