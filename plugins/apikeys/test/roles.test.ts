import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { actor, ApikeysMesh, codeOf, proofOf } from './apikeys-mesh.ts';

let mesh: ApikeysMesh;

beforeAll(async () => {
  mesh = await ApikeysMesh.create();
  await mesh.start({ most: { roles: 5 } });
});
afterAll(() => mesh[Symbol.asyncDispose]());

describe('roles', () => {
  it('are those that every mesh has, and those that were added', async () => {
    await mesh.keeper.putRole(actor, 'tuner', { description: 'Loads models.', scopes: ['invoke:candle:model.*'] });
    expect(await mesh.keeper.listRoles()).toEqual([
      expect.objectContaining({ name: 'viewer', scopes: ['read'], built_in: true }),
      expect.objectContaining({ name: 'operator', scopes: ['read', 'control'], built_in: true }),
      expect.objectContaining({ name: 'invoker', scopes: ['invoke'], built_in: true }),
      expect.objectContaining({ name: 'admin', scopes: ['admin'], built_in: true }),
      { name: 'tuner', description: 'Loads models.', scopes: ['invoke:candle:model.*'], built_in: false },
    ]);
    await mesh.keeper.deleteRole(actor, 'tuner');
  });

  it('change what their keys allow, and everybody hears of these keys', async () => {
    await mesh.keeper.putRole(actor, 'tuner', { scopes: ['invoke:candle'] });
    const { key, secret } = await mesh.keeper.createKey(actor, { name: 'a', scopes: ['read'], roles: ['tuner'] });
    expect(await mesh.keeper.verifyKey(proofOf(secret))).toMatchObject({
      principal: { scopes: ['read', 'invoke:candle'] },
    });
    mesh.events.length = 0;
    await mesh.keeper.putRole(actor, 'tuner', { scopes: ['invoke:rustyface'] });
    await mesh.heard({ prefix: key.prefix, change: 'updated' });
    expect(await mesh.keeper.verifyKey(proofOf(secret))).toMatchObject({
      principal: { scopes: ['read', 'invoke:rustyface'] },
    });
    await expect(mesh.keeper.deleteRole(actor, 'tuner')).rejects.toMatchObject({
      code: 'APIKEYS_CONFLICT',
      message: expect.stringContaining(`in use by ${key.prefix}`),
    });
    await mesh.keeper.revokeKey(actor, key.prefix);
    await mesh.keeper.deleteRole(actor, 'tuner');
    expect(await codeOf(mesh.keeper.createKey(actor, { name: 'a', roles: ['tuner'] }))).toBe('APIKEYS_INVALID');
  });

  it('that are built in stay as they are', async () => {
    for (const name of ['viewer', 'admin']) {
      expect(await codeOf(mesh.keeper.putRole(actor, name, { scopes: [] }))).toBe('APIKEYS_CONFLICT');
      expect(await codeOf(mesh.keeper.deleteRole(actor, name))).toBe('APIKEYS_CONFLICT');
    }
  });

  it('take scopes that are ones, as many as a key may have, and a name that can be one', async () => {
    expect(await codeOf(mesh.keeper.putRole(actor, 'a', { scopes: ['fly'] }))).toBe('APIKEYS_INVALID');
    expect(await codeOf(mesh.keeper.putRole(actor, 'A role', { scopes: [] }))).toBe('INVALID_PAYLOAD');
    expect(await codeOf(mesh.keeper.deleteRole(actor, 'nobody'))).toBe('APIKEYS_NOT_FOUND');
    const many = (id: string) => Array.from({ length: 60 }, (_, n) => `invoke:${id}:c${n}`);
    await mesh.keeper.putRole(actor, 'wide', { scopes: many('a') });
    const order = { name: 'a', roles: ['wide'], scopes: many('b') };
    await expect(mesh.keeper.createKey(actor, order)).rejects.toThrow(/120 scopes with those of its roles; 100/);
    const { key } = await mesh.keeper.createKey(actor, { ...order, scopes: many('b').slice(0, 40) });
    const wider = mesh.keeper.putRole(actor, 'wide', { scopes: [...many('a'), 'read'] });
    await expect(wider).rejects.toThrow(`${key.prefix}: The key would have 101 scopes`);
  });

  it('are bounded in number', async () => {
    const put = (name: string) => codeOf(mesh.keeper.putRole(actor, name, { scopes: [] }));
    const codes = await Promise.all(['r1', 'r2', 'r3', 'r4', 'r5', 'r6'].map(put));
    expect(codes.filter((code) => code === 'ok')).toHaveLength(4);
    expect(new Set(codes)).toEqual(new Set(['ok', 'APIKEYS_CONFLICT']));
  });
});
