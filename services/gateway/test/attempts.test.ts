import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Attempts } from '../src/access/attempts.ts';
import { clientAddress, neighbourhood } from '../src/access/client-address.ts';
import { KnownSecrets } from '../src/access/known-secrets.ts';
import { Refusals } from '@bkg/sdk/access';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Of what is still needed. */
function usedBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

class Tries {
  nowMs = 0;
  looks = 0;
  readonly attempts = new Attempts({ now: () => this.nowMs, placesMost: 100 });

  async try(place: string, given: string, isGood = false): Promise<boolean | undefined> {
    const look = async (): Promise<boolean> => {
      this.looks += 1;
      await Promise.resolve();
      return isGood;
    };
    return this.attempts.try(place, given, look, (value) => value);
  }
}

describe('how often keys may be tried', () => {
  it('is 19 times wrong in ten seconds: the twentieth is not looked at', async () => {
    const tries = new Tries();
    for (let i = 0; i < 19; i += 1) {
      tries.nowMs = i * 100;
      expect(await tries.try('a', `k${i}`)).toBe(false);
    }
    expect(await tries.try('a', 'k20')).toBeUndefined();
    expect(tries.looks).toBe(19);
    expect(tries.attempts.restMs('a')).toBe(10_000 - 1_800);
    // When the first is ten seconds old there is place for one.
    tries.nowMs = 10_000;
    expect(await tries.try('a', 'k21')).toBe(false);
    expect(await tries.try('a', 'k22')).toBeUndefined();
  });

  it('is the same for many at once', async () => {
    const tries = new Tries();
    const all = await Promise.all(Array.from({ length: 200 }, (_, i) => tries.try('a', `k${i}`)));
    expect(all.filter((one) => one === false)).toHaveLength(19);
    expect(tries.looks).toBe(19);
  });

  it('does not count what is good, be it many at once', async () => {
    const tries = new Tries();
    const different = Array.from({ length: 200 }, (_, i) => tries.try('a', `k${i}`, true));
    const same = Array.from({ length: 200 }, () => tries.try('b', 'k', true));
    expect(new Set(await Promise.all([...different, ...same]))).toEqual(new Set([true]));
    expect(tries.attempts.size).toBe(0);
  });

  it('is forgotten by all when nothing has failed for a while', async () => {
    const tries = new Tries();
    expect(tries.attempts.isQuiet).toBe(true);
    await tries.try('a', 'k');
    await tries.try('b', 'k', true);
    expect(tries.attempts.isQuiet).toBe(false);
    tries.nowMs = 10_000;
    expect(tries.attempts.isQuiet).toBe(true);
    const underWay = tries.try('c', 'k');
    expect(tries.attempts.isQuiet).toBe(false);
    await underWay;
  });

  it('is counted for each place apart', async () => {
    const tries = new Tries();
    for (let i = 0; i < 25; i += 1) await tries.try('a', `k${i}`);
    expect(await tries.try('b', 'k')).toBe(false);
  });

  it('is remembered of a bounded number of places, of which the oldest is forgotten', async () => {
    const tries = new Tries();
    for (let i = 0; i < 1_000; i += 1) await tries.try(`p${i}`, 'k');
    expect(tries.attempts.size).toBe(100);
  });

  it('takes little memory, from however many places it comes', { timeout: 60_000 }, async () => {
    const attempts = new Attempts();
    const look = (): Promise<boolean> => Promise.resolve(false);
    const flood = async (from: number): Promise<void> => {
      for (let i = from; i < from + 100_000; i += 1) {
        const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255} `;
        // Those at once that a gateway would have, of each some more than are looked at.
        await Promise.all(
          Array.from({ length: 3 }, (_, n) => attempts.try(address, `${i} ${n}`, look, (value) => value)),
        );
      }
    };
    await flood(0);
    expect(attempts.size).toBe(10_000);
    const before = usedBytes();
    await flood(100_000);
    expect(attempts.size).toBe(10_000);
    // 100,000 places would be 50 MB more.
    expect(usedBytes() - before).toBeLessThan(5_000_000);
  });

  it('counts what fails to be looked at as no failure of who asks', async () => {
    const { attempts } = new Tries();
    const away = (): Promise<never> => Promise.reject(new Error('away'));
    for (let i = 0; i < 30; i += 1) {
      await expect(attempts.try('a', `k${i}`, away, () => true)).rejects.toThrow('away');
    }
    expect(attempts.restMs('a')).toBe(0);
  });
});

describe('who is counted for one', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:db8::7', '2001:db8:0:0::/64'],
    ['64:ff9b::192.0.2.33', '64:ff9b:0:0::/64'],
  ])('%s is %s', (address, network) => {
    expect(neighbourhood(address)).toBe(network);
  });

  const of = (peer: string, forwarded: string | undefined, hasProxy: boolean): string =>
    clientAddress(
      { raw: { socket: { remoteAddress: peer } }, headers: { 'x-forwarded-for': forwarded } } as never,
      hasProxy,
    );

  it('is who has made the connection, whatever it says itself', () => {
    expect(of('192.0.2.7', '10.0.0.1', false)).toBe('192.0.2.7');
    expect(of('127.0.0.1', '10.0.0.1', false)).toBe('127.0.0.1');
    expect(of('192.0.2.7', '10.0.0.1', true)).toBe('192.0.2.7');
    expect(of('::ffff:192.0.2.7', undefined, false)).toBe('192.0.2.7');
    expect(of('fe80::1%eth0', undefined, false)).toBe('fe80::1');
  });

  it('is, behind a proxy on this machine, whom that has added last', () => {
    expect(of('127.0.0.1', '10.0.0.1, 192.0.2.7', true)).toBe('192.0.2.7');
    expect(of('::1', '192.0.2.7', true)).toBe('192.0.2.7');
    expect(of('::ffff:127.0.0.1', '2001:db8::7', true)).toBe('2001:db8::7');
    for (const forged of ['', 'localhost', '1.2.3', '192.0.2.7, <script>', '192.0.2.7:80']) {
      expect(of('127.0.0.1', forged, true)).toBe('127.0.0.1');
    }
  });
});

describe('keys and sessions that were good', () => {
  it('are counted apart from what is tried, each for itself', () => {
    const known = new KnownSecrets(2);
    const [one, two, three] = ['a', 'b', 'c'].map((letter) => letter.repeat(52)) as [string, string, string];
    for (const secret of [one, two, one, three]) known.note('session', secret);
    expect([one, two, three].map((secret) => known.scopeOf('session', secret))).toEqual([
      'session aaaaaaaaaa',
      'session',
      'session cccccccccc',
    ]);
    expect(known.size).toBe(2);
    known.note('key', one);
    expect([known.scopeOf('key', one), known.scopeOf('session', one)]).toEqual(['key aaaaaaaaaa', 'session']);
  });
});

describe('what is written of refusals', () => {
  const refusal = {
    who: '?',
    via: 'http' as const,
    from: 'a',
    action: 'read',
    target: '/',
    result: 'FORBIDDEN',
  };

  it('is the beginning of a flood, and how much more it was', () => {
    const written: { detail?: string; target: string }[] = [];
    const refusals = new Refusals({ write: (event) => void written.push(event) });
    for (let i = 0; i < 1_000; i += 1) refusals.note({ ...refusal, target: `/${i}` });
    expect(written).toHaveLength(20);
    refusals.close();
    expect(written).toHaveLength(21);
    expect(written[20]).toMatchObject({ target: '/999', detail: '980 more in 10 s; this is the last.' });
  });

  it('is bounded also when it comes from everywhere', () => {
    const written: { detail?: string; from: string }[] = [];
    const refusals = new Refusals({ write: (event) => void written.push(event), windowsMost: 10 });
    for (let i = 0; i < 1_000; i += 1) refusals.note({ ...refusal, from: `10.0.0.${i}` });
    expect(written).toHaveLength(30);
    refusals.close();
    expect(written.at(-1)).toMatchObject({
      from: '',
      detail: '970 more in 10 s, from many addresses; this is the last.',
    });
  });
});
