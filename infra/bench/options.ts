import { parseArgs } from 'node:util';

/** One option of a command: how it is read, and what counts when it is not given. */
export interface Option<T> {
  /** Without its dashes, where it is not the name of the property. */
  name?: string;
  /** As it would be given; undefined is handed on as it is, and false says that the option takes no value. */
  standard: string | false | undefined;
  /** @throws Error that says what is wrong with it */
  read: (given: string, name: string) => T;
}

type Definitions = Readonly<Record<string, Option<unknown>>>;

/** What a command is told by its options. */
export type ValuesOf<Read extends (args: string[]) => unknown> = ReturnType<Read>;

/**
 * The options of a command, by the properties that they become: `warmUp` is given as `--warm-up`.
 * @returns reads them, and throws an Error that says what is wrong with one
 */
export function defineOptions<T extends Definitions>(
  definitions: T,
): (args: string[]) => { [Key in keyof T]: T[Key] extends Option<infer Value> ? Value : never } {
  const options = Object.entries(definitions).map(([key, option]) => ({
    ...option,
    key,
    name: option.name ?? key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
  }));
  return (args) => {
    const given = valuesIn(args, options);
    const values = options.map(({ key, name, standard, read }) => {
      const value = given[name] ?? standard;
      return [key, typeof value === 'string' ? read(value, name) : value];
    });
    return Object.fromEntries(values);
  };
}

function valuesIn(
  args: string[],
  options: readonly { name: string; standard: Option<unknown>['standard'] }[],
): Record<string, string | boolean | undefined> {
  const types = options.map(({ name, standard }): [string, { type: 'boolean' | 'string' }] => [
    name,
    { type: standard === false ? 'boolean' : 'string' },
  ]);
  try {
    return parseArgs({ args, options: Object.fromEntries(types) }).values;
  } catch (error) {
    const [what] = (error as Error).message.split(/\.(?:\s|$)/);
    throw new Error(`${what}. It takes ${options.map(({ name }) => `--${name}`).join(', ')}.`, {
      cause: error,
    });
  }
}

/** Is there, or is not. */
export function flag(name: string): Option<boolean> {
  return { name, standard: false, read: () => true };
}

/** Nothing is printed but the last line. */
export const isJson = flag('json');

/** Any words; undefined when it is not given. */
export const text: Option<string | undefined> = { standard: undefined, read: (given) => given };

/** A whole number within both; undefined when it is not given and there is no standard. */
export function amount(least: number, most: number): Option<number | undefined>;
export function amount(least: number, most: number, standard: number): Option<number>;
export function amount(least: number, most: number, standard?: number): Option<number | undefined> {
  return {
    standard: standard?.toString(),
    read(given, name) {
      if (/^\d+$/.test(given) && Number(given) >= least && Number(given) <= most) return Number(given);
      throw new Error(`--${name} is "${given}"; it takes a whole number from ${least} to ${most}.`);
    },
  };
}

/** A number within both, which need not be whole. */
export function number(least: number, most: number, standard: number): Option<number> {
  return {
    standard: String(standard),
    read(given, name) {
      const value = Number(given);
      if (given.trim() !== '' && value >= least && value <= most) return value;
      throw new Error(`--${name} is "${given}"; it takes a number from ${least} to ${most}.`);
    },
  };
}

/** Several with commas between them. */
export function list<T>(standard: string, readOne: (given: string, name: string) => T): Option<T[]> {
  return { standard, read: (given, name) => given.split(',').map((one) => readOne(one.trim(), name)) };
}

/** Whole numbers within both, with commas between them. */
export function amounts(least: number, most: number, standard: readonly number[]): Option<number[]> {
  return list(standard.join(','), amount(least, most, least).read);
}

/** Some of these words, with commas between them. @default all */
export function words<T extends string>(allowed: readonly T[]): Option<T[]> {
  return list(allowed.join(','), (given, name) => {
    const word = allowed.find((one) => one === given);
    if (word !== undefined) return word;
    throw new Error(`--${name} names "${given}"; it takes ${allowed.join(', ')}, with commas between them.`);
  });
}

/** The same under another name than that of its property. */
export function named<T>(name: string, option: Option<T>): Option<T> {
  return { ...option, name };
}

/** What the program was started with; ends it when that cannot be read. */
export function optionsOrEnd<T>(read: (args: string[]) => T): T {
  try {
    return read(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
}
