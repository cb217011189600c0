import { BkgError } from '@bkg/sdk';
import { createRandom, parseAnew, randomJson, randomObject } from '@bkg/sdk/testing';
import { expect, it } from 'vitest';
import { readEnvelope } from '../src/invoke/envelope.ts';
import { parseBody } from '../src/http/parse-body.ts';
import { memberOf } from '../src/invoke/raw-json.ts';

const names = ['payload', 'capability', 'pay', '', '__proto__', 'a"b', '\n'];

it('a member of any object is what JSON.parse says it is, and stands there as it was sent', () => {
  let several = 0;
  for (let seed = 1; seed <= 4_000; seed += 1) {
    const random = createRandom(seed);
    const text = `${random.pick(['', ' ', '\n\t'])}${randomObject(random, names)}${random.pick(['', '\r\n'])}`;
    const json = Buffer.from(text);
    const parsed = parseAnew(json.toString()) as Record<string, unknown>;
    for (const name of names) {
      const found = memberOf(json, name);
      const where = `seed ${seed}: ${name} of ${text}`;
      expect(found !== undefined, where).toBe(Object.hasOwn(parsed, name));
      if (!found) continue;
      expect(parseAnew(found.toString()), where).toEqual(parsed[name]);
      expect(json.includes(found), where).toBe(true);
      expect(/^\s|\s$/.test(found.toString()), where).toBe(false);
      several += 1;
    }
  }
  expect(several).toBeGreaterThan(4_000);
});

it('a body is read or refused with INVALID_PAYLOAD, and never anything else', () => {
  const random = createRandom(1);
  for (let i = 0; i < 4_000; i += 1) {
    const bytes = Buffer.from(randomJson(random, names));
    // One byte of most is another.
    if (random.below(4) > 0 && bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
    for (const read of [parseBody, readEnvelope]) {
      try {
        read(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(BkgError);
        expect((error as BkgError).code, bytes.toString('latin1')).toBe('INVALID_PAYLOAD');
      }
    }
  }
});
