import { describe, expect, it } from 'vitest';
import type { Principal } from '@bkg/sdk';
import { silentLogger } from '@bkg/sdk/testing';
import { Callers } from '../src/access/callers.ts';
import type { LiveCaller } from '../src/access/live-caller.ts';

const principal = (prefix: string): Principal => ({
  prefix,
  name: prefix,
  owner: '',
  scopes: ['admin'],
  broker: false,
  revision: 1,
});

function callersOf(most: number): Callers {
  const verify = ({ prefix }: { prefix: string }): Promise<Principal> => Promise.resolve(principal(prefix));
  const parts = { keeper: {}, verifier: { verify, forget: () => undefined }, log: silentLogger, most };
  return new Callers(parts as never);
}

const come = async (callers: Callers, prefix: string): Promise<LiveCaller> =>
  (await callers.ofKey({ prefix, secret: 'secret' })) as LiveCaller;

describe('callers', () => {
  it('are fresh until something is heard of their key', async () => {
    const callers = callersOf(10);
    const caller = await come(callers, 'Ka');
    expect(caller.isFresh).toBe(true);
    callers.changed('Ka');
    expect(caller.isFresh).toBe(false);
    callers.close();
  });

  it('that make room for others are fresh no more: nothing that is heard of their key reaches them', async () => {
    const callers = callersOf(1);
    const first = await come(callers, 'Ka');
    const second = await come(callers, 'Kb');
    expect([first.isFresh, second.isFresh]).toEqual([false, true]);
    callers.close();
  });
});
