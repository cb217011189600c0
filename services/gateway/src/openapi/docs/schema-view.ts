import { isRecord } from '@bkg/sdk/protocol';
import type { JsonSchema } from '@bkg/sdk/protocol';
import { html, inline } from './html.ts';
import type { Content, Html } from './html.ts';

/** The schemas of the document, by their names. */
export type Components = Readonly<Record<string, JsonSchema>>;

/** More members than this of one schema help nobody; the whole of it is below in any case. */
const membersMost = 400;

/** A schema in words, member by member, and as it is. */
export function schemaView(schema: JsonSchema, components: Components): Html {
  return html`${new SchemaWriter(components).whole(schema)}
    <details>
      <summary>JSON Schema</summary>
      <pre tabindex="0">${JSON.stringify(standalone(schema, components), undefined, 2)}</pre>
    </details>`;
}

/** Only its members. */
export function memberList(schema: JsonSchema, components: Components): Content {
  return new SchemaWriter(components).members(schema);
}

/** A plugin's schema with all that it refers to, as the plugin could have written it; the types have their own place. */
function standalone(schema: JsonSchema, components: Components): JsonSchema {
  if (typeof schema !== 'object') return schema;
  const { $ref } = schema;
  const whole = typeof $ref === 'string' ? (components[nameIn($ref)] ?? true) : schema;
  const needed = new Map<string, JsonSchema>();
  const gather = (one: unknown): void => {
    for (const [, name = ''] of JSON.stringify(one).matchAll(
      /"#\/components\/schemas\/([a-z0-9_-][\w.-]*)"/g,
    )) {
      if (needed.has(name)) continue;
      needed.set(name, components[name] ?? true);
      gather(components[name]);
    }
  };
  gather(whole);
  if (needed.size === 0 || typeof whole !== 'object') return whole;
  const text = JSON.stringify({ ...whole, $defs: Object.fromEntries(needed) });
  return JSON.parse(text.replaceAll(/"#\/components\/schemas\/(?=[a-z0-9_-])/g, '"#/$defs/')) as JsonSchema;
}

class SchemaWriter {
  readonly #components: Components;
  /** The components that are being written, from the outermost. */
  readonly #open: string[] = [];
  #members = 0;

  constructor(components: Components) {
    this.#components = components;
  }

  whole(schema: JsonSchema): Content {
    return html`<p class="kind">${this.#kind(schema)}${about(schema)}</p>
      ${this.#below(schema)}`;
  }

  members(schema: JsonSchema): Content {
    return this.#below(schema);
  }

  #member(name: Content, schema: JsonSchema, isRequired = false): Content {
    this.#members += 1;
    if (this.#members > membersMost) return this.#members === membersMost + 1 ? html`<li>…</li>` : undefined;
    return html`<li>
      ${name} <span class="kind">${this.#kind(schema)}</span>
      ${isRequired ? html`<span class="must">required</span>` : undefined}
      <span class="about">${about(schema)}</span>${this.#below(schema)}
    </li>`;
  }

  /** What kind of value it is, in a few words. */
  #kind(schema: JsonSchema | undefined): Content {
    if (schema === undefined || schema === true) return 'anything';
    if (schema === false) return 'nothing';
    const { $ref } = schema;
    if (typeof $ref === 'string') return this.#kindOfReference($ref);
    if ('const' in schema) return html`<code>${json(schema['const'])}</code>`;
    if (Array.isArray(schema['enum'])) return ['one of ', ...separated(schema['enum'])];
    if (Array.isArray(schema['prefixItems'])) return 'list';
    const types = [schema['type']].flat().filter((type) => typeof type === 'string');
    if (types.length === 0) return kindWithoutType(schema);
    return types.map((type, i) => [i > 0 ? ' or ' : '', this.#kindOfType(type, schema)]);
  }

  #kindOfReference(ref: string): Content {
    const name = nameIn(ref);
    if (isWireName(name)) return html`<a href="/api/docs#schema-${name}">${name}</a>`;
    const label = name.slice(name.lastIndexOf('.') + 1);
    if (this.#open.includes(name)) return [html`<code>${label}</code>`, ', as above'];
    const schema = this.#components[name];
    return this.#within(name, () => this.#kind(schema));
  }

  #kindOfType(type: string, schema: Record<string, unknown>): Content {
    if (type === 'array') {
      const items = schema['items'] as JsonSchema | undefined;
      return ['list', items === undefined ? '' : [' of ', this.#kind(items)], counted('', schema, 'Items')];
    }
    if (type === 'string') return textKind(schema);
    if (type === 'integer') return ['whole number', range(schema)];
    if (type === 'number') return ['number', range(schema)];
    return type === 'boolean'
      ? 'true or false'
      : type === 'null'
        ? 'null'
        : counted('object', schema, 'Properties');
  }

  /** The members below a schema, as a list; nothing when there is none to tell of. */
  #below(schema: JsonSchema | undefined): Content {
    if (typeof schema !== 'object') return undefined;
    const { $ref } = schema;
    if (typeof $ref === 'string') {
      const name = nameIn($ref);
      if (isWireName(name) || this.#open.includes(name)) return undefined;
      return this.#within(name, () => this.#below(this.#components[name]));
    }
    const members = this.#membersOf(schema);
    return members.length > 0
      ? html`<ul class="members">
          ${members}
        </ul>`
      : undefined;
  }

  #membersOf(schema: Record<string, unknown>): Content[] {
    const required = (schema['required'] ?? []) as string[];
    const named = entriesOf(schema['properties']).map(([name, one]) =>
      this.#member(html`<code>${name}</code>`, one, required.includes(name)),
    );
    const matching = entriesOf(schema['patternProperties']).map(([pattern, one]) =>
      this.#member(html`<i>named like</i> <code>${pattern}</code>`, one),
    );
    const others = ['additionalProperties', 'unevaluatedProperties'].flatMap((keyword) =>
      isRecord(schema[keyword]) ? [this.#member(html`<i>any other name</i>`, schema[keyword])] : [],
    );
    const items = schema['items'] as JsonSchema | undefined;
    const each = typeof items === 'object' ? this.#itemMembers(items) : [];
    const places = listOf(schema['prefixItems']).map((one, i) =>
      this.#member(html`<i>item ${i + 1}</i>`, one),
    );
    const choices = (['anyOf', 'oneOf'] as const).flatMap((keyword) =>
      listOf(schema[keyword]).map((one, i) => this.#member(html`<i>${i > 0 ? 'or' : 'either'}</i>`, one)),
    );
    const all = listOf(schema['allOf']).map((one) => this.#member(html`<i>also</i>`, one));
    return [...named, ...matching, ...others, ...each, ...places, ...choices, ...all];
  }

  /** What the items have is told once, when that is more than their kind. */
  #itemMembers(items: Record<string, unknown>): Content[] {
    const below = this.#below(items);
    return below === undefined ? [] : [html`<li><i>each</i>${below}</li>`];
  }

  #within<T>(name: string, write: () => T): T {
    this.#open.push(name);
    try {
      return write();
    } finally {
      this.#open.pop();
    }
  }
}

/** The component that a reference names. */
function nameIn(ref: string): string {
  return ref.slice(ref.lastIndexOf('/') + 1);
}

/** Those of the wire begin with a capital, those of a plugin with its id. */
function isWireName(name: string): boolean {
  return /^[A-Z]/.test(name);
}

function kindWithoutType(schema: Record<string, unknown>): Content {
  if ('properties' in schema || 'patternProperties' in schema) return 'object';
  if ('oneOf' in schema) return 'one of these';
  if ('anyOf' in schema) return 'any of these';
  if ('allOf' in schema) return 'all of these';
  if ('format' in schema || 'pattern' in schema) return textKind(schema);
  return 'anything';
}

function textKind(schema: Record<string, unknown>): Content {
  const { pattern, format } = schema;
  return [
    counted('text', schema, 'Length'),
    typeof format === 'string' ? [', ', format] : '',
    typeof pattern === 'string' ? [', ', html`<code>${pattern.slice(0, 300)}</code>`] : '',
  ];
}

function counted(
  what: string,
  schema: Record<string, unknown>,
  of: 'Length' | 'Items' | 'Properties',
): string {
  const [least, most] = [schema[`min${of}`], schema[`max${of}`]] as (number | undefined)[];
  const unit = { Length: 'characters', Items: 'items', Properties: 'members' }[of];
  if (least === undefined && most === undefined) return what;
  if (most === undefined) return `${what}, at least ${least} ${unit}`;
  if (least === undefined || least === 0) return `${what}, at most ${most} ${unit}`;
  return `${what}, ${least === most ? least : `${least} to ${most}`} ${unit}`;
}

function range({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Record<string, unknown>): string {
  const from =
    minimum !== undefined
      ? `from ${figure(minimum)}`
      : exclusiveMinimum !== undefined
        ? `above ${figure(exclusiveMinimum)}`
        : '';
  const isUnbounded = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER;
  const to = !isUnbounded
    ? `to ${figure(maximum)}`
    : exclusiveMaximum !== undefined
      ? `below ${figure(exclusiveMaximum)}`
      : '';
  return [from, to]
    .filter((part) => part !== '')
    .map((part) => ` ${part}`)
    .join('');
}

function figure(value: unknown): string {
  return typeof value === 'number' ? value.toLocaleString('en') : String(value);
}

function about(schema: JsonSchema): Content {
  if (typeof schema !== 'object') return undefined;
  const { description, default: standard } = schema;
  return [
    typeof description === 'string' && description !== '' ? [' – ', inline(description)] : '',
    standard !== undefined ? [' Default ', html`<code>${json(standard)}</code>`, '.'] : '',
  ];
}

function separated(values: readonly unknown[]): Content[] {
  const shown = values.slice(0, 50).map((value, i) => [i > 0 ? ', ' : '', html`<code>${json(value)}</code>`]);
  return values.length > 50 ? [...shown, ` and ${values.length - 50} more`] : shown;
}

function json(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}

function entriesOf(value: unknown): [string, JsonSchema][] {
  return isRecord(value) ? (Object.entries(value) as [string, JsonSchema][]) : [];
}

function listOf(value: unknown): JsonSchema[] {
  return Array.isArray(value) ? (value as JsonSchema[]) : [];
}
