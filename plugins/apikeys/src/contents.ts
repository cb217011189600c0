import { kinds } from './record.ts';
import type { Kind, Kinds } from './record.ts';

export interface Entry<T> {
  value: T;
  revision: number;
}

/** That a key was there; the bucket remembers it. */
export interface Removal {
  revision: number;
  /** In ms since the epoch. */
  at: number;
}

export interface Change {
  kind: Kind;
  id: string;
  /** Absent for what was not there. */
  before?: Kinds[Kind];
  /** Absent for what is not there any more. */
  after?: Kinds[Kind];
}

type Maps = { [K in Kind]: Map<string, Entry<Kinds[K]>> };

/** What the bucket holds, as far as it was heard of. */
export class Contents {
  readonly #maps: Maps = {
    key: new Map(),
    role: new Map(),
    session: new Map(),
    ticket: new Map(),
    used: new Map(),
  };
  /** By the bucket's keys. */
  readonly removals = new Map<string, Removal>();

  get<K extends Kind>(kind: K, id: string): Entry<Kinds[K]> | undefined {
    return (this.#maps[kind] as Map<string, Entry<Kinds[K]>>).get(id);
  }

  all<K extends Kind>(kind: K): ReadonlyMap<string, Entry<Kinds[K]>> {
    return this.#maps[kind] as Map<string, Entry<Kinds[K]>>;
  }

  /** @returns what has changed; undefined when it was known, or is older than what is known */
  put<K extends Kind>(kind: K, id: string, entry: Entry<Kinds[K]>): Change | undefined {
    const before = this.get(kind, id);
    const key = `${kind}.${id}`;
    const known = before?.revision ?? this.removals.get(key)?.revision ?? 0;
    if (known >= entry.revision) return undefined;
    (this.#maps[kind] as Map<string, Entry<Kinds[K]>>).set(id, entry);
    this.removals.delete(key);
    return { kind, id, ...(before && { before: before.value }), after: entry.value };
  }

  /** @returns as `put` */
  remove(kind: Kind, id: string, removal: Removal): Change | undefined {
    const before = this.get(kind, id);
    const key = `${kind}.${id}`;
    const known = before?.revision ?? this.removals.get(key)?.revision ?? 0;
    if (known >= removal.revision) return undefined;
    this.#maps[kind].delete(id);
    this.removals.set(key, removal);
    return before && { kind, id, before: before.value };
  }
}

/** What is another in `after` than it was in `before`. */
export function changesBetween(before: Contents, after: Contents): Change[] {
  const changes: Change[] = [];
  for (const kind of kinds) {
    for (const [id, { value, revision }] of after.all(kind)) {
      const old = before.get(kind, id);
      if (old?.revision !== revision)
        changes.push({ kind, id, ...(old && { before: old.value }), after: value });
    }
    for (const [id, { value }] of before.all(kind))
      if (!after.get(kind, id)) changes.push({ kind, id, before: value });
  }
  return changes;
}

/** Takes `<kind>.<id>` apart; undefined for what is none of ours. */
export function parseKey(key: string): { kind: Kind; id: string } | undefined {
  const [first, id, ...rest] = key.split('.');
  const kind = kinds.find((known) => known === first);
  return kind && id && rest.length === 0 ? { kind, id } : undefined;
}
