import { isDeepStrictEqual } from 'node:util';
import { isSubjectToken, isVersion, pluginIdProblem } from '../protocol/names.ts';
import type { Answer } from './answers.ts';
import { valuesAt } from './places.ts';
import type { Check } from './suite.ts';
import { Broken } from './verdict.ts';

const kinds = {
  integer: { means: 'a whole number', test: Number.isSafeInteger },
  plugin_id: { means: 'a plugin id', test: (value: unknown) => pluginIdProblem(String(value)) === undefined },
  version: { means: 'a semantic version', test: (value: unknown) => isVersion(String(value)) },
  token: {
    means: 'up to 128 characters of A-Z, a-z, 0-9, "_" and "-"',
    test: (value: unknown) => isSubjectToken(String(value)),
  },
};

/** What stands at one place of each answer. */
export function checkPlace(one: Extract<Check, { at: string }>, answers: readonly Answer[]): void {
  const values = answers.flatMap(({ json }) => valuesAt(json, one.at));
  const fail = (expected: string, got: unknown): never => {
    throw new Broken(`${expected} at ${one.at}`, JSON.stringify(got) ?? 'nothing');
  };
  if (values.length === 0) fail('something', undefined);
  if ('same' in one) {
    if (new Set(values).size > 1) fail('always the same', values);
  } else if ('grows_by' in one) {
    const grows = values.every(
      (value, i) => i === 0 || Number(value) === Number(values[i - 1]) + one.grows_by,
    );
    if (!grows) fail(`numbers that grow by ${one.grows_by}`, values);
  } else if ('ends_with' in one) {
    // Who starts a plugin says of its end what it has said itself, so that nobody has to miss it.
    const steps = values.filter((value, i) => i === 0 || !isDeepStrictEqual(value, values[i - 1]));
    if (!isDeepStrictEqual(steps.slice(-one.ends_with.length), one.ends_with))
      fail(`${JSON.stringify(one.ends_with)} as the last`, values);
  } else for (const value of values) checkValue(one, value, fail);
}

type ValueCheck = Exclude<
  Extract<Check, { at: string }>,
  { same: true } | { grows_by: number } | { ends_with: unknown[] }
>;

function checkValue(one: ValueCheck, value: unknown, fail: (expected: string, got: unknown) => never): void {
  if ('equals' in one) {
    if (!isDeepStrictEqual(value, one.equals)) fail(JSON.stringify(one.equals), value);
  } else if ('matches' in one) {
    if (typeof value !== 'string' || !new RegExp(one.matches).test(value))
      fail(`a text like ${one.matches}`, value);
  } else if ('is' in one) {
    if (!kinds[one.is].test(value)) fail(kinds[one.is].means, value);
  } else if ('least' in one) {
    if (typeof value !== 'number' || value < one.least) fail(`a number from ${one.least}`, value);
  } else {
    const got: unknown[] = Array.isArray(value) ? value : [value];
    if (!isDeepStrictEqual([...got].sort(), [...one.set].sort()))
      fail(`exactly ${JSON.stringify(one.set)}`, value);
  }
}
