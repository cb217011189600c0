import type { Datatype } from './datatypes.ts';

/** How one JSON value becomes one element; undefined when the datatype does not hold it. */
export type ReadElement = (value: unknown) => number | bigint | string | undefined;

/** How an element becomes a JSON value; what JSON numbers do not hold exactly becomes text. */
export type WriteElement = (element: number | bigint | string) => unknown;

export interface ElementRule {
  read: ReadElement;
  write: WriteElement;
  /** What is allowed, for the message when something else was given. */
  allowed: string;
}

const specials = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
]);
const asItIs: WriteElement = (element) => element;
const decimal = /^-?\d{1,20}$/;

function whole(lowest: number, highest: number): ElementRule {
  return {
    read: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= lowest && value <= highest
        ? value
        : undefined,
    write: asItIs,
    allowed: `a whole number from ${lowest} to ${highest}`,
  };
}

function big(lowest: bigint, highest: bigint): ElementRule {
  return {
    read: (value) => {
      // A JSON number beyond 2^53 has already lost its last digits: taking it would compute with another one.
      const exact =
        typeof value === 'number'
          ? Number.isSafeInteger(value)
          : typeof value === 'string' && decimal.test(value);
      if (!exact) return undefined;
      const element = BigInt(value as number | string);
      return element >= lowest && element <= highest ? element : undefined;
    },
    write: (element) => {
      const number = Number(element);
      return Number.isSafeInteger(number) ? number : String(element);
    },
    allowed: `a whole number from ${lowest} to ${highest}, beyond ±9007199254740991 as a decimal string`,
  };
}

function float(round: (value: number) => number, range: string): ElementRule {
  return {
    read: (value) => {
      if (typeof value === 'string') return specials.get(value);
      if (typeof value !== 'number') return undefined;
      return Number.isFinite(round(value)) ? value : undefined;
    },
    write: (element) => (Number.isFinite(element) ? element : String(element)),
    allowed: `a number${range}, "NaN", "Infinity" or "-Infinity"`,
  };
}

export const elementRules: Record<Datatype, ElementRule> = {
  BOOL: {
    read: (value) => (typeof value === 'boolean' ? Number(value) : undefined),
    write: (element) => element !== 0,
    allowed: 'true or false',
  },
  UINT8: whole(0, 2 ** 8 - 1),
  UINT16: whole(0, 2 ** 16 - 1),
  UINT32: whole(0, 2 ** 32 - 1),
  UINT64: big(0n, 2n ** 64n - 1n),
  INT8: whole(-(2 ** 7), 2 ** 7 - 1),
  INT16: whole(-(2 ** 15), 2 ** 15 - 1),
  INT32: whole(-(2 ** 31), 2 ** 31 - 1),
  INT64: big(-(2n ** 63n), 2n ** 63n - 1n),
  FP16: float(Math.f16round, ' up to ±65504'),
  FP32: float(Math.fround, ' up to ±3.4e38'),
  FP64: float((value) => value, ''),
  BYTES: {
    // The runtime takes C strings of UTF-8: it would cut the one kind short and change the other.
    read: (value) =>
      typeof value === 'string' && value.isWellFormed() && !value.includes('\0') ? value : undefined,
    write: asItIs,
    allowed: 'a string without U+0000 and without lone surrogates',
  },
};
