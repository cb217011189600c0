import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { subjects } from '@bkg/sdk';
import type { Instance, KeyEvent } from '@bkg/sdk';
import { hashSecret, KeyVerifier, parseKey } from '@bkg/sdk/access';
import { eventually } from '@bkg/sdk/testing';
import { actor, ApikeysMesh, codeOf } from './apikeys-mesh.ts';

let mesh: ApikeysMesh;
let instances: Instance[];
let verifier: KeyVerifier;

/** As a gateway does: it remembers, and hears of changes. */
beforeEach(async () => {
  mesh = await ApikeysMesh.create();
  instances = [await mesh.start({ lookEveryMs: 50 }), await mesh.start({ lookEveryMs: 50 })];
  verifier = new KeyVerifier({ keeper: mesh.keeper, now: mesh.clock.now });
  mesh.caller.subscribe(subjects.keyChanged('*'), {
    callback: (_, msg) => verifier.forget(msg.json<KeyEvent>().prefix),
  });
  await mesh.caller.flush();
});
afterEach(async () => {
  verifier.close();
  await mesh[Symbol.asyncDispose]();
});

const partsOf = (text: string) => parseKey(text)!;

describe('who remembers keys, and hears of their changes', () => {
  it('refuses a revoked key and its session at once, whichever instance has revoked it', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { key, secret } = await mesh.keeper.createKey(actor, { name: 'a', scopes: ['read'] });
      const { prefix } = key;
      const answer = await mesh.keeper.createSession(actor, {
        prefix,
        hash: hashSecret(partsOf(secret).secret),
      });
      const session = 'session' in answer ? hashSecret(answer.session) : '';
      expect(await verifier.verify(partsOf(secret))).toMatchObject({ scopes: ['read'] });
      expect(await verifier.verifySession(session)).toMatchObject({ scopes: ['read'] });
      await mesh.at(instances[round % 2]!).revokeKey(actor, prefix);
      const refused = async (what: Promise<object>): Promise<boolean> => 'refused' in (await what);
      await eventually(() => refused(verifier.verify(partsOf(secret))), { withinMs: 500, everyMs: 1 });
      await eventually(() => refused(verifier.verifySession(session)), { withinMs: 500, everyMs: 1 });
      // Once both have told of it, no answer is older than it.
      await eventually(() => mesh.events.filter((event) => event.prefix === prefix).length === 2);
      expect(await verifier.verify(partsOf(secret))).toEqual({ refused: 'revoked' });
    }
  });

  it('lets a key do less as soon as it or its role allows less', async () => {
    await mesh.keeper.putRole(actor, 'tuner', { scopes: ['invoke:candle', 'read'] });
    const { key, secret } = await mesh.keeper.createKey(actor, { name: 'a', roles: ['tuner'] });
    const scopes = async () => {
      const answer = await verifier.verify(partsOf(secret));
      return 'scopes' in answer ? answer.scopes.join(' ') : answer.refused;
    };
    expect(await scopes()).toBe('invoke:candle read');
    await mesh.keeper.putRole(actor, 'tuner', { scopes: ['read'] });
    await eventually(async () => (await scopes()) === 'read', { withinMs: 500 });
    await mesh.keeper.updateKey(actor, key.prefix, { revision: key.revision, roles: [] });
    await eventually(async () => (await scopes()) === '', { withinMs: 500 });
  });

  it('lets known keys go on while no instance runs, and no others; and all again afterwards', async () => {
    const { secret } = await mesh.keeper.createKey(actor, { name: 'a' });
    const { secret: other } = await mesh.keeper.createKey(actor, { name: 'b' });
    await verifier.verify(partsOf(secret));
    await Promise.all(instances.map((instance) => instance.drain()));
    mesh.clock.aheadMs += 50_000;
    expect(await verifier.verify(partsOf(secret))).toHaveProperty('prefix');
    expect(await codeOf(verifier.verify(partsOf(other)))).toBe('PLUGIN_UNAVAILABLE');
    mesh.clock.aheadMs += 10_000;
    expect(await codeOf(verifier.verify(partsOf(secret)))).toBe('PLUGIN_UNAVAILABLE');
    await mesh.start();
    for (const one of [secret, other]) expect(await verifier.verify(partsOf(one))).toHaveProperty('prefix');
  });
});
