import { BkgError } from '@bkg/sdk';
import { describe, expect, it } from 'vitest';
import { readEnvelope } from '../src/invoke/envelope.ts';
import { memberOf } from '../src/invoke/raw-json.ts';

function payloadOf(body: string): string {
  return readEnvelope(Buffer.from(body)).payload.toString();
}

function failureOf(body: string | Buffer): BkgError {
  try {
    readEnvelope(Buffer.from(body));
  } catch (error) {
    if (error instanceof BkgError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

describe('the body of an invocation', () => {
  it('gives the capability, and the payload exactly as it was written', () => {
    const { capability, payload } = readEnvelope(
      Buffer.from('{"capability": "model.infer", "payload": { "id" : 9223372036854775807, "x": 1e400 } }'),
    );
    expect(capability).toBe('model.infer');
    expect(payload.toString()).toBe('{ "id" : 9223372036854775807, "x": 1e400 }');
  });

  it.each([
    ['a string', '"}\\"{,\\\\"'],
    ['an empty string', '""'],
    ['a string that ends in a backslash', '"\\\\"'],
    ['a string of escapes', '"\\u0022\\u005c\\n"'],
    ['a string with many-byte characters', '"äöü 🎉 \u2028 漢字"'],
    ['a number', '-0.0e-10'],
    ['an integer beyond 2^53', '12345678901234567890123'],
    ['true', 'true'],
    ['an empty object', '{}'],
    ['an empty array', '[]'],
    ['nested structures', '[{"payload":[1,{"a":"}]"}]},[[[]]],{"payload":2}]'],
    ['space inside', '[ 1 ,\n\t2 ]'],
  ])('finds %s wherever it stands', (_what, text) => {
    for (const body of [
      `{"capability":"a","payload":${text}}`,
      `{"payload":${text},"capability":"a"}`,
      `{"x":{"payload":"no"},"payload":${text},"y":"\\"payload\\":1","capability":"a"}`,
      ` \r\n\t{ "capability" : "a" , "payload" : ${text} } \n`,
      `{"capability":"payload","capability":"a","payload"\n:\t${text}\n}`,
    ]) {
      expect(payloadOf(body)).toBe(text);
    }
  });

  it('reads names as JSON does: with escapes, and the last of several', () => {
    expect(payloadOf('{"capability":"a","pay\\u006coad":7}')).toBe('7');
    expect(payloadOf('{"capability":"a","payload":1,"payload":2}')).toBe('2');
    expect(payloadOf('{"capability":"a","payload":1,"pay\\u006coad":3}')).toBe('3');
    expect(payloadOf('{"capability":"a","payload\\u0000":1,"payload":2}')).toBe('2');
    expect(payloadOf('{"capability":"a","Payload":1}')).toBe('{}');
    expect(readEnvelope(Buffer.from('{"capability":"a","capability":"b"}')).capability).toBe('b');
  });

  it('agrees with JSON.parse on whatever it is given', () => {
    let seed = 42;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed % below;
    };
    const names = ['payload', 'capability', 'a"b', 'c\\d', 'ü', '', 'payload ', '{', ']'];
    const value = (depth: number): unknown => {
      switch (random(depth > 3 ? 4 : 6)) {
        case 0:
          return random(1_000_000) / 100;
        case 1:
          return [true, false, null][random(3)];
        case 2:
          return names[random(names.length)];
        case 3:
          return '"\\\\"\u{1f389}'.repeat(random(3));
        case 4:
          return Array.from({ length: random(4) }, () => value(depth + 1));
        default:
          return Object.fromEntries(
            Array.from({ length: random(4) }, () => [names[random(names.length)], value(depth + 1)]),
          );
      }
    };
    for (let round = 0; round < 3_000; round += 1) {
      const object = Object.fromEntries(
        Array.from({ length: random(6) }, () => [names[random(names.length)] ?? '', value(0)]),
      );
      const text = JSON.stringify(object, null, random(3));
      const found = memberOf(Buffer.from(text), 'payload');
      if ('payload' in object) expect(JSON.parse(found?.toString() ?? '')).toEqual(object['payload']);
      else expect(found).toBeUndefined();
    }
  });

  it('takes {} for a payload that is missing, or null', () => {
    expect(payloadOf('{"capability":"model.list"}')).toBe('{}');
    expect(payloadOf('{"capability":"model.list","payload": null}')).toBe('{}');
  });

  it.each([
    ['', ''],
    ['{', ''],
    ['{"capability":"a","payload":}', ''],
    ['{"capability":"a"} x', ''],
    ['{"capability":"a","payload":01}', ''],
    ['[]', ''],
    ['"capability"', ''],
    ['null', ''],
    ['{}', '/capability'],
    ['{"payload":{}}', '/capability'],
    ['{"capability":7,"payload":{}}', '/capability'],
    ['{"__proto__":{"capability":"a"},"payload":{}}', '/capability'],
    ['\ufeff{"capability":"a"}', ''],
  ])('refuses %j and points to %j', (body, path) => {
    const error = failureOf(body);
    expect(error.code).toBe('INVALID_PAYLOAD');
    expect(error.problem.errors?.map((one) => one.path)).toEqual([path]);
  });

  it('refuses what is not UTF-8, in which the payload would change', () => {
    const body = Buffer.concat([
      Buffer.from('{"capability":"a","payload":"'),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ]);
    expect(failureOf(body).message).toContain('not UTF-8');
  });

  it('takes a million brackets without a stack of its own', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(payloadOf(`{"payload":${deep},"capability":"a"}`)).toBe(deep);
    expect(failureOf('['.repeat(1_000_000)).code).toBe('INVALID_PAYLOAD');
  });

  it('is quick with a body of a megabyte', () => {
    const body = Buffer.from(`{"capability":"a","payload":"${'x\\n'.repeat(300_000)}"}`);
    const startedAt = performance.now();
    readEnvelope(body);
    expect(performance.now() - startedAt).toBeLessThan(250);
  });
});
