import { describe, expect, it } from 'vitest';
import { Corpus } from '../corpus.ts';
import { fileGrammar } from '../grammar/files.ts';
import { hostileGrammar } from '../grammar/hostile.ts';
import { bytesOf, httpGrammar, isWhole } from '../grammar/http.ts';
import { natsGrammar } from '../grammar/nats.ts';
import { frameBytes, socketGrammar } from '../grammar/socket.ts';
import { inputOf, lineageMost, randomOf, readLineage } from '../lineage.ts';
import type { Grammar } from '../lineage.ts';
import { readOptions } from '../options.ts';
import { fillOf } from '../ways/grounds.ts';

const http = httpGrammar(['GET /livez', 'POST /api/plugins/{id}/invoke/{capability}']);
const grammars: [string, Grammar<unknown>][] = [
  ['http', http as Grammar<unknown>],
  ['ws', socketGrammar as Grammar<unknown>],
  ['nats', natsGrammar as Grammar<unknown>],
  ['hostile', hostileGrammar as Grammar<unknown>],
  ['files', fileGrammar as Grammar<unknown>],
];

describe('an input', () => {
  it.each(grammars)(
    'of %s is made again from the seed and its numbers, and is no other',
    (_name, grammar) => {
      const lineages = Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? [n] : [n, n + 100, n + 200]));
      const once = lineages.map((lineage) => JSON.stringify(inputOf(grammar, 7, lineage)));
      expect(lineages.map((lineage) => JSON.stringify(inputOf(grammar, 7, lineage)))).toEqual(once);
      expect(new Set(once).size).toBeGreaterThan(30);
      expect(JSON.stringify(inputOf(grammar, 8, [0, 1, 2]))).not.toBe(
        JSON.stringify(inputOf(grammar, 7, [0, 1, 2])),
      );
    },
  );

  it('of HTTP is mostly one that has to be answered, and says so only when it is complete', () => {
    const inputs = Array.from({ length: 300 }, (_, n) => inputOf(http, 1, [n]));
    expect(inputs.filter(isWhole).length).toBeGreaterThan(150);
    expect(inputs.every((input) => typeof bytesOf(input) === 'string')).toBe(true);
    expect(isWhole({ requests: [], raw: 'GET' })).toBe(false);
  });

  it('of WebSocket is a frame as RFC 6455 has it', () => {
    const frame = { opcode: 1, isLast: true, reserved: 0, isMasked: true, payload: 'hi' };
    expect(frameBytes(frame).toString('hex')).toBe('8182000000006869');
    expect(frameBytes({ ...frame, isMasked: false, length: 300, isLong: true }).toString('hex')).toBe(
      '817f000000000000012c6869',
    );
  });
});

it('numbers that are next to each other give sequences that are not', () => {
  const firsts = Array.from({ length: 100 }, (_, n) => randomOf(1, n)());
  expect(new Set(firsts.map((first) => Math.floor(first * 1_000))).size).toBeGreaterThan(80);
});

it('an input with an end of its own is kept, and changed until it has been changed enough', () => {
  const corpus = new Corpus();
  expect(corpus.choose(randomOf(1, 1))).toBeUndefined();
  corpus.learn(['a'], [1]);
  corpus.learn(['a'], [2]);
  corpus.learn(['a', 'b'], [3, 4]);
  expect(corpus.outcomes).toEqual([
    { outcome: 'a', count: 3, lineage: [1] },
    { outcome: 'b', count: 1, lineage: [3, 4] },
  ]);
  const chosen = Array.from({ length: 50 }, (_, n) => JSON.stringify(corpus.choose(randomOf(1, n))));
  expect(new Set(chosen)).toEqual(new Set(['[1]', '[3,4]']));
  const old = new Corpus();
  old.learn(
    ['a'],
    Array.from({ length: lineageMost }, (_, n) => n),
  );
  expect(old.choose(randomOf(1, 1))).toBeUndefined();
});

it('the options name one input as a finding does, and refuse what they do not know', () => {
  expect(readOptions(['--seed', '3', '--only', 'http:320.4711'])).toMatchObject({
    seed: 3,
    ways: ['http'],
    only: { way: 'http', lineage: [320, 4711] },
  });
  expect(() => readLineage('1..2')).toThrow('is no input');
  expect(() => readOptions(['--ways', 'http,smoke'])).toThrow('"smoke" is no way');
  expect(() => readOptions(['--inputs', '0'])).toThrow('--inputs');
});

it('the key of the admin goes where it does no harm, and nowhere else', () => {
  const fill = fillOf({ key: 'K', narrow: 'N', admin: 'A' }, 'h:1');
  expect(fill('GET /api/keys {admin} {host}')).toBe('GET /api/keys A h:1');
  expect(fill('POST /api/plugins/target/stop {admin}')).toBe('POST /api/plugins/target/stop K');
  expect(fill('POST /api/%70lugins/target/stop {admin}')).toBe('POST /api/%70lugins/target/stop K');
});
