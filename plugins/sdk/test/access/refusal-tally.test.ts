import { expect, it } from 'vitest';
import { eventually } from '../../src/testing.ts';
import { RefusalTally } from '../../src/access/refusal-tally.ts';

type Refusal = Parameters<RefusalTally['add']>[0];

const refusal = (from: string, target = 'Kaaaaaaaaa'): Refusal => ({
  who: '?',
  via: 'broker',
  from,
  action: 'connect',
  target,
  result: 'UNAUTHENTICATED',
  detail: 'why',
});

it('of each address the first twenty refusals are told, and of the others how many there were', async () => {
  const told: Refusal[] = [];
  const tally = new RefusalTally((one) => told.push(one), 300);
  for (let i = 0; i < 500; i += 1) tally.add(refusal('10.0.0.1'));
  tally.add(refusal('10.0.0.2'));
  expect(told).toHaveLength(21);
  await eventually(() => told.length === 22);
  expect(told.at(-1)).toEqual({
    ...refusal('10.0.0.1', ''),
    detail: '480 more within 0.3 s, the last one: why',
  });
  tally.add(refusal('10.0.0.1'));
  expect(told).toHaveLength(23);
  tally.close();
  expect(told).toHaveLength(23);
});

it('a flood from ever other addresses is told like one from a single one, at the latest when it closes', () => {
  const told: Refusal[] = [];
  const tally = new RefusalTally((one) => told.push(one), 60_000);
  for (let i = 0; i < 5_000; i += 1) tally.add(refusal(`host-${i}`));
  expect(told).toHaveLength(1_020);
  tally.close();
  expect(told).toHaveLength(1_021);
  expect(told.at(-1)?.detail).toBe('3980 more within 60 s, the last one: why');
});
