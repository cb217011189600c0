import { isRecord, pointerToken } from '@bkg/sdk/protocol';
import type { JsonSchema } from '@bkg/sdk/protocol';
import {
  annotations,
  dataKeywords,
  plainKeywords,
  reservedNames,
  schemaKeywords,
  schemaListKeywords,
  schemaMapKeywords,
} from './schema-keywords.ts';
import { NoSchema, SchemaPlaces } from './schema-places.ts';

export interface Embedded {
  /** What stands where the schema is used. */
  schema: JsonSchema;
  /** What it refers to, by name; each goes into the components of the document. */
  components: [name: string, schema: JsonSchema][];
  /** Why it is open although the plugin's is not, as a sentence; undefined when it says what the plugin says. */
  note?: string;
}

/** A schema with more than this is one that nobody reads, and costs everybody who loads the document. */
const mostBytes = 64 * 1024;

/**
 * A plugin's schema as a part of the document. Anybody may have written it: a reference that leads out of it is refused,
 * and so is what is no schema at all; then there is one that takes anything, and a note. Whatever it refers to in itself
 * becomes a component with a name of its own, and a reference stands alone: most generators know nothing else.
 * @param name of the component that it becomes
 */
export function embedSchema(schema: JsonSchema, name: string): Embedded {
  if (typeof schema === 'boolean') return { schema: asObject(schema), components: [] };
  try {
    const bytes = JSON.stringify(schema).length;
    if (bytes > mostBytes) return open(`it has ${bytes} bytes, and at most ${mostBytes} are shown`);
    const places = new SchemaPlaces(schema);
    const ends = places.references();
    assertEnding(places, ends);
    const rewriter = new Rewriter(places, ends, namesOf(name, ends.values()));
    return { schema: { $ref: refTo(name) }, components: rewriter.components() };
  } catch (error) {
    if (error instanceof NoSchema) return open(error.message);
    // Of a value that is nested so deeply that no program reads it.
    if (error instanceof RangeError) return open('it is too deep');
    throw error;
  }
}

function open(why: string): Embedded {
  return { schema: {}, components: [], note: `The plugin's own schema is not shown here: ${why}.` };
}

function refTo(name: string): string {
  return `#/components/schemas/${name}`;
}

/** Keywords whose schemas are about the same value, and not about a part of it. */
const sameValue = new Set(['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'dependentSchemas']);

/** What is to be itself before it is anything has no end: many a program would look for it for ever. */
function assertEnding(places: SchemaPlaces, ends: ReadonlyMap<string, string>): void {
  const seen = new Map<string, 'open' | 'done'>();
  const visit = (pointer: string): void => {
    const state = seen.get(pointer);
    if (state === 'done') return;
    if (state === 'open') throw new NoSchema('its references lead in a circle');
    seen.set(pointer, 'open');
    for (const below of places.partsOf(pointer, sameValue)) visit(below);
    const end = ends.get(pointer);
    if (end !== undefined) visit(end);
    seen.set(pointer, 'done');
  };
  for (const pointer of ends.keys()) visit(pointer);
}

/** A name for the whole and for each part of it that is referred to, by their pointers. */
function namesOf(whole: string, targets: Iterable<string>): Map<string, string> {
  const names = new Map([['', whole]]);
  const taken = new Set([whole]);
  for (const pointer of targets) {
    if (names.has(pointer)) continue;
    const last = pointer
      .slice(pointer.lastIndexOf('/') + 1)
      .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
      .slice(0, 60);
    let name = `${whole}.${last}`;
    for (let n = 2; taken.has(name); n += 1) name = `${whole}.${last}-${n}`;
    taken.add(name);
    names.set(pointer, name);
  }
  return names;
}

class Rewriter {
  readonly #places: SchemaPlaces;
  readonly #ends: ReadonlyMap<string, string>;
  readonly #names: ReadonlyMap<string, string>;

  constructor(places: SchemaPlaces, ends: ReadonlyMap<string, string>, names: ReadonlyMap<string, string>) {
    this.#places = places;
    this.#ends = ends;
    this.#names = names;
  }

  components(): [string, JsonSchema][] {
    return [...this.#names].map(([pointer, name]) => [name, asObject(this.#whole(pointer))]);
  }

  /** What stands at a place: the schema itself, or a reference to the component that it has become. */
  #part(pointer: string): JsonSchema {
    const name = this.#names.get(pointer);
    return name === undefined ? this.#whole(pointer) : { $ref: refTo(name) };
  }

  #whole(pointer: string): JsonSchema {
    const schema = this.#places.at(pointer);
    if (typeof schema === 'boolean') return schema;
    const kept = Object.entries(schema).flatMap(([keyword, value]) => this.#member(keyword, value, pointer));
    const end = this.#ends.get(pointer);
    if (end === undefined) return Object.fromEntries(kept);
    const reference = { $ref: refTo(this.#names.get(end) ?? '') };
    if (kept.length === 0) return reference;
    // What stands beside a reference is overlooked by many.
    const { allOf = [], ...others } = Object.fromEntries(kept);
    return { allOf: [reference, ...(allOf as unknown[])], ...others };
  }

  /** A keyword as it is in the document, or nothing when it has no business there. */
  #member(keyword: string, value: unknown, pointer: string): [string, unknown][] {
    const below = `${pointer}/${keyword}`;
    if (schemaKeywords.has(keyword)) return [[keyword, this.#part(below)]];
    if (schemaListKeywords.has(keyword)) {
      return [[keyword, (value as unknown[]).map((_, i) => this.#part(`${below}/${i}`))]];
    }
    // Those that are referred to are components; of the others nobody hears.
    if (keyword === '$defs' || keyword === 'definitions') return [];
    if (schemaMapKeywords.has(keyword)) {
      const names = Object.keys(value as object);
      const parts = names.map((name) => [name, this.#part(`${below}/${pointerToken(name)}`)]);
      return [[keyword, Object.fromEntries(parts) as unknown]];
    }
    if (!plainKeywords.has(keyword)) return [];
    if (!dataKeywords.has(keyword) || !holdsReserved(value)) return [[keyword, value]];
    if (annotations.has(keyword)) return [];
    throw new NoSchema(`${below} holds a value with one of ${[...reservedNames].join(', ')}`);
  }
}

/** A boolean is a schema too, but not for all who read the document. */
function asObject(schema: JsonSchema): JsonSchema {
  return typeof schema === 'object' ? schema : schema ? {} : { not: {} };
}

/** Tools look for `$ref` and the like everywhere, and would follow one that is a mere value. */
function holdsReserved(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsReserved);
  if (!isRecord(value)) return false;
  return Object.entries(value).some(([name, one]) => reservedNames.has(name) || holdsReserved(one));
}
