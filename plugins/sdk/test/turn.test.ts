import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Turn } from '../src/turn.ts';

it('sends at once while each turn has one item', async () => {
  const sent: number[] = [];
  const turn = new Turn<number>((item) => sent.push(item));
  for (const item of [1, 2, 3]) {
    turn.add(item);
    expect(sent.at(-1)).toBe(item);
    await delay(1);
  }
});

it('gathers to the end of the turn when the turn before had several, and stops when one had a single item', async () => {
  const sent: number[] = [];
  const turn = new Turn<number>((item) => sent.push(item));
  turn.add(1);
  turn.add(2);
  expect(sent).toEqual([1, 2]);
  await nextTurn();
  turn.add(3);
  turn.add(4);
  expect(sent).toEqual([1, 2]);
  await nextTurn();
  expect(sent).toEqual([1, 2, 3, 4]);
  turn.add(5);
  expect(sent).toEqual([1, 2, 3, 4]);
  await nextTurn();
  expect(sent).toEqual([1, 2, 3, 4, 5]);
  turn.add(6);
  expect(sent.at(-1)).toBe(6);
});

it('sends what waits when it is flushed, and nothing twice', async () => {
  const sent: number[] = [];
  const turn = new Turn<number>((item) => sent.push(item));
  turn.add(1);
  turn.add(2);
  await nextTurn();
  turn.add(3);
  turn.flush();
  expect(sent).toEqual([1, 2, 3]);
  await nextTurn();
  expect(sent).toEqual([1, 2, 3]);
});
