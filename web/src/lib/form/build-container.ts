import { isRecord } from '@bkg/sdk/protocol';
import { pointerTo } from '../json-pointer.ts';
import { asSchema, type Schema, type SchemaObject } from '../json-schema.ts';
import type { JsonNode } from '../json-tree.ts';
import { sampleJson } from '../sample-json.ts';
import { buildField, type FormContext, type Place } from './build-form.ts';
import type { Absent, Field, Shape } from './field.ts';
import { flatten } from './flat-schema.ts';

const propertiesMost = 200;
const itemsMost = 100;

export function objectShape(context: FormContext, schema: SchemaObject, node: JsonNode, place: Place): Shape {
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length > propertiesMost || node.children.length > propertiesMost) {
    return { kind: 'json', why: `More than ${propertiesMost} members are shown as JSON.` };
  }
  const present = new Map(node.children.map(({ key, value }) => [key, value]));
  if (present.size < node.children.length) return { kind: 'json', why: whyTwice(node) };
  const required = new Set(schema.required);
  const known = new Set(properties.map(([name]) => name));
  const member = (name: string, part: Schema, value: JsonNode): Field =>
    buildField(context, part, value, {
      pointer: pointerTo(place.pointer, name),
      name,
      required: required.has(name),
      depth: place.depth + 1,
    });

  const members: Field[] = [];
  const absent: Absent[] = [];
  for (const [name, part] of properties) {
    const value = present.get(name);
    if (value) members.push(member(name, asSchema(part), value));
    else absent.push(absentMember(context, name, asSchema(part), required.has(name), place));
  }
  for (const name of required) {
    if (!known.has(name) && !present.has(name)) absent.push(absentMember(context, name, true, true, place));
  }
  const { additionalProperties: others, patternProperties } = schema;
  // Which pattern a name fits is a question for a regular expression of somebody else's: not on this page.
  const otherSchema: Schema = patternProperties || others === undefined || others === false ? true : others;
  for (const [name, value] of present) if (!known.has(name)) members.push(member(name, otherSchema, value));
  const isOpen =
    others === true ||
    isRecord(others) ||
    patternProperties !== undefined ||
    (others !== false && known.size === 0);
  return {
    kind: 'object',
    members,
    absent,
    ...(isOpen && {
      other: () => (otherSchema === true ? '""' : sampleJson(otherSchema, context.root)),
    }),
  };
}

function whyTwice({ children }: JsonNode): string {
  const seen = new Set<string>();
  const twice = children.find(({ key }) => seen.size === seen.add(key).size)?.key ?? '';
  const name = JSON.stringify(twice.slice(0, 80));
  return `The name ${name} stands here twice, and which one counts is up to the plugin. With one of them gone, the fields come back.`;
}

function absentMember(
  context: FormContext,
  name: string,
  part: Schema,
  required: boolean,
  place: Place,
): Absent {
  const flat = flatten(part, context.root) ?? {};
  const title = flat.title?.slice(0, 120);
  return {
    name,
    pointer: pointerTo(place.pointer, name),
    required,
    ...(title && { title }),
    description: flat.description?.slice(0, 300) ?? '',
    sample: () =>
      flat.default === undefined ? sampleJson(part, context.root) : JSON.stringify(flat.default),
  };
}

export function arrayShape(context: FormContext, schema: SchemaObject, node: JsonNode, place: Place): Shape {
  const { items, prefixItems, minItems = 0, maxItems = Infinity } = schema;
  if (prefixItems) return { kind: 'json', why: 'A list whose places differ is shown as JSON.' };
  if (items === undefined || typeof items === 'boolean') {
    return { kind: 'json', why: 'What this list may hold is not said.' };
  }
  if (node.children.length > itemsMost) {
    return { kind: 'json', why: `More than ${itemsMost} items are shown as JSON.` };
  }
  return {
    kind: 'array',
    items: node.children.map(({ key, value }) =>
      buildField(context, items, value, {
        pointer: pointerTo(place.pointer, key),
        name: key,
        required: true,
        depth: place.depth + 1,
      }),
    ),
    newItem: () => sampleJson(items, context.root),
    canAdd: node.children.length < Math.min(maxItems, itemsMost),
    canRemove: node.children.length > minItems,
  };
}
