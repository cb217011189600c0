import { beforeEach, describe, expect, it } from 'vitest';
import type { Status } from '@bkg/sdk';
import { InstanceChoice } from '../src/invoke/instance-choice.ts';
import { entryOf } from './mesh.ts';

let now: number;
let instances: [string, Status][];
let isSingleWriter: boolean;
let choice: InstanceChoice;

beforeEach(() => {
  now = 0;
  isSingleWriter = false;
  instances = ['a', 'b', 'c', 'd'].map((instance) => [instance, 'running']);
  choice = make();
});

function make(movedMost = 10): InstanceChoice {
  const get = (id: string) => {
    const entry = entryOf(id);
    const [first] = entry.instances;
    const own = instances.map(([instance, status]) => ({ ...first!, instance, status }));
    return { ...entry, single_writer: isSingleWriter, instances: own };
  };
  return new InstanceChoice({ catalog: { get }, movedMost, now: () => now });
}

const call = (invocationId: string, isIdChosen = true) => ({ pluginId: 'x', invocationId, isIdChosen });
const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

describe('whom an id belongs to', () => {
  it('is nobody in particular when the gateway has made it, or there is one instance only', () => {
    expect(choice.ownersOf(call('1', false))).toEqual([]);
    instances = [['a', 'running']];
    expect(choice.ownersOf(call('1'))).toEqual([]);
  });

  it('is nobody in particular where there is one writer, whatever the registry still has', () => {
    isSingleWriter = true;
    expect(choice.ownersOf(call('1'))).toEqual([]);
  });

  it('is the same instance each time, and each has its share', () => {
    const owners = times(400, (i) => choice.ownersOf(call(`id-${i}`))[0]);
    expect(times(400, (i) => make().ownersOf(call(`id-${i}`))[0])).toEqual(owners);
    for (const [instance] of instances)
      expect(owners.filter((one) => one === instance).length).toBeGreaterThan(50);
  });

  it('changes for the ids of one instance only when that goes', () => {
    const before = times(100, (i) => choice.ownersOf(call(`id-${i}`)));
    instances[0] = ['a', 'stopping'];
    const after = times(100, (i) => choice.ownersOf(call(`id-${i}`))[0]);
    // Where it was the second choice it is the first.
    expect(after).toEqual(before.map(([first, second]) => (first === 'a' ? second : first)));
  });
});

describe('another instance', () => {
  it('is never the one that is busy, nor one that does not run', () => {
    instances = [
      ['a', 'running'],
      ['b', 'running'],
      ['c', 'stopping'],
      ['d', 'starting'],
    ];
    expect(new Set(times(50, (i) => choice.another(call(`${i}`, false), 'a', 1)))).toEqual(new Set(['b']));
  });

  it('is one that has not said BUSY within a second, if there is one', () => {
    choice.another(call('1', false), 'a', 1);
    choice.another(call('1', false), 'b', 1);
    choice.another(call('1', false), 'c', 1);
    expect(new Set(times(50, () => choice.another(call('1', false), 'a', 1)))).toEqual(new Set(['d']));
    choice.notMoved(call('1', false), 'd', true);
    expect(new Set(times(200, () => choice.another(call('1', false), 'a', 1)))).toEqual(
      new Set(['b', 'c', 'd']),
    );
    now = 2_000;
    choice.another(call('1', false), 'b', 1);
    expect(new Set(times(200, () => choice.another(call('1', false), 'a', 1)))).toEqual(new Set(['c', 'd']));
  });

  it('has an id from then on, until it did not get there', () => {
    const [first = ''] = choice.ownersOf(call('mine'));
    const other = choice.another(call('mine'), first, 1_000)!;
    expect(choice.ownersOf(call('mine'))[0]).toBe(other);
    choice.notMoved(call('mine'), other, false);
    expect(choice.ownersOf(call('mine'))[0]).toBe(first);
  });

  it('is the same one for an id that was sent twice at the same time', () => {
    const [first = ''] = choice.ownersOf(call('mine'));
    const others = times(20, () => choice.another(call('mine'), first, 1_000));
    expect(new Set(others).size).toBe(1);
    const [other = ''] = others;
    // It has no place for it, either.
    expect(choice.another(call('mine'), other, 1_000)).not.toBe(other);
  });

  it('is none for an id for which there is no room, until others are forgotten', () => {
    choice = make(2);
    for (const one of ['1', '2']) expect(choice.another(call(one), 'a', 1_000)).toBeDefined();
    expect(choice.another(call('3'), 'a', 1_000)).toBeUndefined();
    expect(choice.another(call('4', false), 'a', 1_000)).toBeDefined();
    now = 61_001;
    expect(choice.another(call('3'), 'a', 1_000)).toBeDefined();
  });

  it('is there again for whoever comes when one of many is forgotten', () => {
    choice = make(2);
    for (const [one, forMs] of [
      ['1', 1_000],
      ['2', 5_000],
    ] as const)
      choice.another(call(one), 'a', forMs);
    expect(choice.another(call('3'), 'a', 1_000)).toBeUndefined();
    now = 61_000;
    expect(choice.another(call('3'), 'a', 1_000)).toBeDefined();
    expect(choice.another(call('4'), 'a', 1_000)).toBeUndefined();
    now = 1_000_000;
    expect(choice.another(call('4'), 'a', 1_000)).toBeDefined();
    expect(choice.another(call('5'), 'a', 1_000)).toBeDefined();
    now += 61_000;
    expect(choice.another(call('6'), 'a', 1_000)).toBeDefined();
  });
});
