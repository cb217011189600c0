import { declaredErrorNumbers, errorTable } from '@bkg/sdk';
import { describe, expect, it } from 'vitest';
import { codeOfStatus, httpStatus } from '../src/http/http-status.ts';

describe('the HTTP status of an error number', () => {
  it('is the number, for the whole table and everything a plugin may declare', () => {
    for (const { number } of Object.values(errorTable)) expect(httpStatus(number)).toBe(number);
    for (const number of declaredErrorNumbers) expect(httpStatus(number)).toBe(number);
  });

  it.each([
    [418, 400],
    [408, 400],
    [421, 400],
    [425, 400],
    [407, 400],
    [501, 500],
    [599, 500],
    [200, 500],
    [302, 500],
    [101, 500],
    [0, 500],
    [Number.NaN, 500],
  ])('is never one that a browser acts upon by itself: %d becomes %d', (number, status) => {
    expect(httpStatus(number)).toBe(status);
  });

  it.each([
    [400, 'INVALID_PAYLOAD'],
    [403, 'FORBIDDEN'],
    [404, 'CAPABILITY_NOT_FOUND'],
    [405, 'CAPABILITY_NOT_FOUND'],
    [413, 'PAYLOAD_TOO_LARGE'],
    [415, 'INVALID_PAYLOAD'],
    [431, 'INVALID_PAYLOAD'],
    [500, 'INTERNAL'],
    [501, 'INTERNAL'],
  ])('leads back to a code when the HTTP layer failed with %d', (status, code) => {
    expect(codeOfStatus(status)).toBe(code);
  });
});
