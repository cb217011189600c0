import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  ConnectionLostError,
  DeclaredPluginError,
  errorClasses,
  errorOf,
  InternalError,
  InvocationError,
  OfflineError,
  PluginCrashedError,
  PluginUnavailableError,
} from '../../src/client/errors.ts';
import type { BusyError } from '../../src/client/errors.ts';
import { BkgError, errorTable, problemOf } from '../../src/protocol/errors.ts';
import type { ErrorCode } from '../../src/protocol/errors.ts';

const codes = Object.keys(errorTable) as ErrorCode[];

describe('the errors of a client', () => {
  it('have a class for each code of the table, and none besides', () => {
    expectTypeOf<keyof typeof errorClasses>().toEqualTypeOf<ErrorCode>();
    expect(Object.keys(errorClasses)).toEqual(codes);
    // @ts-expect-error a code without its class
    const incomplete: Record<ErrorCode, unknown> = (({ BUSY: _, ...rest }) => rest)(errorClasses);
    expect(incomplete).not.toHaveProperty('BUSY');
  });

  it.each(codes)('of the code %s are of its class, with all that the problem says', (code) => {
    const problem = problemOf(code, errorTable[code], 'so it is', [{ path: '/a', message: 'is odd' }]);
    const error = errorOf(JSON.parse(JSON.stringify(problem)), { invocationId: 'abc' });
    const name = code.replaceAll(
      /_?([A-Z])([A-Z]*)/g,
      (_, first: string, rest: string) => first + rest.toLowerCase(),
    );
    expect(error.name).toBe(`${name}Error`);
    expect(error.constructor.name).toBe(`${name}Error`);
    expect(error).toBeInstanceOf(errorClasses[code]);
    expect(error).toBeInstanceOf(InvocationError);
    expect(error).toBeInstanceOf(BkgError);
    expect(error.problem).toEqual(problem);
    expect(error).toMatchObject({
      code,
      retryable: errorTable[code].retryable,
      message: 'so it is',
      invocationId: 'abc',
    });
    expect(error.executed).toBe(errorTable[code].executed);
  });

  it('tell a code of a plugin apart, also one that has the name of something in JavaScript', () => {
    for (const code of ['ECHO_TIRED', 'constructor', '__proto__', 'toString']) {
      const error = errorOf(problemOf(code, { number: 422, retryable: true }, 'so tired'));
      expect(error).toBeInstanceOf(DeclaredPluginError);
      expect(error).toMatchObject({ code, retryable: true, executed: 'maybe', problem: { status: 422 } });
    }
  });

  it('take anything else for a failure that nobody has explained', () => {
    for (const nothing of [
      undefined,
      null,
      'oh',
      {},
      { code: 'BUSY' },
      { code: 'BUSY', status: 200, detail: '' },
    ]) {
      expect(errorOf(nothing)).toBeInstanceOf(InternalError);
    }
  });

  it('are told apart by the compiler too', () => {
    const error: BusyError | InternalError = errorOf(problemOf('BUSY', errorTable.BUSY, '')) as BusyError;
    const widened: InvocationError = error;
    if (widened instanceof InternalError) expect.unreachable();
    // With classes of one shape it would be \`never\` here.
    else expectTypeOf(widened).toEqualTypeOf<InvocationError>();
    expectTypeOf<BusyError>().not.toExtend<InternalError>();
  });

  it('say of a lost connection what a caller can do about it', () => {
    expect(new ConnectionLostError('gone')).toBeInstanceOf(PluginCrashedError);
    expect(new ConnectionLostError('gone')).toMatchObject({
      name: 'ConnectionLostError',
      code: 'PLUGIN_CRASHED',
      executed: 'maybe',
      problem: { title: 'Connection lost', status: 502, detail: 'gone' },
    });
    expect(new OfflineError('away')).toBeInstanceOf(PluginUnavailableError);
    expect(new OfflineError('away')).toMatchObject({
      name: 'OfflineError',
      code: 'PLUGIN_UNAVAILABLE',
      executed: 'no',
    });
  });
});
