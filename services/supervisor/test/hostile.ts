/** Values that somebody who means ill, or has made a mistake, may send; the same for the same seed. */

export interface Random {
  /** A whole number from 0 to `n` - 1. */
  below: (n: number) => number;
  pick: <T>(values: readonly T[]) => T;
}

/** Mulberry32. */
export function randomOf(seed: number): Random {
  let state = (seed * 0x9e3779b9) >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number): number => Math.floor(next() * n);
  return { below, pick: (values) => values[below(values.length)]! };
}

const poisons: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  0.1,
  1e308,
  2 ** 53,
  '',
  ' ',
  '*',
  '>',
  'a.b',
  '\0',
  '\ud800',
  '\udfff x',
  '𝄞',
  '__proto__',
  'constructor',
  'toString',
  '{"a":',
  'null',
  '[]',
  '1',
  [],
  {},
  [[]],
  JSON.parse('{"__proto__": {"polluted": true}}'),
  'x'.repeat(10_000),
];

/** The value with one to four places of it replaced, removed, doubled, renamed or wrapped. */
export function hostile(random: Random, value: unknown): unknown {
  let root = value;
  for (let n = 1 + random.below(4); n > 0; n -= 1) root = spoil(random, root);
  return root;
}

function spoil(random: Random, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random.below(8) === 0) return poisoned(random, value);
  const keys = Object.keys(value);
  if (keys.length === 0) return poisoned(random, value);
  const key = random.pick(keys);
  if (Array.isArray(value)) {
    const items: unknown[] = [...(value as unknown[])];
    const at = Number(key);
    const kind = random.below(4);
    if (kind === 0) items.splice(at, 1);
    else if (kind === 1) items.push(items[at]);
    else items[at] = spoil(random, items[at]);
    return items;
  }
  const { [key]: old, ...rest } = value as Record<string, unknown>;
  if (random.below(8) === 0) return rest;
  const name = random.below(8) === 0 ? random.pick(['__proto__', 'constructor', '', 'ab.*']) : key;
  return Object.fromEntries([...Object.entries(rest), [name, spoil(random, old)]]);
}

function poisoned(random: Random, value: unknown): unknown {
  switch (random.below(5)) {
    case 0:
      return { value };
    case 1:
      return [value];
    case 2:
      return typeof value === 'number' ? value * random.pick([-1, 0.37, 1e12, 1e300]) : random.pick(poisons);
    default:
      return random.pick(poisons);
  }
}
