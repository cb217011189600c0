import { describe, expect, it } from 'vitest';
import { isJsonContentType } from '../../src/protocol/content-type.ts';
import { headerNames } from '../../src/protocol/headers.ts';

describe('the headers', () => {
  it('have names that differ in more than case, for HTTP does not tell case apart', () => {
    const names = Object.values(headerNames).map((name) => name.toLowerCase());
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  it.each([
    undefined,
    '',
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    ' application/json ',
  ])('take %j for JSON', (type) => {
    expect(isJsonContentType(type)).toBe(true);
  });

  it.each([
    'text/plain',
    'application/jsonp',
    'application/problem+json',
    ';application/json',
    'json',
    '*/*',
  ])('do not take %j for JSON', (type) => {
    expect(isJsonContentType(type)).toBe(false);
  });
});
