import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020, formats } from './ajv.ts';
import type { PayloadError } from './protocol/errors.ts';
import type { JsonSchema } from './protocol/plugin.ts';

/** @param bytes how large the value is as text, when that is known; see `explainMostBytes` */
export type Validator = (value: unknown, bytes?: number) => PayloadError[];

/** More than this many complaints about one payload help nobody. */
const errorsMost = 20;
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
    validate ??= compile(schema);
    if (validate(value)) return [];
    if (bytes > explainMostBytes) return explain(validate.errors ?? []);
    explainAll ??= compile(schema, { allErrors: true });
    explainAll(value);
    return explain(explainAll.errors ?? []);
  };
}

/** @throws Error that says what is wrong with the schema */
export function assertSchema(schema: JsonSchema): void {
  compile(schema);
}

function compile(schema: JsonSchema, options: { allErrors?: boolean } = {}): ValidateFunction {
  // One compiler per schema: schemas of different plugins may carry the same $id.
  const ajv = new Ajv2020({ ...options, strict: false, logger: false });
  formats.default(ajv);
  return ajv.compile(schema);
}

function explain(errors: ErrorObject[]): PayloadError[] {
  return errors
    .filter(({ keyword }) => keyword !== 'if')
    .slice(0, errorsMost)
    .map((error) => ({ path: error.instancePath, message: messageOf(error) }));
}

/** ajv's words, completed by what they leave out. */
function messageOf({ keyword, message = 'is invalid', params }: ErrorObject): string {
  const { allowedValues, allowedValue, additionalProperty } = params as Record<string, unknown>;
  if (keyword === 'enum') return `${message}: ${JSON.stringify(allowedValues)}`;
  if (keyword === 'const') return `${message} ${JSON.stringify(allowedValue)}`;
  if (keyword === 'additionalProperties') return `${message}: ${JSON.stringify(additionalProperty)}`;
  return message;
}
