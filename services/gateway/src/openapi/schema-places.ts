import { isRecord, pointerToken } from '@bkg/sdk/protocol';
import type { JsonSchema } from '@bkg/sdk/protocol';
import { isPattern } from './pattern-text.ts';
import {
  plainKeywords,
  reservedNames,
  schemaKeywords,
  schemaListKeywords,
  schemaMapKeywords,
} from './schema-keywords.ts';

/** What somebody calls a schema and is none, or one that cannot be shown; the message completes a sentence. */
export class NoSchema extends Error {
  override name = 'NoSchema';
}

interface Place {
  schema: JsonSchema;
  /** What its references are relative to. */
  base: string;
}

const mostDepth = 64;
/** Only to resolve against: what does not lead to a place in the same schema is refused. */
const rootBase = 'bkg:///';

/** All the schemas in a schema, by their JSON pointers, and by the names that references may use. */
export class SchemaPlaces {
  readonly #places = new Map<string, Place>();
  /** Absolute address, with an anchor or without, to pointer. */
  readonly #named = new Map<string, string>();
  readonly #dynamic = new Map<string, string[]>();

  /** @throws NoSchema */
  constructor(root: JsonSchema) {
    this.#named.set(rootBase, '');
    this.#walk(root, '', rootBase, 0);
  }

  at(pointer: string): JsonSchema {
    return this.#places.get(pointer)?.schema ?? true;
  }

  /** The places right below one, by some of its keywords. */
  partsOf(pointer: string, keywords: ReadonlySet<string>): string[] {
    const schema = this.at(pointer);
    if (typeof schema === 'boolean') return [];
    return Object.entries(schema)
      .filter(([keyword]) => keywords.has(keyword))
      .flatMap(([keyword, value]) => partsOf(keyword, value, pointer).map(([path]) => pointer + path));
  }

  /** Where each reference leads, by the place of the schema that has it. @throws NoSchema when one leads out of it */
  references(): Map<string, string> {
    const ends = new Map<string, string>();
    for (const [pointer, { schema, base }] of this.#places) {
      if (typeof schema === 'boolean') continue;
      const { $ref, $dynamicRef } = schema;
      if ($ref !== undefined && $dynamicRef !== undefined) {
        throw new NoSchema(`${pointer} has both $ref and $dynamicRef`);
      }
      if ($ref !== undefined) ends.set(pointer, this.#resolve($ref, base));
      if ($dynamicRef !== undefined) ends.set(pointer, this.#resolveDynamic($dynamicRef, base));
    }
    return ends;
  }

  #resolve(ref: unknown, base: string): string {
    const [address = '', fragment = ''] = absolute(ref, base).split('#', 2);
    const resource = this.#named.get(address);
    const isPointer = fragment === '' || fragment.startsWith('/');
    const pointer = isPointer
      ? resource !== undefined && `${resource}${decode(fragment)}`
      : this.#named.get(`${address}#${fragment}`);
    if (typeof pointer === 'string' && this.#places.has(pointer)) return pointer;
    throw new NoSchema(`its reference ${quote(ref)} leads to nothing in it`);
  }

  /** A dynamic reference with one possible end is an ordinary one. */
  #resolveDynamic(ref: unknown, base: string): string {
    const ends = this.#dynamic.get(String(ref).replace(/^#/, '')) ?? [];
    if (ends.length > 1) throw new NoSchema(`its dynamic reference ${quote(ref)} has several ends`);
    return ends[0] ?? this.#resolve(ref, base);
  }

  #walk(schema: unknown, pointer: string, outerBase: string, depth: number): void {
    if (depth > mostDepth) throw new NoSchema(`it is more than ${mostDepth} levels deep`);
    if (typeof schema !== 'boolean' && !isRecord(schema))
      throw new NoSchema(`${place(pointer)} is no schema`);
    const base = typeof schema === 'boolean' ? outerBase : this.#name(schema, pointer, outerBase);
    this.#places.set(pointer, { schema, base });
    if (typeof schema === 'boolean') return;
    for (const [keyword, value] of Object.entries(schema)) {
      const check = plainKeywords.get(keyword);
      if (check && !check(value))
        throw new NoSchema(
          `${place(`${pointer}/${keyword}`)} is ${keyword === 'pattern' ? 'no pattern that is known here' : 'not what it must be'}`,
        );
      for (const [path, part] of partsOf(keyword, value, pointer)) {
        this.#walk(part, pointer + path, base, depth + 1);
      }
    }
  }

  /** Notes its names. @returns the base of what is in it */
  #name(schema: Record<string, unknown>, pointer: string, outerBase: string): string {
    const { $id, $anchor, $dynamicAnchor } = schema;
    let base = outerBase;
    if ($id !== undefined) {
      const [address = '', fragment] = absolute($id, outerBase).split('#', 2);
      if (fragment) throw new NoSchema(`its $id ${quote($id)} has a fragment`);
      base = address;
      this.#add(base, pointer);
    }
    for (const anchor of [$anchor, $dynamicAnchor]) {
      if (anchor === undefined) continue;
      if (typeof anchor !== 'string') throw new NoSchema(`its anchor ${quote(anchor)} is no text`);
      this.#add(`${base}#${anchor}`, pointer);
    }
    if (typeof $dynamicAnchor === 'string') {
      this.#dynamic.set($dynamicAnchor, [...(this.#dynamic.get($dynamicAnchor) ?? []), pointer]);
    }
    return base;
  }

  #add(name: string, pointer: string): void {
    const known = this.#named.get(name);
    if (known !== undefined && known !== pointer)
      throw new NoSchema(`two parts of it are called ${quote(name)}`);
    this.#named.set(name, pointer);
  }
}

/** The schemas below a keyword, each with its pointer from there. @throws NoSchema for what is none */
function partsOf(keyword: string, value: unknown, pointer: string): [path: string, schema: unknown][] {
  if (schemaKeywords.has(keyword)) return [[`/${keyword}`, value]];
  if (schemaListKeywords.has(keyword)) {
    if (Array.isArray(value) && value.length > 0) return value.map((one, i) => [`/${keyword}/${i}`, one]);
    throw new NoSchema(`${place(`${pointer}/${keyword}`)} is no list of schemas`);
  }
  if (!schemaMapKeywords.has(keyword)) return [];
  if (!isRecord(value)) throw new NoSchema(`${place(`${pointer}/${keyword}`)} is no object of schemas`);
  return Object.entries(value).map(([name, one]) => {
    if (reservedNames.has(name))
      throw new NoSchema(`it has a member ${quote(name)}, which programs take for their own`);
    if (keyword === 'patternProperties' && !isPattern(name))
      throw new NoSchema(`${quote(name)} is no pattern that is known here`);
    return [`/${keyword}/${pointerToken(name)}`, one];
  });
}

function absolute(ref: unknown, base: string): string {
  if (typeof ref === 'string' && URL.canParse(ref, base)) return new URL(ref, base).href;
  throw new NoSchema(`its reference ${quote(ref)} is none`);
}

/** Of a URI fragment. */
function decode(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    throw new NoSchema(`its pointer ${quote(fragment)} is none`);
  }
}

function place(pointer: string): string {
  return pointer === '' ? 'it' : `its ${pointer.slice(0, 100)}`;
}

function quote(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 100) ?? 'nothing';
}
