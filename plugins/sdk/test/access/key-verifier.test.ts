import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKey, hashSecret } from '../../src/access/key.ts';
import { Keeper } from '../../src/access/keeper.ts';
import { KeyVerifier } from '../../src/access/key-verifier.ts';
import type { KeyVerifierOptions } from '../../src/access/key-verifier.ts';
import { eventually, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { codeOf, KeeperPlugin, principal } from './keeper-plugin.ts';

let server: TestServer;
let plugin: KeeperPlugin;
let verifier: KeyVerifier;
let aheadMs = 0;
const key = createKey();
const [valid] = [principal(key.prefix)];

async function createVerifier(options: Partial<KeyVerifierOptions> = {}): Promise<KeyVerifier> {
  const keeper = new Keeper(await server.connect('gateway'));
  return new KeyVerifier({ keeper, now: () => Date.now() + aheadMs, ...options });
}

beforeEach(async () => {
  aheadMs = 0;
  server = await startNatsServer({ jetstream: false });
  plugin = await new KeeperPlugin().start(server);
  verifier = await createVerifier();
});
afterEach(async () => {
  verifier.close();
  await server.stop();
});

describe('while the keeper answers', () => {
  it('a key is asked for once, and known for five seconds', async () => {
    for (let n = 0; n < 5; n += 1) expect(await verifier.verify(key)).toEqual(valid);
    aheadMs = 3_000;
    expect(await verifier.verify(key)).toEqual(valid);
    expect(plugin.asked).toBe(1);
  });

  it('all who want to know the same at the same time share one question', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => verifier.verify(key)));
    expect(answers).toEqual(answers.map(() => valid));
    expect(plugin.asked).toBe(1);
  });

  it('an older answer counts at once, and is asked for again meanwhile', async () => {
    await verifier.verify(key);
    plugin.verify = () => ({ refused: 'revoked' });
    aheadMs = 5_000;
    expect(await verifier.verify(key)).toEqual(valid);
    await eventually(async () => 'refused' in (await verifier.verify(key)));
  });

  it('another secret of the same key is another question, and what is refused is asked each time', async () => {
    await verifier.verify(key);
    plugin.verify = () => ({ refused: 'unknown' });
    const wrong = { prefix: key.prefix, secret: createKey().secret };
    for (let n = 0; n < 3; n += 1) expect(await verifier.verify(wrong)).toEqual({ refused: 'unknown' });
    expect(plugin.asked).toBe(4);
    expect(await verifier.verify(key)).toEqual(valid);
  });

  it('both secrets of a rotation are known', async () => {
    const rotated = { prefix: key.prefix, secret: createKey().secret };
    for (const one of [key, rotated, key, rotated]) expect(await verifier.verify(one)).toEqual(valid);
    expect(plugin.asked).toBe(2);
  });

  it('a key that has changed is asked for anew', async () => {
    await verifier.verify(key);
    plugin.verify = () => ({ refused: 'revoked' });
    verifier.forget(key.prefix);
    expect(await verifier.verify(key)).toEqual({ refused: 'revoked' });
  });

  it('an answer that is under way when the key changes is not believed', async () => {
    const first = Promise.withResolvers<void>();
    plugin.verify = async () => {
      if (plugin.asked > 1) return { refused: 'revoked' };
      await first.promise;
      return { principal: valid };
    };
    const answer = verifier.verify(key);
    await eventually(() => plugin.asked === 1);
    verifier.forget(key.prefix);
    first.resolve();
    expect(await answer).toEqual({ refused: 'revoked' });
    expect(plugin.asked).toBe(2);
  });

  it('is not asked beyond the end of a key', async () => {
    const expires_at = new Date(Date.now() + 1_000).toISOString();
    plugin.verify = () => ({ principal: { ...valid, expires_at } });
    await verifier.verify(key);
    plugin.verify = () => ({ refused: 'expired' });
    aheadMs = 1_000;
    expect(await verifier.verify(key)).toEqual({ refused: 'expired' });
  });

  it('sessions are known as keys are, and forgotten with their key', async () => {
    const hash = hashSecret('session');
    plugin.session = () => ({ principal: valid });
    for (let n = 0; n < 3; n += 1) expect(await verifier.verifySession(hash)).toEqual(valid);
    expect(plugin.asked).toBe(1);
    plugin.session = () => ({ refused: 'revoked' });
    // The same beginning is not the same session.
    expect(await verifier.verifySession(hash.slice(0, 63) + (hash.endsWith('0') ? '1' : '0'))).toHaveProperty(
      'refused',
    );
    expect(await verifier.verifySession(hash)).toEqual(valid);
    verifier.forget('Kzzzzzzzzz');
    expect(await verifier.verifySession(hash)).toEqual(valid);
    verifier.forget(key.prefix);
    expect(await verifier.verifySession(hash)).toEqual({ refused: 'revoked' });
  });

  it('a session that was signed out here is asked for anew', async () => {
    const hash = hashSecret('session');
    await verifier.verifySession(hash);
    plugin.session = () => ({ refused: 'unknown' });
    verifier.forgetSession(hash);
    expect(await verifier.verifySession(hash)).toEqual({ refused: 'unknown' });
  });

  it('of many keys the one that was asked for longest ago makes room', async () => {
    const small = await createVerifier({ most: 2 });
    const keys = [createKey(), createKey(), createKey()];
    for (const one of keys) await small.verify(one);
    expect(plugin.asked).toBe(3);
    for (const one of keys.slice(1)) await small.verify(one);
    expect(plugin.asked).toBe(3);
    await small.verify(keys[0]!);
    expect(plugin.asked).toBe(4);
  });

  it('too many questions at a time are told to wait', async () => {
    plugin.verify = () => new Promise(() => undefined);
    const waiting = Array.from({ length: 1_000 }, () => codeOf(verifier.verify(createKey())));
    expect(await codeOf(verifier.verify(createKey()))).toBe('BUSY');
    verifier.close();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['PLUGIN_UNAVAILABLE']));
  });
});

describe('while the keeper is away', () => {
  it('a known key goes on for a minute and is refused afterwards, and every other one at once', async () => {
    await verifier.verify(key);
    await plugin.stop();
    for (const ms of [0, 6_000, 30_000, 50_000]) {
      aheadMs = ms;
      expect(await verifier.verify(key)).toEqual(valid);
    }
    await expect(verifier.verify(createKey())).rejects.toMatchObject({
      code: 'PLUGIN_UNAVAILABLE',
      message: expect.stringContaining('apikeys is away'),
    });
    aheadMs = 60_000;
    expect(await codeOf(verifier.verify(key))).toBe('PLUGIN_UNAVAILABLE');
  });

  it('a key that was forgotten is refused', async () => {
    await verifier.verify(key);
    await plugin.stop();
    verifier.forget(key.prefix);
    expect(await codeOf(verifier.verify(key))).toBe('PLUGIN_UNAVAILABLE');
  });

  it('a known key goes on also when the broker is away, and everybody again when both are back', async () => {
    await verifier.verify(key);
    await server.kill();
    aheadMs = 6_000;
    expect(await verifier.verify(key)).toEqual(valid);
    await eventually(async () => (await codeOf(verifier.verify(createKey()))) === 'PLUGIN_UNAVAILABLE');
    await server.restart();
    aheadMs = 120_000;
    await eventually(async () => (await verifier.verify(createKey())) && true);
    expect(await verifier.verify(key)).toEqual(valid);
  });
});
