import type { SchemaObject } from '../json-schema.ts';
import type { JsonNode } from '../json-tree.ts';
import type { Shape } from './field.ts';

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

export function kindOf(text: string, node: JsonNode): JsonKind {
  if (node.kind !== 'scalar') return node.kind;
  switch (text.charAt(node.start)) {
    case '"':
      return 'string';
    case 't':
    case 'f':
      return 'boolean';
    case 'n':
      return 'null';
    default:
      return 'number';
  }
}

const wholeNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function isJsonNumber(text: string): boolean {
  return wholeNumber.test(text);
}

/**
 * What is typed into a field for numbers, as JSON. A number goes in digit by digit; what is none (yet) goes in as
 * text, so that it is neither lost nor sent as something else.
 */
export function numberToJson(typed: string): string {
  const trimmed = typed.trim();
  return isJsonNumber(trimmed) ? trimmed : JSON.stringify(typed);
}

/** Undefined when it is neither a number nor something that was typed in place of one. */
export function numberShape(text: string, node: JsonNode): Shape | undefined {
  const kind = kindOf(text, node);
  const raw = text.slice(node.start, node.end);
  if (kind === 'number') return { kind: 'number', value: raw };
  if (kind !== 'string') return undefined;
  const typed = JSON.parse(raw) as string;
  // "5" is text that looks like a number: shown as the number 5 it would be misread.
  return isJsonNumber(typed.trim()) || typed.length > 40 || !isPlain(typed)
    ? undefined
    : { kind: 'number', value: typed };
}

/** What is wrong with what a number's field holds; undefined when nothing is. */
export function numberMistake(value: string): string | undefined {
  if (isJsonNumber(value)) return undefined;
  return value.trim() === ''
    ? 'Nothing is typed here: it needs a number.'
    : 'Not a number as JSON writes it: like -12, 0.5 or 1e3.';
}

const lineFormats = new Set([
  'date',
  'time',
  'date-time',
  'email',
  'uri',
  'uuid',
  'hostname',
  'ipv4',
  'ipv6',
]);
const shortMost = 80;

export function stringShape(schema: SchemaObject, text: string, node: JsonNode): Shape {
  const value = JSON.parse(text.slice(node.start, node.end)) as string;
  if (!isPlain(value)) {
    return { kind: 'json', why: 'It holds characters that a text field would change or hide.' };
  }
  const isLine = lineFormats.has(schema.format ?? '') || (schema.maxLength ?? Infinity) <= shortMost;
  return { kind: 'string', value, lines: value.includes('\n') || !isLine };
}

/** Text that goes through a text field unchanged: fields turn carriage returns into newlines. */
function isPlain(value: string): boolean {
  // eslint-disable-next-line no-control-regex
  return !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]|\p{Cs}/u.test(value);
}
