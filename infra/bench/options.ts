/** @throws Error that says what is wrong with it */
export function readAmount(name: string, given: string, least: number, most: number): number {
  if (/^\d+$/.test(given) && Number(given) >= least && Number(given) <= most) return Number(given);
  throw new Error(`--${name} is "${given}"; it takes a whole number from ${least} to ${most}.`);
}

/** Words with commas between them. @throws Error that says what is wrong with them */
export function readSome<T extends string>(name: string, given: string, allowed: readonly T[]): T[] {
  return given.split(',').map((text) => {
    const one = allowed.find((word) => word === text);
    if (one) return one;
    throw new Error(`--${name} names "${text}"; it takes ${allowed.join(', ')}, with commas between them.`);
  });
}

/** What the program was started with; ends it when that cannot be read. */
export function optionsOrEnd<T>(read: (args: string[]) => T): T {
  try {
    return read(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}
