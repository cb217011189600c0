import { getHeapSpaceStatistics } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { Answered } from '../src/answered.ts';
import { BriefMap } from '../src/brief-map.ts';
import { BriefSet, nowhere } from '../src/brief-set.ts';
import type { Placed } from '../src/brief-set.ts';
import { Inbox } from '../src/inbox.ts';
import { createRandom } from '../src/testing/random.ts';
import { collectGarbage } from './collect-garbage.ts';

interface Member extends Placed {
  name: number;
}

const member = (name: number): Member => ({ name, place: nowhere });

describe('a set of what is in it for a moment', () => {
  it('has the members that a Set has, whoever comes and goes', () => {
    const random = createRandom(1);
    const [ours, theirs] = [new BriefSet<Member>(), new Set<Member>()];
    const all = Array.from({ length: 40 }, (_, i) => member(i));
    for (let i = 0; i < 5_000; i += 1) {
      const one = random.pick(all);
      if (random.below(2) === 0) {
        ours.add(one);
        theirs.add(one);
      } else {
        ours.delete(one);
        theirs.delete(one);
      }
      expect(ours.size).toBe(theirs.size);
      expect(ours.has(one)).toBe(theirs.has(one));
    }
    const names = (members: Iterable<Member>): number[] =>
      [...members].map(({ name }) => name).sort((a, b) => a - b);
    expect(names(ours)).toEqual(names(theirs));
  });

  it('tells who is in another one', () => {
    const [one, other] = [new BriefSet<Member>(), new BriefSet<Member>()];
    const it = member(1);
    one.add(it);
    expect(other.has(it)).toBe(false);
    other.delete(it);
    expect(one.has(it)).toBe(true);
    expect(() => other.add(it)).toThrow('another set');
  });

  it('is gone through as it was, when members leave and come meanwhile', () => {
    const set = new BriefSet<Member>();
    const [a, b, c] = [member(1), member(2), member(3)];
    set.add(a);
    set.add(b);
    const seen: number[] = [];
    for (const { name } of set) {
      seen.push(name);
      set.delete(b);
      set.add(c);
    }
    expect(seen).toEqual([1, 2]);
    expect([...set]).toEqual([a, c]);
  });
});

/** Bytes of each of many that came and went, one after the other, which have grown old. */
async function grownOld(come: (member: Member & { body: number[] }) => () => void): Promise<number> {
  const count = 40_000;
  const leaving: (() => void)[] = [];
  const oldBytes = (): number =>
    getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? NaN;
  const turn = (): void => {
    leaving.push(come({ ...member(0), body: new Array<number>(400).fill(1) }));
    if (leaving.length > 64) leaving.shift()?.();
  };
  for (let i = 0; i < 100; i += 1) turn();
  collectGarbage();
  let [before, grown] = [oldBytes(), 0];
  for (let i = 0; i < count; i += 1) {
    turn();
    if (i % 200 !== 0) continue;
    await new Promise(setImmediate);
    const now = oldBytes();
    grown += Math.max(0, now - before);
    before = now;
  }
  return grown / count;
}

describe('what has been there for a moment', () => {
  // 3,200 of the bytes of each are its body.
  it('does not grow old in a set', async () => {
    const set = new BriefSet<Member>();
    const bytes = await grownOld((one) => {
      set.add(one);
      return () => set.delete(one);
    });
    expect(bytes).toBeLessThan(200);
  });

  it('does not grow old in a map', async () => {
    const map = new BriefMap<Member>();
    let id = 0;
    const bytes = await grownOld((one) => {
      const name = String((id += 1));
      map.add(name, one);
      return () => map.delete(name, one);
    });
    expect(bytes).toBeLessThan(200);
  });

  it('does not grow old when it is remembered as answered', async () => {
    const answered = new Answered();
    let id = 0;
    const bytes = await grownOld(() => () => {
      const name = `invocation-${(id += 1)}-of-many`;
      answered.keep(name, 'say', Buffer.from(name), { data: name.repeat(10), headers: undefined });
    });
    expect(bytes).toBeLessThan(200);
  });
});

describe('a map of what is in it for a moment', () => {
  it('has the values that a Map has, whoever comes and goes', () => {
    const random = createRandom(2);
    const [ours, theirs] = [new BriefMap<number>(), new Map<string, number>()];
    // Far more than it has buckets at first.
    const names = Array.from({ length: 500 }, (_, i) => `name ${i}`);
    for (let i = 0; i < 20_000; i += 1) {
      const name = random.pick(names);
      const value = theirs.get(name);
      expect(ours.get(name)).toBe(value);
      if (value === undefined) {
        ours.add(name, i);
        theirs.set(name, i);
      } else if (random.below(2) === 0) {
        ours.delete(name, value);
        theirs.delete(name);
      }
      expect(ours.size).toBe(theirs.size);
    }
    for (const name of names) expect(ours.get(name)).toBe(theirs.get(name));
  });

  it('gives what was added until it is taken out', () => {
    const map = new BriefMap<number>();
    map.add('a', 1);
    expect(map.get('a')).toBe(1);
    map.delete('a', 1);
    expect(map.get('a')).toBeUndefined();
    map.add('a', 2);
    // It is another one by now.
    map.delete('a', 1);
    expect(map.get('a')).toBe(2);
  });
});

describe('an inbox', () => {
  it('hands nothing of who has left to who has got its number', () => {
    let hear: ((error: null, msg: { subject: string }) => void) | undefined;
    const subscribe = (_: string, { callback }: { callback: typeof hear }): unknown => {
      hear = callback;
      return { unsubscribe: () => undefined };
    };
    const inbox = new Inbox({ subscribe } as never, '_INBOX.a.*');
    const heard: string[] = [];
    const taker = (name: string) => ({ take: () => void heard.push(name) });
    const first = inbox.enter(taker('first'));
    inbox.leave(first);
    const second = inbox.enter(taker('second'));
    expect(second).not.toBe(first);
    const numberOf = (reply: string): string => reply.slice('_INBOX.a.'.length + 32);
    expect(numberOf(second)).toBe(numberOf(first));
    hear?.(null, { subject: first });
    expect(heard).toEqual([]);
    inbox.leave(first);
    hear?.(null, { subject: second });
    for (const other of ['_INBOX.a.', '_INBOX.a.x', `${second}0`, `${second.slice(0, -1)}-1`])
      hear?.(null, { subject: other });
    expect(heard).toEqual(['second']);
    expect(inbox.size).toBe(1);
  });
});
