import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hashSecret, parseKey } from '@bkg/sdk/access';
import { actor, ApikeysMesh, codeOf, proofOf, wrongHash } from './apikeys-mesh.ts';

let mesh: ApikeysMesh;
const hourMs = 3_600_000;
const inMs = (ms: number): string => new Date(mesh.clock.now() + ms).toISOString();

beforeAll(async () => {
  mesh = await ApikeysMesh.create();
  await mesh.start({ lookEveryMs: 50, usesEveryMs: 50 });
});
afterAll(() => mesh[Symbol.asyncDispose]());
beforeEach(() => void (mesh.events.length = 0));

describe('a key', () => {
  it('is shown once with its secret, and known by it from then on', async () => {
    const order = {
      name: 'ci',
      owner: 'team a',
      scopes: ['invoke:candle:model.*', 'invoke:candle:model.*'],
      roles: ['viewer'],
      broker: true,
      limits: { rate_per_second: 5, burst: 10 },
      expires_at: '2999-01-01T01:00:00+01:00',
    };
    const { key, secret } = await mesh.keeper.createKey(actor, order);
    expect(parseKey(secret)?.prefix).toBe(key.prefix);
    expect(key).toMatchObject({
      ...order,
      scopes: ['invoke:candle:model.*'],
      expires_at: '2999-01-01T00:00:00.000Z',
      created_by: actor.who,
    });
    expect(await mesh.keeper.verifyKey(proofOf(secret))).toEqual({
      principal: {
        prefix: key.prefix,
        name: 'ci',
        owner: 'team a',
        scopes: ['invoke:candle:model.*', 'read'],
        broker: true,
        limits: order.limits,
        expires_at: '2999-01-01T00:00:00.000Z',
        revision: key.revision,
      },
    });
    const shown = JSON.stringify(await mesh.keeper.listKeys());
    const { secret: secretPart } = parseKey(secret)!;
    expect(shown).toContain(key.prefix);
    expect(shown).not.toContain(secretPart);
    expect(shown).not.toContain(hashSecret(secretPart));
  });

  it('is unknown with another secret, with the prefix of none, and is told nothing of its state then', async () => {
    const { key } = await mesh.keeper.createKey(actor, { name: 'a' });
    await mesh.keeper.revokeKey(actor, key.prefix);
    for (const prefix of [key.prefix, 'Kzzzzzzzzz'])
      expect(await mesh.keeper.verifyKey({ prefix, hash: wrongHash() })).toEqual({ refused: 'unknown' });
    expect(await codeOf(mesh.keeper.getKey('Kzzzzzzzzz'))).toBe('APIKEYS_NOT_FOUND');
    expect(await codeOf(mesh.keeper.verifyKey({ prefix: 'no prefix', hash: wrongHash() }))).toBe(
      'INVALID_PAYLOAD',
    );
  });

  it.each([
    [{ scopes: ['fly'] }, '/order/scopes/0', '"fly" is no scope'],
    [{ scopes: ['read', 'serve'] }, '/order/scopes/1', 'serve needs the id'],
    [{ roles: ['viewer', 'pilot'] }, '/order/roles/1', 'There is no role "pilot"'],
    [{ roles: ['constructor'] }, '/order/roles/0', 'There is no role "constructor"'],
    [{ name: 'a\u001b[31m' }, '/order/name', 'control character'],
    [{ owner: 'a\nb' }, '/order/owner', 'control character'],
    [{ expires_at: '2020-01-01T00:00:00Z' }, '/order/expires_at', 'must be in the future'],
  ])('is not made of %j', async (wrong, path, text) => {
    const failure = mesh.keeper.createKey(actor, { name: 'a', ...wrong });
    await expect(failure).rejects.toMatchObject({
      code: 'APIKEYS_INVALID',
      problem: { status: 400, errors: [{ path, message: expect.stringContaining(text) }] },
    });
  });

  it.each([{ expires_at: 'tomorrow' }, { expires_at: '2999-02-30T00:00:00Z' }, { name: '' }, { colour: 1 }])(
    'is not made of %j, which is no order',
    async (wrong) => {
      expect(await codeOf(mesh.keeper.createKey(actor, { name: 'a', ...wrong }))).toBe('INVALID_PAYLOAD');
    },
  );

  it('ends when its time is over, which everybody hears', async () => {
    const { key, secret } = await mesh.keeper.createKey(actor, { name: 'a', expires_at: inMs(hourMs) });
    mesh.clock.aheadMs += 2 * hourMs;
    expect(await mesh.keeper.verifyKey(proofOf(secret))).toEqual({ refused: 'expired' });
    await mesh.heard({ prefix: key.prefix, change: 'expired' });
    expect(await codeOf(mesh.keeper.rotateKey(actor, key.prefix))).toBe('APIKEYS_CONFLICT');
    const longer = { revision: key.revision, expires_at: inMs(hourMs) };
    await mesh.keeper.updateKey(actor, key.prefix, longer);
    expect(await mesh.keeper.verifyKey(proofOf(secret))).toHaveProperty('principal');
  });

  it('changes in what is given, loses what is null, and keeps the rest', async () => {
    const first = {
      name: 'a',
      owner: 'o',
      scopes: ['read'],
      limits: { rate_per_second: 1 },
      expires_at: inMs(hourMs),
    };
    const { key, secret } = await mesh.keeper.createKey(actor, first);
    const change = {
      revision: key.revision,
      roles: ['invoker'],
      owner: null,
      limits: null,
      expires_at: null,
    };
    const changed = await mesh.keeper.updateKey(actor, key.prefix, change);
    const { limits: _, expires_at: __, ...kept } = key;
    expect(changed).toEqual({ ...kept, owner: '', roles: ['invoker'], revision: changed.revision });
    expect(changed.revision).not.toBe(key.revision);
    expect(await mesh.keeper.verifyKey(proofOf(secret))).toMatchObject({
      principal: { scopes: ['read', 'invoke'] },
    });
    await mesh.heard({ prefix: key.prefix, change: 'updated' });
    await expect(mesh.keeper.updateKey(actor, key.prefix, change)).rejects.toMatchObject({
      code: 'APIKEYS_CONFLICT',
      message: expect.stringContaining(`has the revision ${changed.revision} by now`),
    });
    const { revision } = changed;
    expect(await codeOf(mesh.keeper.updateKey(actor, key.prefix, { revision, scopes: ['fly'] }))).toBe(
      'APIKEYS_INVALID',
    );
  });

  it('has two secrets for the grace of a rotation, and one afterwards', async () => {
    const { key, secret } = await mesh.keeper.createKey(actor, { name: 'a' });
    const rotated = await mesh.keeper.rotateKey(actor, key.prefix, { grace_secs: 600 });
    expect(rotated.key.prefix).toBe(key.prefix);
    await mesh.heard({ prefix: key.prefix, change: 'rotated' });
    const until = rotated.key.old_secret_until;
    expect(Date.parse(until!) - mesh.clock.now()).toBeGreaterThan(590_000);
    expect(await mesh.keeper.verifyKey(proofOf(secret))).toMatchObject({ principal: { expires_at: until } });
    const now = await mesh.keeper.verifyKey(proofOf(rotated.secret));
    expect(now).toMatchObject({ principal: { prefix: key.prefix } });
    expect(now).not.toHaveProperty('principal.expires_at');
    mesh.events.length = 0;
    mesh.clock.aheadMs += 601_000;
    expect(await mesh.keeper.verifyKey(proofOf(secret))).toEqual({ refused: 'unknown' });
    expect(await mesh.keeper.verifyKey(proofOf(rotated.secret))).toHaveProperty('principal');
    expect(await mesh.keeper.getKey(key.prefix)).not.toHaveProperty('old_secret_until');
    // Who remembers the old secret, or is connected with it, is told that it does no more.
    await mesh.heard({ prefix: key.prefix, change: 'rotated' });
  });

  it('has one secret at once after a rotation without grace', async () => {
    const { key, secret } = await mesh.keeper.createKey(actor, { name: 'a' });
    await mesh.keeper.rotateKey(actor, key.prefix, { grace_secs: 0 });
    expect(await mesh.keeper.verifyKey(proofOf(secret))).toEqual({ refused: 'unknown' });
  });

  it('never comes back once it was revoked, and stays to be seen', async () => {
    const { key, secret } = await mesh.keeper.createKey(actor, { name: 'a' });
    const { secret: second } = await mesh.keeper.rotateKey(actor, key.prefix);
    const revoked = await mesh.keeper.revokeKey(actor, key.prefix);
    await mesh.heard({ prefix: key.prefix, change: 'revoked' });
    expect(await mesh.keeper.verifyKey(proofOf(second))).toEqual({ refused: 'revoked' });
    // Its old secret ended with it.
    expect(await mesh.keeper.verifyKey(proofOf(secret))).toEqual({ refused: 'unknown' });
    expect(await mesh.keeper.revokeKey(actor, key.prefix)).toEqual(revoked);
    const { revision } = revoked;
    for (const attempt of [
      () => mesh.keeper.updateKey(actor, key.prefix, { revision, name: 'b' }),
      () => mesh.keeper.rotateKey(actor, key.prefix),
      () => mesh.keeper.createTicket(actor, proofOf(second)),
    ])
      expect(await codeOf(attempt())).toBe('APIKEYS_CONFLICT');
    expect(await mesh.keeper.getKey(key.prefix)).toEqual(revoked);
  });

  it('says to the minute when it was used last, without being another for that', async () => {
    const { key, secret } = await mesh.keeper.createKey(actor, { name: 'a' });
    expect(key).not.toHaveProperty('last_used_at');
    await mesh.keeper.verifyKey(proofOf(secret));
    const used = await mesh.keeper.getKey(key.prefix);
    expect(used).toEqual({ ...key, last_used_at: expect.stringMatching(/:00\.000Z$/) });
    expect(mesh.clock.now() - Date.parse(used.last_used_at!)).toBeLessThan(61_000);
  });
});

describe('the list of keys', () => {
  it('has all of them, also when they do not fit into one message', async () => {
    await using large = await ApikeysMesh.create();
    await large.start();
    const scopes = Array.from({ length: 100 }, (_, n) => `invoke:${'p'.repeat(60)}:${'c'.repeat(60)}${n}`);
    const made = [];
    for (let n = 0; n < 120; n += 1)
      made.push((await large.keeper.createKey(actor, { name: `${n}`, scopes })).key);
    const listed = await large.keeper.listKeys();
    expect(JSON.stringify(listed).length).toBeGreaterThan(large.caller.maxPayloadBytes);
    expect(listed.map(({ prefix }) => prefix).sort()).toEqual(made.map(({ prefix }) => prefix).sort());
    expect(Date.parse(listed[0]!.created_at)).toBeLessThanOrEqual(Date.parse(listed[119]!.created_at));
  });
});

describe('the number of keys', () => {
  it('is bounded, and who wants one more is told what to do', async () => {
    await using small = await ApikeysMesh.create();
    await small.start({ most: { keys: 3 } });
    const made = await Promise.allSettled(
      Array.from({ length: 5 }, () => small.keeper.createKey(actor, { name: 'a' })),
    );
    const refused = made.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(2);
    expect(refused[0]).toMatchObject({
      reason: { code: 'APIKEYS_CONFLICT', message: expect.stringMatching(/There are 3 keys.*revoke/) },
    });
  });
});
