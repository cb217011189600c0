/** A sequence that looks random and is the same in every run (mulberry32), so that a failure can be repeated. */
export function createRandom(seed: number) {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!;
  const text = (alphabet: string, mostLength: number): string =>
    Array.from({ length: below(mostLength + 1) }, () => pick([...alphabet])).join('');
  return { next, below, pick, text };
}

export type Random = ReturnType<typeof createRandom>;

/** The value with one to four random places of it replaced, removed, doubled or wrapped. */
export function mutate(random: Random, value: unknown): unknown {
  let root = value;
  for (let n = 1 + random.below(4); n > 0; n -= 1) root = mutateOnce(random, root);
  return root;
}

function mutateOnce(random: Random, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random.below(6) === 0) return poison(random, value);
  const keys = Object.keys(value);
  const key = random.pick(keys);
  if (keys.length === 0 || key === undefined) return poison(random, value);
  if (Array.isArray(value)) {
    const items = [...(value as unknown[])];
    const at = Number(key);
    const kind = random.below(4);
    if (kind === 0) items.splice(at, 1);
    else if (kind === 1) items.push(items[at]);
    else items[at] = mutateOnce(random, items[at]);
    return items;
  }
  const { [key]: old, ...rest } = value as Record<string, unknown>;
  if (random.below(8) === 0) return rest;
  const name =
    random.below(8) === 0 ? random.pick(['__proto__', 'constructor', '', random.text('ab.', 4)]) : key;
  return Object.fromEntries([...Object.entries(rest), [name, mutateOnce(random, old)]]);
}

function poison(random: Random, value: unknown): unknown {
  const constants = [
    null,
    true,
    0,
    -1,
    1e308,
    '',
    ' ',
    '*',
    '>',
    '\0',
    '__proto__',
    '{"a":',
    'null',
    '[]',
    [],
    {},
    [[]],
  ];
  const kind = random.below(4);
  if (kind === 0 && typeof value === 'string') {
    const at = random.below(value.length + 1);
    return value.slice(0, at) + random.text('aZ9.*> \n\0"{}[]', 3) + value.slice(at);
  }
  if (kind === 1) return { value };
  if (kind === 2) return [value];
  return random.pick<unknown>(constants);
}
