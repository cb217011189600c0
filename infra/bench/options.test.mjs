import { expect, it } from 'vitest';
import { amount, amounts, defineOptions, flag, isJson, list, named, number, text, words } from './options.ts';

const read = defineOptions({
  rounds: amount(1, 100, 7),
  warmUp: amount(0, 10, 5),
  burst: amount(1, 50),
  minutes: number(0.1, 10, 1),
  perSecond: named('rate', amount(1, 9, 3)),
  sizes: amounts(1, 16, [1, 2]),
  ways: words(['http', 'ws']),
  pairs: list('a/b', (given) => given.split('/')),
  log: text,
  isShort: flag('short'),
  isJson,
});
const standard = {
  rounds: 7,
  warmUp: 5,
  burst: undefined,
  minutes: 1,
  perSecond: 3,
  sizes: [1, 2],
  ways: ['http', 'ws'],
  pairs: [['a', 'b']],
  log: undefined,
  isShort: false,
  isJson: false,
};

it('what is not given is what it is by itself', () => {
  expect(read([])).toEqual(standard);
});

it('each is given by its name, that of two words with a dash', () => {
  const numbers = ['--rounds', '100', '--warm-up', '0', '--burst', '50', '--minutes', '0.5', '--rate=9'];
  const others = [
    '--sizes',
    '4, 16',
    '--ways',
    'ws',
    '--pairs',
    'c/d,e',
    '--log',
    'x y',
    '--short',
    '--json',
  ];
  expect(read([...numbers, ...others])).toEqual({
    rounds: 100,
    warmUp: 0,
    burst: 50,
    minutes: 0.5,
    perSecond: 9,
    sizes: [4, 16],
    ways: ['ws'],
    pairs: [['c', 'd'], ['e']],
    log: 'x y',
    isShort: true,
    isJson: true,
  });
});

it.each([
  [['--rounds', '0'], '--rounds is "0"; it takes a whole number from 1 to 100.'],
  [['--rounds', '1.5'], '--rounds is "1.5"; it takes a whole number from 1 to 100.'],
  [['--warm-up', '11'], '--warm-up is "11"; it takes a whole number from 0 to 10.'],
  [['--rate', 'x'], '--rate is "x"; it takes a whole number from 1 to 9.'],
  [['--minutes', ''], '--minutes is ""; it takes a number from 0.1 to 10.'],
  [['--minutes', 'NaN'], '--minutes is "NaN"; it takes a number from 0.1 to 10.'],
  [['--sizes', '1,17'], '--sizes is "17"; it takes a whole number from 1 to 16.'],
  [['--ways', 'http,smoke'], '--ways names "smoke"; it takes http, ws, with commas between them.'],
])('%j is refused, with what is allowed', (args, why) => {
  expect(() => read(args)).toThrow(why);
});

it.each([
  [['--round', '1'], "Unknown option '--round'. It takes --rounds, --warm-up, "],
  [['7'], /^Unexpected argument '7'\. It takes --rounds, /],
  [['--rounds'], /argument missing\. It takes --rounds, /],
])('%j is refused, with the options that there are', (args, why) => {
  expect(() => read(args)).toThrow(why);
});
