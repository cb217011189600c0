import { expect, it } from 'vitest';
import { layOut } from '../src/json-layout.ts';

it('lays JSON out as JSON.stringify does', () => {
  const values = [
    { a: 1, b: [1, [2, {}], []], c: { d: null, e: true }, f: {}, g: [{}, [[]]] },
    ['a "quoted" \\ text', 'with {braces}, [brackets]: and commas', ''],
    'text',
    -1.5e300,
    false,
    null,
    [],
    {},
    [[]],
  ];
  for (const value of values) {
    const wanted = JSON.stringify(value, undefined, 2);
    expect(layOut(JSON.stringify(value))).toBe(wanted);
    expect(layOut(` ${JSON.stringify(value, undefined, '\t')}\r\n`)).toBe(wanted);
  }
});

it('changes nothing but white space: digits, order and repetitions stay', () => {
  const json = '{"b":12345678901234567890.10,"2":1E+2,"1":-0.0,"b":"\\u0041\\/"}';
  expect(layOut(json)).toBe(
    '{\n  "b": 12345678901234567890.10,\n  "2": 1E+2,\n  "1": -0.0,\n  "b": "\\u0041\\/"\n}',
  );
});
