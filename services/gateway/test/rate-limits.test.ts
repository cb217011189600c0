/** What limits an invocation in the gateway, without any broker. */
import { describe, expect, it } from 'vitest';
import { configDefaults } from '@bkg/sdk';
import type { PluginConfig, RateLimit } from '@bkg/sdk';
import { Buckets } from '../src/limits/buckets.ts';
import { rateLimitHeaders } from '../src/limits/rate-limit-headers.ts';
import { RateLimits } from '../src/limits/rate-limits.ts';
import type { Charge, Holding, LimitedCaller } from '../src/limits/rate-limits.ts';
import { isSpent } from '../src/limits/spent.ts';
import { entryOf } from './mesh.ts';

type Limits = Partial<PluginConfig['limits']>;

/** Limits with a clock of their own; `echo` has those that are given. */
function setUp(given: Limits = {}, bucketsMost = 10_000) {
  const clock = { now: 0 };
  const known = new Map<string, Limits>([['echo', given]]);
  const spent: string[] = [];
  const limits = new RateLimits({
    catalog: {
      get: (id) => {
        const own = known.get(id);
        const config = { id, ...configDefaults, limits: { ...configDefaults.limits, ...own } };
        return own && entryOf(id, 'running', { config });
      },
    },
    onSpend: ({ name }: Holding) => spent.push(name),
    bucketsMost,
    now: () => clock.now,
  });
  const charge = (capability = 'say', caller?: LimitedCaller, pluginId = 'echo'): Charge | undefined =>
    limits.charge({ pluginId, capability, caller });
  const passes = (...args: Parameters<typeof charge>): boolean => !charge(...args)?.refusal;
  return { limits, clock, known, spent, charge, passes };
}

const key = (limits?: RateLimit, prefix = 'Kaaaaaaaaa'): LimitedCaller => ({ prefix, limits });
const count = (n: number, act: () => boolean): number =>
  Array.from({ length: n }, act).filter(Boolean).length;

describe('an invocation', () => {
  it('is not charged where nothing limits it', () => {
    const { charge, spent, known } = setUp();
    known.set('other', { capabilities: { wait: { rate_per_second: 1 } } });
    expect(charge()).toBeUndefined();
    expect(charge('say', key())).toBeUndefined();
    expect(charge('say', undefined, 'nobody')).toBeUndefined();
    expect(charge('say', undefined, 'other')).toBeUndefined();
    // A burst alone is no limit.
    known.set('echo', { burst: 1 });
    expect(charge()).toBeUndefined();
    expect(spent).toEqual([]);
  });

  it('takes one of its key, one of its plugin, one of its capability', () => {
    const { charge, spent } = setUp({
      rate_per_second: 10,
      capabilities: { say: { rate_per_second: 2, burst: 5 } },
    });
    const { holdings, refusal } = charge('say', key({ rate_per_second: 3 })) ?? {};
    expect(refusal).toBeUndefined();
    expect(holdings?.map(({ policy, bucket }) => [policy, bucket.left(0)])).toEqual([
      ['key', 2],
      ['plugin', 9],
      ['capability', 4],
    ]);
    expect(spent).toEqual(['key:Kaaaaaaaaa', 'plugin:echo', 'plugin:echo:say']);
  });

  it.each<[string, RateLimit, Limits, string]>([
    [
      'key',
      { rate_per_second: 1 },
      { rate_per_second: 9, capabilities: { say: { rate_per_second: 9 } } },
      'the key Kaaaaaaaaa',
    ],
    [
      'plugin',
      { rate_per_second: 9 },
      { rate_per_second: 1, capabilities: { say: { rate_per_second: 9 } } },
      'echo',
    ],
    [
      'capability',
      { rate_per_second: 9 },
      { rate_per_second: 9, capabilities: { say: { rate_per_second: 1 } } },
      'say of echo',
    ],
  ])('takes none of any when that of its %s is empty', (policy, ofKey, ofPlugin, owner) => {
    const { charge, passes, spent, clock } = setUp(ofPlugin);
    expect(passes('say', key(ofKey))).toBe(true);
    const refused = Array.from({ length: 5 }, () => charge('say', key(ofKey))).at(-1);
    expect(refused?.refusal).toMatchObject({
      code: 'RATE_LIMITED',
      message: `The limit of ${owner} is 1 invocations a second, 1 at once: try again in 1 s.`,
      retryAfterSecs: 1,
    });
    const left = refused?.holdings.map((one) => [one.policy, one.bucket.left(0)]);
    expect(left).toEqual(['key', 'plugin', 'capability'].map((one) => [one, one === policy ? 0 : 8]));
    expect(spent).toHaveLength(3);
    clock.now += 1_000;
    expect(passes('say', key(ofKey))).toBe(true);
  });

  it('has a bucket for each key, each plugin and each capability of each', () => {
    const limit = { rate_per_second: 1, burst: 2 };
    const { passes, known } = setUp({ capabilities: { say: limit, wait: limit } });
    known.set('other', { capabilities: { say: limit } });
    expect(count(9, () => passes())).toBe(2);
    expect(count(9, () => passes('wait'))).toBe(2);
    expect(count(9, () => passes('say', undefined, 'other'))).toBe(2);
    expect(count(9, () => passes('none', key(limit)))).toBe(2);
    expect(count(9, () => passes('none', key(limit, 'Kbbbbbbbbb')))).toBe(2);
  });

  it('is held to another limit at once, which fills no bucket', () => {
    const { passes, known, clock } = setUp({ rate_per_second: 1, burst: 3 });
    expect(count(9, () => passes())).toBe(3);
    known.set('echo', { rate_per_second: 10, burst: 50 });
    expect(passes()).toBe(false);
    clock.now += 1_000;
    expect(count(99, () => passes())).toBe(10);
    known.set('echo', {});
    expect(count(99, () => passes())).toBe(99);
    known.set('echo', { rate_per_second: 10, burst: 50 });
    expect(passes()).toBe(false);
  });

  it('of a capability that is called like a member of every object has no limit', () => {
    const { charge } = setUp({ capabilities: {} });
    expect(charge('constructor')).toBeUndefined();
  });
});

describe('what other gateways let through', () => {
  const limit = { rate_per_second: 10, burst: 5 };

  it('is taken here, too, also before this one knows of the key', () => {
    const { limits, passes, clock } = setUp(limit);
    limits.spend('plugin:echo', 3, limit);
    expect(count(9, () => passes())).toBe(2);
    limits.spend('key:Kaaaaaaaaa', 8, limit);
    clock.now += 1_000;
    // Three are owed: of ten that came back it holds five, and had two more to pay.
    expect(count(9, () => passes('none', key(limit)))).toBe(5);
    limits.spend('key:Kbbbbbbbbb', 5, limit);
    expect(passes('none', key(limit, 'Kbbbbbbbbb'))).toBe(false);
  });

  it('does not bring its own idea of the limit along', () => {
    const { limits, passes } = setUp(limit);
    expect(passes()).toBe(true);
    limits.spend('plugin:echo', 1, { rate_per_second: 1_000, burst: 1_000 });
    expect(count(9, () => passes())).toBe(3);
  });

  it.each([
    null,
    {},
    { bucket: 'plugin:echo', tokens: -1, rate_per_second: 1, burst: 1 },
    { bucket: 'plugin:echo', tokens: NaN, rate_per_second: 1, burst: 1 },
    { bucket: 'plugin:echo', tokens: 1, rate_per_second: 0, burst: 1 },
    { bucket: 'plugin:echo', tokens: 1, rate_per_second: 1, burst: 0 },
    { bucket: 'plugin:echo', tokens: 1, rate_per_second: 1, burst: '1' },
    { bucket: 'plugin:Echo', tokens: 1, rate_per_second: 1, burst: 1 },
    { bucket: 'echo', tokens: 1, rate_per_second: 1, burst: 1 },
    { bucket: `key:${'x'.repeat(65)}`, tokens: 1, rate_per_second: 1, burst: 1 },
  ])('is not believed when it is %j', (value) => {
    expect(isSpent(value)).toBe(false);
  });

  it.each(['key:Kaaaaaaaaa', 'plugin:a-b_1', 'plugin:echo:text.say'])(
    'is of a bucket such as %s',
    (bucket) => {
      expect(isSpent({ bucket, tokens: 2, rate_per_second: 0.5, burst: 1.5 })).toBe(true);
    },
  );
});

describe('the buckets', () => {
  const limit = { rate: 1, burst: 10 };

  it('have a bound: those that are full go first', () => {
    const buckets = new Buckets(10);
    for (let i = 0; i < 10; i += 1) buckets.get(`${i}`, limit, 0).take(i % 2 === 0 ? 9 : 3, 0);
    buckets.get('new', limit, 5_000).take(1, 5_000);
    // The odd ones were full again.
    expect(buckets.size).toBe(6);
    expect(buckets.get('2', limit, 5_000).left(5_000)).toBe(6);
  });

  it('have it also when none is full: the fullest go', () => {
    const buckets = new Buckets(100);
    for (let i = 0; i < 100; i += 1) buckets.get(`${i}`, limit, 0).take(i === 50 ? 1 : 5, 0);
    buckets.get('new', limit, 0);
    expect(buckets.size).toBe(91);
    expect(buckets.get('50', limit, 0).left(0)).toBe(10);
  });

  it('never are more, whatever is asked for', () => {
    const { limits, charge } = setUp({}, 20);
    for (let i = 0; i < 5_000; i += 1) charge('say', key({ rate_per_second: 1, burst: 2 }, `K${i}`));
    for (let i = 0; i < 5_000; i += 1) limits.spend(`key:S${i}`, 9, { rate_per_second: 1, burst: 2 });
    const buckets = new Buckets(20);
    for (let i = 0; i < 5_000; i += 1) {
      buckets.get(`${i}`, limit, 0).take(9, 0);
      expect(buckets.size).toBeLessThanOrEqual(20);
    }
  });
});

describe('the headers of an answer', () => {
  const headersFor = (limit: RateLimit, taken: number, ms = 0) => {
    const { charge, clock } = setUp(limit);
    for (let i = 1; i < taken; i += 1) charge();
    clock.now = ms;
    const last = charge();
    return last && Object.values(rateLimitHeaders(last));
  };

  it.each<[RateLimit, number, number, string, string]>([
    [{ rate_per_second: 100 }, 1, 0, 'q=100;w=1', 'r=99;t=1'],
    [{ rate_per_second: 100, burst: 250 }, 1, 0, 'q=300;w=3', 'r=249;t=1'],
    [{ rate_per_second: 100, burst: 1 }, 2, 0, 'q=100;w=1', 'r=0;t=1'],
    [{ rate_per_second: 0.1, burst: 2 }, 1, 0, 'q=2;w=20', 'r=1;t=10'],
    [{ rate_per_second: 0.1, burst: 2 }, 3, 2_000, 'q=2;w=20', 'r=0;t=8'],
    // What is above its last whole one never becomes another.
    [{ rate_per_second: 2.5 }, 1, 0, 'q=2;w=1', 'r=1;t=1'],
    [{ rate_per_second: 1e-300 }, 1, 0, 'q=1;w=999999999999999', 'r=0;t=999999999'],
  ])('of %j, at its invocation no. %i after %i ms, say %s and %s', (limit, taken, ms, policy, state) => {
    expect(headersFor(limit, taken, ms)).toEqual([`"plugin";${policy}`, `"plugin";${state}`]);
  });

  it('name each limit', () => {
    const { charge } = setUp({ rate_per_second: 5, capabilities: { say: { rate_per_second: 1 } } });
    const headers = rateLimitHeaders(charge('say', key({ rate_per_second: 2 })) as Charge);
    expect(headers).toEqual({
      'RateLimit-Policy': '"key";q=2;w=1, "plugin";q=5;w=1, "capability";q=1;w=1',
      RateLimit: '"key";r=1;t=1, "plugin";r=4;t=1, "capability";r=0;t=1',
    });
  });
});
