import { isRecord, pointerToken } from '@bkg/sdk';
import type { ContractRule, JsonSchema } from '@bkg/sdk';
import type { Budget } from './contract-budget.ts';
import { isWithin, mayBe, sizeOf } from './contract-values.ts';
import { SchemaViews } from './contract-view.ts';
import type { SchemaView } from './contract-view.ts';
import { describeAccepted, describeOther, shortJson } from './contract-words.ts';

export type Side = 'input' | 'output';

export interface SchemaDifference {
  /** From the schema's root. What is referred to is where the reference is. */
  path: string;
  detail: string;
  /** Absent when none of the rules is about it. */
  rule?: ContractRule;
}

/** A place that both schemas have. */
interface Place {
  path: string;
  level: number;
  /** The rules are not for what is below `anyOf`, `not` and the like: there a difference may mean anything. */
  isJudged: boolean;
}

const verbs = { input: ['takes', 'took'], output: ['returns', 'returned'] } as const;

const schemaKeywords = new Set([
  'additionalProperties',
  'contains',
  'contentSchema',
  'else',
  'if',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
]);
const schemaListKeywords = new Set(['anyOf', 'oneOf']);
const schemaMapKeywords = new Set(['dependentSchemas', 'patternProperties']);

/**
 * Tells all differences of two schemas of what a capability takes (`input`) or returns (`output`). One that several
 * references lead to is told once.
 *
 * @throws TooLarge after it has told what it found until then
 */
export function compareSchemas(
  side: Side,
  before: JsonSchema,
  after: JsonSchema,
  budget: Budget,
  tell: (difference: SchemaDifference) => void,
): void {
  new Comparison(side, before, after, budget, tell).run();
}

class Comparison {
  readonly #side: Side;
  readonly #before: JsonSchema;
  readonly #after: JsonSchema;
  readonly #budget: Budget;
  readonly #tell: (difference: SchemaDifference) => void;
  readonly #viewsBefore: SchemaViews;
  readonly #viewsAfter: SchemaViews;
  /** What was compared with what, and whether the rules were for it. */
  readonly #met = new Map<SchemaView, Map<SchemaView, boolean>>();

  constructor(
    side: Side,
    before: JsonSchema,
    after: JsonSchema,
    budget: Budget,
    tell: (difference: SchemaDifference) => void,
  ) {
    this.#side = side;
    this.#before = before;
    this.#after = after;
    this.#budget = budget;
    this.#tell = tell;
    this.#viewsBefore = new SchemaViews(before, budget);
    this.#viewsAfter = new SchemaViews(after, budget);
  }

  run(): void {
    this.#compare(this.#before, this.#after, { path: '', level: 0, isJudged: true });
    const reference = this.#viewsBefore.unfollowed ?? this.#viewsAfter.unfollowed;
    if (reference === undefined) return;
    if (this.#budget.canonicalJson(this.#before) === this.#budget.canonicalJson(this.#after)) return;
    const detail = `what ${shortJson(JSON.stringify(reference))} refers to is not compared`;
    this.#tell({ path: '', detail });
  }

  #compare(before: unknown, after: unknown, place: Place): void {
    const was = this.#viewsBefore.of(before, place.level);
    const is = this.#viewsAfter.of(after, place.level);
    if (this.#isMet(was, is, place)) return;
    this.#budget.spend(1 + sizeOf(was.accepts) + sizeOf(is.accepts) + was.required.size + is.required.size);
    this.#compareAccepted(was, is, place);
    // What only one of them can be was told right now, as a whole.
    if (mayBe('object', was.accepts) && mayBe('object', is.accepts)) {
      this.#compareRequired(was, is, place);
      this.#compareProperties(was, is, place);
    }
    if (mayBe('array', was.accepts) && mayBe('array', is.accepts)) this.#compareItems(was, is, place);
    this.#compareRest(was, is, place);
  }

  /** Notes that they are met; what is written in one place only is compared each time. */
  #isMet(was: SchemaView, is: SchemaView, { isJudged }: Place): boolean {
    const met = this.#met.get(was) ?? new Map<SchemaView, boolean>();
    this.#met.set(was, met);
    const wasJudged = met.get(is);
    if ((was.isReferred || is.isReferred) && (wasJudged === true || wasJudged === isJudged)) return true;
    met.set(is, isJudged || wasJudged === true);
    return false;
  }

  #compareAccepted({ accepts: was }: SchemaView, { accepts: is }: SchemaView, place: Place): void {
    const takesAll = isWithin(was, is);
    const addsNone = isWithin(is, was);
    if (takesAll && addsNone) return;
    const detail = describeAccepted(verbs[this.#side], was, is);
    if (this.#side === 'input') this.#note(place, detail, takesAll ? undefined : 'input_narrowed');
    else this.#note(place, detail, addsNone ? undefined : 'output_widened');
  }

  #compareRequired(was: SchemaView, is: SchemaView, place: Place): void {
    const isInput = this.#side === 'input';
    for (const name of namesOf(was.required, is.required)) {
      const wasRequired = was.required.has(name);
      if (wasRequired === is.required.has(name)) continue;
      const isKnown = was.properties.has(name) || is.properties.has(name);
      const at = isKnown ? inside(place, `/properties/${pointerToken(name)}`) : inside(place, '/required');
      const text = JSON.stringify(name);
      if (!wasRequired) {
        const detail = isInput ? `${text} is required now` : `${text} is always there now`;
        const then = was.properties.has(name) ? 'was optional' : 'was not known';
        this.#note(at, `${detail}, ${then}`, isInput ? 'input_required' : undefined);
      } else if (is.properties.has(name) || !was.properties.has(name)) {
        const detail = `${text} is optional now, was ${isInput ? 'required' : 'always there'}`;
        this.#note(at, detail, isInput ? undefined : 'output_optional');
      }
    }
  }

  #compareProperties(was: SchemaView, is: SchemaView, place: Place): void {
    for (const name of namesOf(was.properties.keys(), is.properties.keys())) {
      const at = inside(place, `/properties/${pointerToken(name)}`);
      // Of one that is required, but not described, it is known that it is there.
      const isThere = is.properties.has(name) || is.required.has(name);
      const wasThere = was.properties.has(name) || was.required.has(name);
      if (isThere && wasThere)
        this.#compare(was.properties.get(name) ?? true, is.properties.get(name) ?? true, at);
      else if (was.properties.has(name)) this.#noteGone(name, is, at);
      else if (is.properties.has(name) && !is.required.has(name))
        this.#note(at, `${JSON.stringify(name)} is new`);
    }
  }

  #noteGone(name: string, is: SchemaView, at: Place): void {
    const text = JSON.stringify(name);
    if (this.#side === 'output') return this.#note(at, `${text} is gone`, 'output_optional');
    const isClosed =
      is.rest.get('additionalProperties')?.includes(false) && !is.rest.has('patternProperties');
    if (isClosed) return this.#note(at, `${text} is refused now, was taken`, 'input_narrowed');
    return this.#note(at, `${text} is not described any more`);
  }

  #compareItems(was: SchemaView, is: SchemaView, place: Place): void {
    const longest = Math.max(was.prefixItems.length, is.prefixItems.length);
    for (let i = 0; i < longest; i += 1)
      this.#compare(itemOf(was, i), itemOf(is, i), inside(place, `/prefixItems/${i}`));
    if (was.items === undefined && is.items === undefined) return;
    this.#compare(was.items ?? true, is.items ?? true, inside(place, '/items'));
  }

  #compareRest(was: SchemaView, is: SchemaView, place: Place): void {
    for (const keyword of namesOf(was.rest.keys(), is.rest.keys())) {
      const at = { ...inside(place, `/${pointerToken(keyword)}`), isJudged: false };
      const before = was.rest.get(keyword) ?? [];
      const after = is.rest.get(keyword) ?? [];
      if (before.length !== after.length) this.#note(at, this.#describeKeyword(keyword, before, after));
      else before.forEach((one, i) => this.#compareKeyword(keyword, one, after[i], at));
    }
  }

  #compareKeyword(keyword: string, before: unknown, after: unknown, place: Place): void {
    if (schemaKeywords.has(keyword) && isRecord(before) && isRecord(after))
      return this.#compare(before, after, place);
    if (schemaListKeywords.has(keyword) && Array.isArray(before) && Array.isArray(after))
      return this.#compareList(before, after, place);
    if (schemaMapKeywords.has(keyword) && isRecord(before) && isRecord(after))
      return this.#compareMap(before, after, place);
    const isSame = this.#budget.canonicalJson(before) === this.#budget.canonicalJson(after);
    if (!isSame) this.#note(place, this.#describeKeyword(keyword, [before], [after]));
  }

  #compareList(before: unknown[], after: unknown[], place: Place): void {
    if (before.length === after.length)
      before.forEach((one, i) => this.#compare(one, after[i], inside(place, `/${i}`)));
    else this.#note(place, `has ${after.length} alternatives now, had ${before.length}`);
  }

  #compareMap(before: Record<string, unknown>, after: Record<string, unknown>, place: Place): void {
    for (const name of namesOf(Object.keys(before), Object.keys(after))) {
      const at = inside(place, `/${pointerToken(name)}`);
      if (!Object.hasOwn(after, name)) this.#note(at, `${JSON.stringify(name)} is gone`);
      else if (!Object.hasOwn(before, name)) this.#note(at, `${JSON.stringify(name)} is new`);
      else this.#compare(before[name], after[name], at);
    }
  }

  #describeKeyword(keyword: string, before: unknown[], after: unknown[]): string {
    const [was, is] = [before, after].map((values) =>
      values.length === 0
        ? 'not set'
        : values.map((value) => this.#budget.canonicalJson(value)).join(' and '),
    ) as [string, string];
    return describeOther(keyword, was, is);
  }

  #note({ path, isJudged }: Place, detail: string, rule?: ContractRule): void {
    this.#tell({ path, detail, ...(isJudged && rule && { rule }) });
  }
}

function inside(place: Place, tokens: string): Place {
  return { ...place, path: place.path + tokens, level: place.level + 1 };
}

/** Without `prefixItems` for it, `items` is. */
function itemOf({ prefixItems, items }: SchemaView, at: number): unknown {
  return prefixItems[at] ?? items ?? true;
}

/** In an order that does not depend on how the schemas are written. */
function namesOf(before: Iterable<string>, after: Iterable<string>): string[] {
  return [...new Set([...before, ...after])].sort();
}
