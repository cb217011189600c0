import { describe, expect, it } from 'vitest';
import { Checker, type CheckWorker } from '../src/lib/form/checker.ts';
import { checkPayload } from '../src/lib/form/schema-check.ts';
import { readsExactly } from '../src/lib/json-number.ts';

const person = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1 },
    age: { type: 'integer', minimum: 0 },
    tags: { type: 'array', items: { enum: ['a', 'b'] } },
    'a/b': { type: 'null' },
  },
  required: ['name'],
  additionalProperties: false,
};

describe('checkPayload', () => {
  it('names the place and what is wrong there, and nothing twice', () => {
    expect(checkPayload(person, '{"age": -1, "tags": ["a", "c"], "a/b": 1, "x": 1}')).toEqual([
      { path: '/name', message: 'The schema requires it.' },
      { path: '/age', message: expect.stringContaining('-1') as string },
      { path: '/tags/1', message: 'None of the values allowed: ["a","b"].' },
      { path: '/a~1b', message: 'This is number; the schema wants null.' },
      { path: '/x', message: 'The schema allows nothing here.' },
    ]);
    expect(checkPayload(person, '{"name": "x", "age": 3}')).toEqual([]);
  });

  it('tells of a union what is wrong with the form that was meant', () => {
    const union = {
      oneOf: [
        {
          type: 'object',
          properties: { kind: { const: 'circle' }, r: { type: 'number' } },
          required: ['kind', 'r'],
        },
        { type: 'object', properties: { kind: { const: 'dot' } }, required: ['kind'] },
        { type: 'string' },
      ],
    };
    expect(checkPayload(union, '{"kind": "circle"}')).toEqual([
      { path: '/r', message: 'The schema requires it.' },
    ]);
    expect(checkPayload(union, '7')).toEqual([
      { path: '', message: 'It fits none of the forms that the schema allows.' },
    ]);
    expect(checkPayload(union, '{"kind": "dot"}')).toEqual([]);
  });

  it('follows references, and throws for those it cannot', () => {
    const schema = { $defs: { n: { maximum: 5 } }, properties: { n: { $ref: '#/$defs/n' } } };
    expect(checkPayload(schema, '{"n": 6}')).toMatchObject([{ path: '/n' }]);
    expect(() => checkPayload({ $ref: 'https://example.org/x' }, '1')).toThrow();
    expect(() => checkPayload({ $ref: '#' }, '1')).toThrow();
  });

  it('says nothing of numbers it could not read exactly', () => {
    expect(checkPayload(JSON.parse('{"const": 9007199254740993}'), '9007199254740993')).toEqual([]);
    expect(checkPayload({ maximum: 9007199254740992 }, '9007199254740993')).toEqual([]);
    expect(checkPayload({ type: 'integer' }, '1e400')).toEqual([]);
    expect(
      checkPayload({ type: 'array', uniqueItems: true }, '[9007199254740992, 9007199254740993]'),
    ).toEqual([]);
    expect(checkPayload({ maximum: 5 }, '6.0')).toHaveLength(1);
    expect(
      ['1', '1.0', '0.10', '1e3', '-0', '0.0', '9007199254740992', '0.1'].filter(readsExactly),
    ).toHaveLength(8);
    expect(
      ['9007199254740993', '1e400', '0.1000000000000000055511151231257827', '1e-400'].filter(readsExactly),
    ).toEqual([]);
  });
});

describe('Checker', () => {
  /** A worker in which `work` stands for the other thread. */
  function fake(work: (message: object, reply: (message: object) => void) => void) {
    let ended = 0;
    const createWorker = (): CheckWorker => {
      let listener: ((event: MessageEvent) => void) | undefined;
      return {
        addEventListener: (type, added) => {
          if (type === 'message') listener = added as (event: MessageEvent) => void;
        },
        postMessage: (message) =>
          queueMicrotask(() => work(message, (data) => listener?.({ data } as MessageEvent))),
        terminate: () => (ended += 1),
      };
    };
    return { createWorker, ended: () => ended };
  }

  it('gives the mistakes of the payload that was asked about', async () => {
    const { createWorker } = fake((message, reply) => {
      if ('schema' in message) reply({ ready: true });
      else
        reply({
          id: (message as { id: number }).id,
          mistakes: checkPayload(person, (message as { text: string }).text),
        });
    });
    const checker = new Checker({ schema: person, createWorker });
    const [first, second] = await Promise.all([checker.check('{}'), checker.check('{"name": "x"}')]);
    expect(first).toEqual({ text: '{}', mistakes: [{ path: '/name', message: 'The schema requires it.' }] });
    expect(second).toEqual({ text: '{"name": "x"}', mistakes: [] });
  });

  it('ends a worker that does not answer, and leaves such a schema to the plugin', async () => {
    const { createWorker, ended } = fake((message, reply) => 'schema' in message && reply({ ready: true }));
    const checker = new Checker({ schema: {}, createWorker, checkTimeoutMs: 5 });
    for (let i = 0; i < 3; i++) {
      expect(await checker.check('{}')).toMatchObject({
        mistakes: [],
        unchecked: 'Checking against this schema takes too long.',
      });
    }
    expect(ended()).toBe(2);
  });

  it('says so when a worker cannot be made, and tries again with the next payload', async () => {
    let made = 0;
    const { createWorker } = fake((message, reply) =>
      'schema' in message ? reply({ ready: true }) : reply({ id: 1, mistakes: [] }),
    );
    const checker = new Checker({
      schema: {},
      createWorker: () => {
        if (made++ === 0) throw new DOMException('Not allowed here.', 'SecurityError');
        return createWorker();
      },
    });
    const unchecked = 'The part that checks could not be loaded.';
    expect(await checker.check('{}')).toEqual({ text: '{}', mistakes: [], unchecked });
    expect(await checker.check('{}')).toEqual({ text: '{}', mistakes: [] });
  });

  it.each([
    ['loads', () => undefined],
    [
      'checks',
      (message: object, reply: (message: object) => void) => 'schema' in message && reply({ ready: true }),
    ],
  ])('ends at once when it is closed while its worker %s', { timeout: 3_000 }, async (_, work) => {
    const { createWorker, ended } = fake(work);
    const checker = new Checker({ schema: {}, createWorker, checkTimeoutMs: 10_000 });
    const answers = Promise.all(['{}', '1'].map((text) => checker.check(text)));
    await new Promise((resolve) => setTimeout(resolve, 20));
    checker.close();
    expect(await answers).toMatchObject([
      { unchecked: 'The page was left.' },
      { unchecked: 'The page was left.' },
    ]);
    expect(ended()).toBe(1);
  });
});
