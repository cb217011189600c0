import { expect, it } from 'vitest';
import { memberText } from '../../src/client/ws/member-text.ts';
import { parseAnew, randomObject } from '../../src/testing/random-json.ts';
import { createRandom } from '../protocol/random.ts';
import type { Random } from '../protocol/random.ts';

it('a member is cut out of an object as it stands there', () => {
  expect(memberText('{"a":1,"output":{"x":[1.0,"}"]},"b":2}', 'output')).toBe('{"x":[1.0,"}"]}');
  expect(memberText(' {\n"output" :\t-1.50e+400\r\n, "b": 2 } ', 'output')).toBe('-1.50e+400');
  for (const last of ['null', 'true', '7', '""', '"\\\\"', '"\\""', '[]', '{}', '[[{"output":1}]]'])
    expect(memberText(`{"a":{"output":0},"output":${last}}`, 'output')).toBe(last);
  expect(memberText('{}', 'output')).toBeUndefined();
  expect(memberText('{"a":{"output":1}}', 'output')).toBeUndefined();
  // As JSON.parse has it.
  expect(memberText('{"output":1,"outp\\u0075t":2,"a":3}', 'output')).toBe('2');
});

it('a member of anything is what JSON.parse says it is', () => {
  const random = createRandom(7);
  const texts = '{}[]",:\\ \n\tä😀ou';
  const value = (depth: number): unknown => {
    const kind = random.below(depth > 3 ? 3 : 5);
    if (kind === 0) return random.pick([null, true, false, 0, -1.5, 1e300]);
    if (kind < 3) return random.text(texts, 8);
    const items = Array.from({ length: random.below(4) }, () => value(depth + 1));
    return kind === 3 ? items : Object.fromEntries(items.map((item) => [nameOf(random), item]));
  };
  const nameOf = ({ pick, text }: Random): string => pick(['output', 'out', text(texts, 4)]);
  for (let i = 0; i < 3_000; i += 1) {
    const members = Array.from({ length: random.below(5) }, () => [nameOf(random), value(0)] as const);
    const space = random.pick([0, 1, '\t', '\n ']);
    const json = JSON.stringify(Object.fromEntries(members), undefined, space);
    const parsed = JSON.parse(json) as { output?: unknown };
    const found = memberText(json, 'output');
    expect(found === undefined ? undefined : JSON.parse(found), json).toEqual(parsed.output);
  }
});

it('so it is with names and texts written in any way, with any space, and with several of one name', () => {
  const names = ['output', 'out', '', '__proto__', '"'];
  for (let seed = 1; seed <= 3_000; seed += 1) {
    const json = randomObject(createRandom(seed), names);
    const parsed = parseAnew(json) as Record<string, unknown>;
    for (const name of names) {
      const found = memberText(json, name);
      const where = `seed ${seed}: ${name} of ${json}`;
      expect(found !== undefined, where).toBe(Object.hasOwn(parsed, name));
      if (found !== undefined) expect(parseAnew(found), where).toEqual(parsed[name]);
    }
  }
});
