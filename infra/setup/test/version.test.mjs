import { expect, it } from 'vitest';
import { isAtLeast, isSupportedNode, parseVersion } from '../version.mjs';

it.each([
  ['v18.20.4', false],
  ['v22.22.0', false],
  ['v24.0.0', true],
  ['v25.9.0', false],
  ['v26.0.0', true],
  ['v27.1.0', true],
  ['nonsense', false],
])('knows whether Node %s can run everything: %s', (version, supported) => {
  expect(isSupportedNode(version)).toBe(supported);
});

it.each([
  ['2.10.0', true],
  ['2.10.27', true],
  ['2.9.99', false],
  ['3.0.0', true],
  ['2.15.1', true],
  ['', false],
])('knows whether nats-server %s is new enough: %s', (version, enough) => {
  expect(isAtLeast(version, '2.10.0')).toBe(enough);
});

it('reads a version out of what a program prints', () => {
  expect(parseVersion('nats-server: v2.10.27\n')).toEqual([2, 10, 27]);
  expect(parseVersion('no version here')).toBeUndefined();
});
