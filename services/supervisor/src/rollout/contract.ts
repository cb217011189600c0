import { isInRange, jsonContentType } from '@bkg/sdk';
import type {
  ContractBreak,
  ContractChange,
  ContractReport,
  ContractRule,
  DeclaredError,
  Descriptor,
  PluginCapability,
} from '@bkg/sdk';
import { Budget, TooLarge } from './contract-budget.ts';
import { compareSchemas } from './contract-schemas.ts';
import type { Side } from './contract-schemas.ts';
import { cut, describeOther } from './contract-words.ts';

/** Of each list of a report. */
const changesMost = 100;
/** Of a path, and of a detail, in characters. */
const textMostLength = 256;
/** About one for each keyword of both schemas. */
const nodesOfSchema = 50_000;
const nodesOfAll = 500_000;

/**
 * What a new version says differently of its capabilities. The rules look at what is written in the schemas only:
 * - `capability_gone`;
 * - `input_required`: a property must be given that needed not, in an object that both versions take;
 * - `input_narrowed`: a place of the input takes fewer types or values, or a property is gone from an object that takes
 *   no others (`additionalProperties: false`);
 * - `output_optional`: a property of the output may be missing that was always there, or is gone;
 * - `output_widened`: a place of the output may be of more types or values;
 * - `flag_changed`: `stream` or `idempotent`;
 * - `type_changed`: what was JSON is bytes, or bytes of another content type.
 *
 * All other differences of schemas, `upload` and declared errors are `unknown`, also those that look harmless. Names,
 * titles, descriptions, examples and capabilities that are new are no differences. `$ref` within the schema and `allOf`
 * are followed; paths are as if what they lead to was written in their place. `anyOf` and `oneOf` of types, `enum` and
 * `const` count as one list of these.
 *
 * The work is bounded: what is too large or too deep is `unknown` from there on. So are the lists: the last entry of a
 * full one says how many more there are, and what was not compared to its end comes first. The same two descriptors have the same report.
 */
export function compareContracts(before: Descriptor, after: Descriptor): ContractReport {
  const breaks = new BoundedList<ContractBreak>();
  const unknown = new BoundedList<ContractChange>();
  const budget = new Budget(nodesOfAll);
  const later = new Map(after.capabilities.map((one) => [one.id, one]));
  for (const was of before.capabilities.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const is = later.get(was.id);
    const notes = new Notes(was.id, breaks, unknown);
    if (is) compareCapability(was, is, budget, notes);
    else notes.add('', 'is gone', 'capability_gone');
  }
  return { breaks: breaks.entries(), unknown: unknown.entries() };
}

function compareCapability(was: PluginCapability, is: PluginCapability, budget: Budget, notes: Notes): void {
  for (const flag of ['stream', 'idempotent', 'upload'] as const) {
    const detail = describeOther(flag, String(was[flag]), String(is[flag]));
    if (was[flag] !== is[flag]) notes.add('', detail, flag === 'upload' ? undefined : 'flag_changed');
  }
  compareErrors(was.errors ?? {}, is.errors ?? {}, notes);
  compareTypes(was, is, notes);
  for (const part of ['input', 'output', 'chunk'] as const) compareSchema(part, was, is, budget, notes);
}

function compareTypes(was: PluginCapability, is: PluginCapability, notes: Notes): void {
  for (const member of ['input_type', 'output_type', 'chunk_type'] as const) {
    const [before = jsonContentType, after = jsonContentType] = [was[member], is[member]];
    // Without a stream there are no chunks that could be JSON.
    if (before === after || (member === 'chunk_type' && was.stream !== is.stream)) continue;
    const takesMore = member === 'input_type' && isInRange(before, after);
    notes.add('', describeOther(member, before, after), takesMore ? undefined : 'type_changed');
  }
}

function compareSchema(
  part: 'input' | 'output' | 'chunk',
  was: PluginCapability,
  is: PluginCapability,
  budget: Budget,
  notes: Notes,
): void {
  const member = `${part}_schema` as const;
  const side: Side = part === 'input' ? 'input' : 'output';
  const [before = true, after = true] = [was[member], is[member]];
  try {
    compareSchemas(side, before, after, new Budget(nodesOfSchema, budget), (difference) =>
      notes.add(`/${member}${difference.path}`, difference.detail, difference.rule),
    );
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
    notes.addUnfinished(`/${member}`, `is too large to be compared to its end: ${error.message}`);
  }
}

function compareErrors(
  was: Record<string, DeclaredError>,
  is: Record<string, DeclaredError>,
  notes: Notes,
): void {
  const [before, after] = [new Map(Object.entries(was)), new Map(Object.entries(is))];
  for (const code of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const [then, now] = [before.get(code), after.get(code)].map(describeError);
    if (then !== now) notes.add('', `the error ${code} is ${now} now, was ${then}`);
  }
}

function describeError(error: DeclaredError | undefined): string {
  if (!error) return 'not declared';
  return `${error.number} and ${error.retryable ? 'retryable' : 'not retryable'}`;
}

/** What is said of one capability. */
class Notes {
  readonly #capability: string;
  readonly #breaks: BoundedList<ContractBreak>;
  readonly #unknown: BoundedList<ContractChange>;

  constructor(capability: string, breaks: BoundedList<ContractBreak>, unknown: BoundedList<ContractChange>) {
    this.#capability = capability;
    this.#breaks = breaks;
    this.#unknown = unknown;
  }

  add(path: string, detail: string, rule?: ContractRule): void {
    if (rule) this.#breaks.add({ capability: this.#capability, path, detail, rule });
    else this.#unknown.add({ capability: this.#capability, path, detail });
  }

  addUnfinished(path: string, detail: string): void {
    this.#unknown.addFirst({ capability: this.#capability, path, detail });
  }
}

/** As many entries as it may have; of the others their number. */
class BoundedList<T extends ContractChange> {
  readonly #entries: T[] = [];
  #firsts = 0;
  #more = 0;

  add(entry: T): void {
    if (this.#entries.length === changesMost) this.#more += 1;
    else this.#entries.push(fitted(entry));
  }

  /** Before all that are not first, so that it is not among those that are only counted. */
  addFirst(entry: T): void {
    this.#entries.splice(this.#firsts, 0, fitted(entry));
    this.#firsts += 1;
    if (this.#entries.length <= changesMost) return;
    this.#entries.pop();
    this.#firsts = Math.min(this.#firsts, changesMost);
    this.#more += 1;
  }

  entries(): T[] {
    const last = this.#entries.at(-1);
    if (!last || this.#more === 0) return this.#entries;
    const detail = `${last.detail}; and ${this.#more} more are not listed`;
    return this.#entries.with(-1, { ...last, detail });
  }
}

function fitted<T extends ContractChange>(entry: T): T {
  return { ...entry, path: cut(entry.path, textMostLength), detail: cut(entry.detail, textMostLength) };
}
