import { describe, expect, it } from 'vitest';
import {
  BkgError,
  declaredErrorNumbers,
  errorTable,
  isProblem,
  PluginError,
  problemOf,
} from '../../src/protocol/errors.ts';
import type { ErrorCode, Problem } from '../../src/protocol/errors.ts';

const entries = Object.entries(errorTable) as [ErrorCode, (typeof errorTable)[ErrorCode]][];

describe('the error table', () => {
  it('has codes of capitals, each with a title of its own', () => {
    for (const [code] of entries) expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
    expect(new Set(entries.map(([, { title }]) => title)).size).toBe(entries.length);
  });

  it('has only numbers that HTTP takes for failures', () => {
    for (const [, { number }] of entries) expect(number).toSatisfy((n: number) => n >= 400 && n <= 599);
  });

  it('gives a number two meanings only where the caller does the same about both', () => {
    const shared = [...Map.groupBy(entries, ([, { number }]) => number).values()].filter(
      (codes) => codes.length > 1,
    );
    expect(shared.map((codes) => codes.map(([code]) => code))).toEqual([
      ['PLUGIN_NOT_FOUND', 'CAPABILITY_NOT_FOUND'],
      ['RATE_LIMITED', 'BUSY'],
      ['INTERNAL', 'INVALID_OUTPUT'],
    ]);
    for (const codes of shared) expect(new Set(codes.map(([, { retryable }]) => retryable)).size).toBe(1);
  });

  it('says of everything the caller did wrong that nothing ran and that trying again is no use', () => {
    for (const [code, { number, retryable, executed }] of entries) {
      if (number < 429) expect([code, retryable, executed]).toEqual([code, false, 'no']);
    }
  });

  it('never calls retryable what has run for certain', () => {
    expect(
      entries.filter(([, { retryable, executed }]) => retryable && executed === ('yes' as string)),
    ).toEqual([]);
  });
});

describe('a BkgError', () => {
  it.each(entries)('%s carries its line of the table as a problem object', (code, entry) => {
    const { problem } = new BkgError(code, 'what happened');
    expect(problem).toEqual({
      type: `urn:bkg:error:${code.toLowerCase()}`,
      title: entry.title,
      status: entry.number,
      detail: 'what happened',
      code,
      retryable: entry.retryable,
    });
    expect(isProblem(problem)).toBe(true);
  });

  it('keeps the places that are wrong and the cause', () => {
    const cause = new Error('deeper');
    const errors = [{ path: '/a', message: 'is odd' }];
    const error = new BkgError('INVALID_PAYLOAD', 'no', { errors, cause });
    expect(error.problem.errors).toEqual(errors);
    expect(error.cause).toBe(cause);
    expect(error).toMatchObject({ name: 'BkgError', message: 'no', code: 'INVALID_PAYLOAD' });
  });

  it('comes out of the problem of a peer as it was, also with a code that only the plugin knows', () => {
    const own = problemOf('ECHO_TIRED', { number: 422, retryable: true }, 'so tired');
    expect(own).toMatchObject({ type: 'urn:bkg:error:echo_tired', title: 'Echo tired', status: 422 });
    const sent: unknown = JSON.parse(JSON.stringify(own));
    expect(isProblem(sent) && BkgError.from(sent).problem).toEqual(own);
    expect(BkgError.from(own)).toMatchObject({ message: 'so tired', code: 'ECHO_TIRED' });
  });
});

describe('a problem that quotes what somebody sent', () => {
  it('stays small enough to be sent, whatever that was', () => {
    const long = '\u0000'.repeat(1_000_000);
    const errors = Array.from({ length: 1_000 }, () => ({ path: long, message: long }));
    const { problem } = new BkgError('INVALID_PAYLOAD', long, { errors });
    expect(Buffer.byteLength(JSON.stringify(problem))).toBeLessThan(256 * 1024);
    expect(problem.detail).toMatch(/…$/);
    const passedOn = BkgError.from({ ...problem, title: long, detail: long, errors });
    expect(Buffer.byteLength(JSON.stringify(passedOn.problem))).toBeLessThan(256 * 1024);
  });

  it('is made whole when a peer left out or garbled what is not essential', () => {
    const sent = { code: 'X_Y', status: 409, detail: 'no', errors: 'all', more: [1] };
    expect(isProblem(sent) && BkgError.from(sent).problem).toEqual({
      type: 'urn:bkg:error:x_y',
      title: 'X y',
      status: 409,
      detail: 'no',
      code: 'X_Y',
      retryable: false,
    });
    const odd = { ...sent, errors: [{ path: 7 }, null] } as unknown as Problem;
    expect(BkgError.from(odd).problem.errors).toEqual([
      { path: '7', message: 'undefined' },
      { path: 'undefined', message: 'undefined' },
    ]);
  });
});

describe('a PluginError', () => {
  it('keeps its code, its places and its cause', () => {
    const errors = [{ path: '', message: 'is odd' }];
    const error = new PluginError('ECHO_TIRED', 'so tired', { errors, cause: 'late' });
    expect(error).toMatchObject({
      name: 'PluginError',
      code: 'ECHO_TIRED',
      message: 'so tired',
      cause: 'late',
    });
    expect(error.errors).toBe(errors);
  });

  it('may be declared with any of the numbers that the table does not keep for the mesh itself', () => {
    const ownNumbers: readonly number[] = declaredErrorNumbers;
    for (const number of [401, 403, 413, 499, 502, 504]) expect(ownNumbers).not.toContain(number);
    expect([...declaredErrorNumbers]).toEqual([...declaredErrorNumbers].sort((a, b) => a - b));
  });
});

describe('a problem object', () => {
  const problem = { code: 'X', status: 500, detail: 'no' };

  it('needs a code, a status and a detail, and may leave out the rest', () => {
    expect(isProblem(problem)).toBe(true);
  });

  it.each([
    undefined,
    null,
    'text',
    500,
    [],
    {},
    { ...problem, code: 1 },
    { ...problem, code: '' },
    { ...problem, code: 'X'.repeat(129) },
    { ...problem, detail: undefined },
    { ...problem, status: '500' },
    { ...problem, status: 200 },
    { ...problem, status: 600 },
    { ...problem, status: 500.5 },
    { ...problem, status: Number.NaN },
  ])('is not %j', (value) => {
    expect(isProblem(value)).toBe(false);
  });
});
