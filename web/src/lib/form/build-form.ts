import { isRecord } from '@bkg/sdk/protocol';
import { asSchema, readSchema, type Schema, type SchemaObject } from '../json-schema.ts';
import { parseTree, type JsonNode } from '../json-tree.ts';
import { sampleJson } from '../sample-json.ts';
import { limitsOf, shortJson } from '../schema-rows.ts';
import { arrayShape, objectShape } from './build-container.ts';
import type { Choice, Field, Shape } from './field.ts';
import { flatten, join, typesOf } from './flat-schema.ts';
import { kindOf, numberShape, stringShape, type JsonKind } from './scalar.ts';
import { choiceShape, choicesOf, variantsOf, type Variant } from './variants.ts';

/** More fields than this are no form any more, and heavy for the page. */
const fieldsMost = 150;
const deepest = 10;
const longestText = 600;

/** What a form is made from. `left` is how many more fields it may have. */
export interface FormContext {
  text: string;
  root: Schema;
  left: number;
}

export interface Place {
  pointer: string;
  name: string;
  required: boolean;
  depth: number;
}

/**
 * The form of a payload. What the schema says in a way that fields cannot show faithfully, and values that are of
 * another kind than it says, become a JSON field for that part only. Fields are made for what is there, so that
 * schemas which contain themselves end with the payload.
 */
export function buildForm(schema: unknown, text: string, root: JsonNode): Field {
  const whole = asSchema(schema);
  const context = { text, root: whole, left: fieldsMost };
  return buildField(context, whole, root, { pointer: '', name: '', required: true, depth: 0 });
}

/** Whether a form shows more of such payloads than their JSON. `sample` is one of them. */
export function offersForm(schema: unknown, sample: string): boolean {
  const { root } = parseTree(sample);
  const shape = root && buildForm(schema, sample, root).shape;
  if (!shape || shape.kind === 'json') return false;
  return shape.kind !== 'object' || shape.members.length + shape.absent.length > 0;
}

export function buildField(context: FormContext, schema: Schema, node: JsonNode, place: Place): Field {
  context.left -= 1;
  const flat = flatten(schema, context.root);
  const { nullable, rest } = splitNull(flat ?? {}, context.root);
  const field = (shape: Shape, about: SchemaObject = rest): Field => ({
    pointer: place.pointer,
    name: place.name,
    required: place.required,
    nullable,
    ...wordsOf(about),
    hints: hintsOf(about, shape),
    sample: () => sampleJson(nullable ? rest : schema, context.root),
    text: context.text.slice(node.start, node.end),
    shape,
  });
  const json = (why: string) => field({ kind: 'json', why });

  if (schema === false) return json('The schema allows nothing here.');
  if (!flat) return json('The schema of this part cannot be followed to its end.');
  if (place.depth > deepest) return json('Nested too deep for the form.');
  if (context.left < 0) return json('The form has enough fields already.');
  if (nullable && kindOf(context.text, node) === 'null') return field({ kind: 'null' });

  const choices = choicesOf(rest, context.root);
  if (choices) return field(choiceShape(choices, context.text, node));
  const { oneOf, anyOf, ...others } = rest;
  const types = jsonTypesOf(rest);
  const { type: _, ...untyped } = others;
  const bySeveralTypes = types.length > 1 && !oneOf && !anyOf;
  const base = bySeveralTypes ? untyped : others;
  const options = bySeveralTypes ? types.map((type) => ({ type })) : (oneOf ?? anyOf);
  if (options) {
    const variants = oneOf && anyOf ? undefined : variantsOf(base, options, context.root);
    if (variants === undefined)
      return json('Which of several forms this is cannot be told by one member or type.');
    const [only] = variants;
    // Rules over the same members, or one form only: nothing to choose.
    if (variants.length > 1) return variantField(context, variants, node, place, field);
    return field(shapeOf(context, only?.schema ?? base, node, place), only?.schema ?? rest);
  }
  return field(shapeOf(context, rest, node, place));
}

function variantField(
  context: FormContext,
  variants: Variant[],
  node: JsonNode,
  place: Place,
  field: (shape: Shape) => Field,
): Field {
  const options = variants.map(({ label, schema }): Choice => ({
    label,
    description: schema.description?.slice(0, longestText) ?? '',
    value: () => sampleJson(schema, context.root),
  }));
  const at = variants.findIndex((variant) => variant.fits(context.text, node));
  const chosen = variants[at];
  const shape: Shape = chosen
    ? shapeOf(context, chosen.schema, node, place)
    : { kind: 'json', why: 'It fits none of the choices.', isMistake: true };
  const outer = field({ kind: 'json', why: '' });
  const variant: Field = {
    ...outer,
    description: '',
    hints: chosen ? hintsOf(chosen.schema, shape) : [],
    nullable: false,
    shape,
  };
  return {
    ...outer,
    hints: [],
    shape: { kind: 'variants', options, selected: chosen ? at : undefined, variant },
  };
}

function shapeOf(context: FormContext, schema: SchemaObject, node: JsonNode, place: Place): Shape {
  const types = typesOf(schema);
  // A variant can be a list of choices itself.
  const choices = choicesOf(schema, context.root);
  if (choices) return choiceShape(choices, context.text, node);
  if (schema.oneOf || schema.anyOf) return { kind: 'json', why: 'Choices within choices are shown as JSON.' };
  const [type] = types;
  if (type === undefined) return { kind: 'json', why: 'Any JSON may stand here.' };
  const kind = kindOf(context.text, node);
  switch (type) {
    case 'object':
      return kind === 'object' ? objectShape(context, schema, node, place) : otherKind('an object', kind);
    case 'array':
      return kind === 'array' ? arrayShape(context, schema, node, place) : otherKind('a list', kind);
    case 'string':
      return kind === 'string' ? stringShape(schema, context.text, node) : otherKind('text', kind);
    case 'number':
    case 'integer':
      return numberShape(context.text, node) ?? otherKind('a number', kind);
    case 'boolean':
      if (kind !== 'boolean') return otherKind('true or false', kind);
      return { kind: 'boolean', value: context.text.charAt(node.start) === 't' };
    case 'null':
      return kind === 'null' ? { kind: 'null' } : otherKind('null', kind);
    default:
      return { kind: 'json', why: `The schema names a type that JSON does not have: ${type.slice(0, 40)}.` };
  }
}

const kindWords: Record<JsonKind, string> = {
  object: 'an object',
  array: 'a list',
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  null: 'null',
};

function otherKind(wanted: string, found: JsonKind): Shape {
  return {
    kind: 'json',
    why: `The schema wants ${wanted} here; this is ${kindWords[found]}.`,
    isMistake: true,
  };
}

/** What `type` names, an integer being a number too. */
function jsonTypesOf(schema: SchemaObject): string[] {
  const types = typesOf(schema);
  return types.includes('number') ? types.filter((type) => type !== 'integer') : types;
}

/** Takes "or null" out of a schema, in whichever of the usual ways it is said. */
function splitNull(schema: SchemaObject, root: Schema): { nullable: boolean; rest: SchemaObject } {
  const types = typesOf(schema);
  if (Array.isArray(schema.type) && types.length > 1 && types.includes('null') && !schema.enum) {
    const others = types.filter((type) => type !== 'null');
    return {
      nullable: true,
      rest: { ...schema, type: others.length === 1 ? (others[0] as string) : others },
    };
  }
  for (const keyword of ['oneOf', 'anyOf'] as const) {
    const options = schema[keyword];
    if (!options || schema.type !== undefined) continue;
    const others = options.filter((option) => !isNullSchema(option, root));
    if (others.length === options.length || others.length === 0) continue;
    const { [keyword]: _, ...base } = schema;
    if (others.length > 1) return { nullable: true, rest: { ...base, [keyword]: others } };
    const only = flatten(asSchema(others[0]), root);
    const rest = only && join(base, only);
    if (rest) return { nullable: true, rest };
  }
  return { nullable: false, rest: schema };
}

function isNullSchema(option: unknown, root: Schema): boolean {
  if (!isRecord(option)) return false;
  const flat = flatten(readSchema(option), root);
  return flat !== undefined && (flat.type === 'null' || flat.const === null);
}

function wordsOf(schema: SchemaObject): Pick<Field, 'title' | 'description'> {
  const title = schema.title?.slice(0, 120);
  return { ...(title && { title }), description: schema.description?.slice(0, longestText) ?? '' };
}

function hintsOf(schema: SchemaObject, shape: Shape): string[] {
  // What a choice offers is seen in it.
  if (shape.kind === 'choice') return [];
  const hints = limitsOf({ ...schema, enum: undefined });
  const examples = (schema.examples ?? [])
    .slice(0, 3)
    .map(shortJson)
    .filter((text) => text.length <= 60);
  const scalar = shape.kind !== 'object' && shape.kind !== 'array';
  if (scalar && examples.length > 0) hints.push(`for example ${examples.join(', ')}`);
  if (scalar && schema.default !== undefined) hints.push(`default ${shortJson(schema.default)}`);
  return hints;
}
