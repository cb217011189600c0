import { isRecord, resolveReference } from '@bkg/sdk';
import { levelsMost, TooLarge } from './contract-budget.ts';
import type { Budget } from './contract-budget.ts';
import {
  acceptedByEnum,
  acceptedByType,
  areDisjoint,
  intersection,
  nothing,
  sizeOf,
  union,
} from './contract-values.ts';
import type { Accepted } from './contract-values.ts';

type Part = Record<string, unknown>;

/** What a schema says, with the schemas that it refers to (`$ref`) and those that apply with it (`allOf`). */
export interface SchemaView {
  accepts: Accepted;
  properties: Map<string, unknown>;
  required: Set<string>;
  prefixItems: readonly unknown[];
  /** Undefined when it is not said. */
  items: unknown;
  /** All other keywords; several values when several of the schemas have it. */
  rest: Map<string, unknown[]>;
  /** A reference leads to it or goes out from it, so that it can be met again and again. */
  isReferred: boolean;
}

/** They do not change what fits, or are looked at where they are referred to. */
const passedOver = new Set([
  '$anchor',
  '$comment',
  '$defs',
  '$dynamicAnchor',
  '$id',
  '$vocabulary',
  'definitions',
  'description',
  'examples',
  'title',
]);

/** The views of the schemas in one document. What is no schema counts as "anything". */
export class SchemaViews {
  readonly #document: unknown;
  readonly #budget: Budget;
  readonly #views = new Map<Part, SchemaView>();
  readonly #begun = new Set<unknown>();
  readonly #next = new Map<Part, unknown>();
  /** A reference that cannot be followed here, or something that changes where references lead. */
  unfollowed: string | undefined;

  constructor(document: unknown, budget: Budget) {
    this.#document = document;
    this.#budget = budget;
  }

  /** The same view for the same schema, also by another reference. @throws TooLarge */
  of(schema: unknown, level: number): SchemaView {
    if (level > levelsMost) throw new TooLarge('it has too many levels');
    const end = this.#endOf(schema);
    if (!isRecord(end)) return emptyView(end === false ? nothing : undefined);
    const view = this.#views.get(end) ?? this.#begin(end, level);
    if (end !== schema) view.isReferred = true;
    return view;
  }

  #begin(schema: Part, level: number): SchemaView {
    this.#begun.add(schema);
    const view = this.#read(schema, level);
    this.#begun.delete(schema);
    this.#views.set(schema, view);
    return view;
  }

  /** Where a schema leads that is nothing but a reference; else the schema. */
  #endOf(schema: unknown): unknown {
    let end = schema;
    for (const seen = new Set<unknown>(); isRecord(end) && !seen.has(end);) {
      seen.add(end);
      this.#budget.spend();
      if (!this.#next.has(end)) this.#next.set(end, this.#nextOf(end));
      end = this.#next.get(end) ?? end;
    }
    return end;
  }

  #nextOf(schema: Part): unknown {
    const isReference = Object.keys(schema).every((keyword) => keyword === '$ref' || passedOver.has(keyword));
    return isReference ? this.#target(schema) : undefined;
  }

  #target({ $ref }: Part): unknown {
    // Names of anchors are not looked for.
    const isPointer = typeof $ref === 'string' && ($ref === '#' || $ref.startsWith('#/'));
    return isPointer ? resolveReference($ref, this.#document) : undefined;
  }

  #read(schema: Part, level: number): SchemaView {
    const view = emptyView(undefined);
    for (const part of this.#partsOf(schema)) {
      if (part === false) view.accepts = nothing;
      if (!isRecord(part)) continue;
      this.#noteUnfollowed(part);
      for (const [keyword, value] of Object.entries(part)) {
        this.#budget.spend();
        if (passedOver.has(keyword) || this.#readAccepted(view, keyword, value, level)) continue;
        if (readParts(view, keyword, value)) continue;
        if (keyword === 'allOf' && Array.isArray(value)) continue;
        if (keyword === '$ref' && this.#target(part) !== undefined) {
          view.isReferred = true;
          continue;
        }
        const others = view.rest.get(keyword);
        if (others) others.push(value);
        else view.rest.set(keyword, [value]);
      }
    }
    this.#budget.spend(view.properties.size + view.required.size);
    return view;
  }

  /** The schema and all that apply together with it. */
  #partsOf(schema: Part): Set<unknown> {
    const parts = new Set<unknown>([schema]);
    // Those that are added meanwhile come, too.
    for (const part of parts) {
      this.#budget.spend();
      if (!isRecord(part)) continue;
      parts.add(this.#target(part));
      if (Array.isArray(part['allOf'])) for (const one of part['allOf']) parts.add(one);
    }
    return parts;
  }

  #noteUnfollowed(part: Part): void {
    const { $id, $ref, $dynamicRef, $recursiveRef } = part;
    const isNamed = $id !== undefined && part !== this.#document;
    const isLost = $ref !== undefined && this.#target(part) === undefined;
    const name = [isLost && $ref, $dynamicRef, $recursiveRef, isNamed && $id].find(
      (one) => typeof one === 'string',
    );
    this.unfollowed ??= name;
  }

  /** @returns whether that was all that the keyword says */
  #readAccepted(view: SchemaView, keyword: string, value: unknown, level: number): boolean {
    let accepted: Accepted;
    let isAll = true;
    if (keyword === 'type') accepted = acceptedByType(value);
    else if (keyword === 'const') accepted = acceptedByEnum([value], this.#budget);
    else if (keyword === 'enum' && Array.isArray(value)) accepted = acceptedByEnum(value, this.#budget);
    else if ((keyword === 'anyOf' || keyword === 'oneOf') && Array.isArray(value) && value.length > 0) {
      const alternatives = value.map((one) => this.#readAlternative(one, level + 1));
      const choices = alternatives.map(({ accepts }) => accepts);
      accepted = union(choices);
      isAll = alternatives.every((one) => one.isAll) && (keyword === 'anyOf' || areDisjoint(choices));
    }
    this.#budget.spend(sizeOf(accepted) + sizeOf(view.accepts));
    view.accepts = intersection(view.accepts, accepted);
    return accepted !== undefined && isAll;
  }

  #readAlternative(schema: unknown, level: number): { accepts: Accepted; isAll: boolean } {
    // One that leads back to what it is an alternative of.
    if (this.#begun.has(this.#endOf(schema))) return { accepts: undefined, isAll: false };
    const { accepts, properties, required, prefixItems, items, rest } = this.of(schema, level);
    const others = properties.size + required.size + prefixItems.length + rest.size;
    return { accepts, isAll: others === 0 && items === undefined };
  }
}

function emptyView(accepts: Accepted): SchemaView {
  return {
    accepts,
    properties: new Map(),
    required: new Set(),
    prefixItems: [],
    items: undefined,
    rest: new Map(),
    isReferred: false,
  };
}

/** @returns whether it is one of these keywords, with a value that it may have */
function readParts(view: SchemaView, keyword: string, value: unknown): boolean {
  if (keyword === 'properties' && isRecord(value)) {
    for (const [name, one] of Object.entries(value))
      view.properties.set(name, both(view.properties.get(name), one));
  } else if (keyword === 'required' && isTexts(value)) {
    for (const name of value) view.required.add(name);
  } else if (keyword === 'items' && (isRecord(value) || typeof value === 'boolean')) {
    view.items = both(view.items, value);
  } else if (keyword === 'prefixItems' && Array.isArray(value) && view.prefixItems.length === 0) {
    view.prefixItems = value;
  } else {
    return false;
  }
  return true;
}

function both(first: unknown, second: unknown): unknown {
  return first === undefined ? second : { allOf: [first, second] };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
