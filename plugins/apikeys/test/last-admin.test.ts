import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKey, hashSecret } from '@bkg/sdk/access';
import { actor, ApikeysMesh, codeOf, proofOf, wrongHash } from './apikeys-mesh.ts';

let mesh: ApikeysMesh;

beforeEach(async () => {
  mesh = await ApikeysMesh.create();
});
afterEach(() => mesh[Symbol.asyncDispose]());

describe('the last key that allows admin and does not expire', () => {
  it('is neither revoked, nor made less, nor given an end', async () => {
    await mesh.start();
    const { prefix } = await mesh.admin();
    const { revision } = await mesh.keeper.getKey(prefix);
    // One that expires does not count.
    const expires_at = new Date(Date.now() + 60_000).toISOString();
    await mesh.keeper.createKey(actor, { name: 'soon', roles: ['admin'], expires_at });
    for (const attempt of [
      () => mesh.keeper.revokeKey(actor, prefix),
      () => mesh.keeper.updateKey(actor, prefix, { revision, roles: ['viewer'] }),
      () => mesh.keeper.updateKey(actor, prefix, { revision, expires_at }),
    ])
      await expect(attempt()).rejects.toMatchObject({
        code: 'APIKEYS_LAST_ADMIN',
        message: expect.stringContaining('Make another key with the role admin'),
      });
    // What keeps it an admin is allowed.
    const renamed = await mesh.keeper.updateKey(actor, prefix, { revision, name: 'root', scopes: ['admin'], roles: [] });
    expect(renamed).toMatchObject({ name: 'root', scopes: ['admin'] });
    await mesh.keeper.rotateKey(actor, prefix);
    await mesh.keeper.createKey(actor, { name: 'second', scopes: ['admin'] });
    await mesh.keeper.revokeKey(actor, prefix);
  });

  it('does not lose it through its role', async () => {
    await mesh.start();
    const { prefix } = await mesh.admin();
    await mesh.keeper.putRole(actor, 'boss', { scopes: ['admin'] });
    const { revision } = await mesh.keeper.getKey(prefix);
    await mesh.keeper.updateKey(actor, prefix, { revision, roles: ['boss'] });
    expect(await codeOf(mesh.keeper.putRole(actor, 'boss', { scopes: ['read'] }))).toBe('APIKEYS_LAST_ADMIN');
    await mesh.keeper.putRole(actor, 'boss', { scopes: ['read', 'admin'] });
  });

  it('is left when two instances revoke two at the same time, again and again', async () => {
    const [one, other] = [await mesh.start(), await mesh.start()];
    for (let round = 0; round < 20; round += 1) {
      const keys = await Promise.all(
        [0, 1].map(async (n) => (await mesh.keeper.createKey(actor, { name: `${n}`, roles: ['admin'] })).key.prefix),
      );
      // The survivors of earlier rounds go first, so that these two are the last.
      for (const { prefix, revoked_at } of await mesh.keeper.listKeys())
        if (!revoked_at && !keys.includes(prefix)) await mesh.keeper.revokeKey(actor, prefix);
      const codes = await Promise.all([
        codeOf(mesh.at(one).revokeKey(actor, keys[0]!)),
        codeOf(mesh.at(other).revokeKey(actor, keys[1]!)),
      ]);
      expect(codes.sort()).toEqual(['APIKEYS_LAST_ADMIN', 'ok']);
      const left = (await mesh.keeper.listKeys()).filter(({ revoked_at }) => !revoked_at);
      expect(left).toHaveLength(1);
    }
  });

  it('is left when one is revoked while the role of the other is changed elsewhere', async () => {
    const [one, other] = [await mesh.start(), await mesh.start()];
    for (let round = 0; round < 10; round += 1) {
      const role = `boss${round}`;
      await mesh.keeper.putRole(actor, role, { scopes: ['admin'] });
      const { key: byRole } = await mesh.keeper.createKey(actor, { name: 'a', roles: [role] });
      const { key: byScope } = await mesh.keeper.createKey(actor, { name: 'b', scopes: ['admin'] });
      for (const { prefix, revoked_at } of await mesh.keeper.listKeys())
        if (!revoked_at && prefix !== byRole.prefix && prefix !== byScope.prefix)
          await mesh.keeper.revokeKey(actor, prefix);
      const codes = await Promise.all([
        codeOf(mesh.at(one).revokeKey(actor, byScope.prefix)),
        codeOf(mesh.at(other).putRole(actor, role, { scopes: [] })),
      ]);
      expect(codes.sort()).toEqual(['APIKEYS_LAST_ADMIN', 'ok']);
    }
  });
});

describe('the admin key of whoever runs the mesh', () => {
  it('is made when it is not known, once, whoever asks at the same time', async () => {
    const [one, other] = [await mesh.start(), await mesh.start()];
    const { prefix, secret, text } = createKey();
    const proof = { prefix, hash: hashSecret(secret) };
    const states = await Promise.all([one, other].map((instance) => mesh.at(instance).ensureAdmin(proof)));
    expect(states.map(({ state }) => state).sort()).toEqual(['made', 'valid']);
    expect(await mesh.keeper.verifyKey(proofOf(text))).toMatchObject({ principal: { scopes: ['admin'] } });
    expect(await mesh.keeper.getKey(prefix)).toMatchObject({ name: 'admin', created_by: 'bkg', broker: true });
  });

  it('is invalid with another secret, when it was revoked, and when it allows less', async () => {
    await mesh.start();
    const proof = await mesh.admin();
    expect(await mesh.keeper.ensureAdmin({ ...proof, hash: wrongHash() })).toEqual({ state: 'invalid' });
    // The other one keeps the mesh governable.
    const second = await mesh.admin();
    const { revision } = await mesh.keeper.getKey(proof.prefix);
    await mesh.keeper.updateKey(actor, proof.prefix, { revision, roles: ['viewer'] });
    expect(await mesh.keeper.ensureAdmin(proof)).toEqual({ state: 'invalid' });
    await mesh.keeper.revokeKey(actor, proof.prefix);
    expect(await mesh.keeper.ensureAdmin(proof)).toEqual({ state: 'invalid' });
    expect(await mesh.keeper.ensureAdmin(second)).toEqual({ state: 'valid' });
  });
});
