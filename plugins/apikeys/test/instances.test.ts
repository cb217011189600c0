import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { StreamUpdateConfig } from '@nats-io/jetstream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashSecret } from '@bkg/sdk/access';
import { eventually } from '@bkg/sdk/testing';
import { actor, ApikeysMesh, codeOf, proofOf, wrongHash } from './apikeys-mesh.ts';

let mesh: ApikeysMesh;
const dayMs = 86_400_000;

beforeEach(async () => {
  mesh = await ApikeysMesh.create();
});
afterEach(() => mesh[Symbol.asyncDispose]());

/** The keys of the bucket, with those that it only remembers to have removed. */
async function bucketKeys(): Promise<string[]> {
  const manager = await jetstreamManager(mesh.caller.nats);
  const { state } = await manager.streams.info('KV_bkg_keys', { subjects_filter: '>' });
  return Object.keys(state.subjects ?? {}).map((subject) => subject.replace('$KV.bkg_keys.', ''));
}

describe('two instances', () => {
  it('know at once what the other has done', async () => {
    const [one, other] = [mesh.at(await mesh.start()), mesh.at(await mesh.start())];
    for (let round = 0; round < 30; round += 1) {
      const { key, secret } = await one.createKey(actor, { name: 'a' });
      expect(await other.verifyKey(proofOf(secret))).toHaveProperty('principal');
      const rotated = await other.rotateKey(actor, key.prefix, { grace_secs: 0 });
      expect(await one.verifyKey(proofOf(rotated.secret))).toHaveProperty('principal');
      const answer = await one.createSession(actor, proofOf(rotated.secret));
      const session = 'session' in answer ? answer.session : '';
      expect(await other.verifySession(hashSecret(session))).toHaveProperty('principal');
      expect((await other.listKeys()).map(({ prefix }) => prefix)).toContain(key.prefix);
    }
  });

  it('both tell of a change, each when it knows of it itself', async () => {
    const [one] = [await mesh.start(), await mesh.start()];
    const { key } = await mesh.at(one).createKey(actor, { name: 'a' });
    await mesh.at(one).revokeKey(actor, key.prefix);
    await eventually(
      () =>
        mesh.events.filter(({ prefix, change }) => prefix === key.prefix && change === 'revoked').length ===
        2,
    );
  });

  it('make changes to one key one after the other, and lose none', async () => {
    const instances = [await mesh.start(), await mesh.start()];
    const { key } = await mesh.keeper.createKey(actor, { name: 'a' });
    const codes = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        codeOf(
          mesh.at(instances[n % 2]!).updateKey(actor, key.prefix, { revision: key.revision, name: `n${n}` }),
        ),
      ),
    );
    expect(codes.filter((code) => code === 'ok')).toHaveLength(1);
    expect(codes.filter((code) => code === 'APIKEYS_CONFLICT')).toHaveLength(19);
  });

  it('write once a minute that a key was used', async () => {
    const instances = [await mesh.start({ usesEveryMs: 20 }), await mesh.start({ usesEveryMs: 20 })];
    const proof = await mesh.admin();
    const used = async () => (await bucketKeys()).includes(`used.${proof.prefix}`);
    for (const instance of instances) await mesh.at(instance).verifyKey(proof);
    await eventually(used);
    const { state } = await (await jetstreamManager(mesh.caller.nats)).streams.info('KV_bkg_keys');
    for (let n = 0; n < 20; n += 1) {
      for (const instance of instances) await mesh.at(instance).verifyKey(proof);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const after = (await (await jetstreamManager(mesh.caller.nats)).streams.info('KV_bkg_keys')).state;
    // The minute may have changed meanwhile.
    expect(after.last_seq - state.last_seq).toBeLessThanOrEqual(2);
    mesh.clock.aheadMs += 60_000;
    for (const instance of instances) await mesh.at(instance).verifyKey(proof);
    const minute = new Date(Math.floor(mesh.clock.now() / 60_000) * 60_000).toISOString();
    await eventually(async () => (await mesh.keeper.getKey(proof.prefix)).last_used_at === minute);
  });
});

describe('the bucket', () => {
  it('keeps keys, roles and sessions over a crash of the broker', async () => {
    await mesh.start();
    await mesh.keeper.putRole(actor, 'tuner', { scopes: ['invoke:candle'] });
    const { secret } = await mesh.keeper.createKey(actor, { name: 'a', roles: ['tuner'] });
    const answer = await mesh.keeper.createSession(actor, proofOf(secret));
    const session = 'session' in answer ? hashSecret(answer.session) : '';
    await mesh.server.restart();
    await eventually(async () => 'principal' in (await mesh.keeper.verifyKey(proofOf(secret))));
    expect(await mesh.keeper.verifySession(session)).toMatchObject({
      principal: { scopes: ['invoke:candle'] },
    });
    // And it is written to as before.
    const { secret: second } = await mesh.keeper.createKey(actor, { name: 'b' });
    expect(await mesh.keeper.verifyKey(proofOf(second))).toHaveProperty('principal');
    expect(await mesh.keeper.verifyKey({ ...proofOf(second), hash: wrongHash() })).toEqual({
      refused: 'unknown',
    });
  });

  it('is all that an instance needs: a new one knows everything', async () => {
    const first = await mesh.start();
    const { secret } = await mesh.keeper.createKey(actor, { name: 'a', scopes: ['read'] });
    await first.drain();
    await mesh.start();
    expect(await mesh.keeper.verifyKey(proofOf(secret))).toMatchObject({ principal: { scopes: ['read'] } });
  });

  it('is made anew, empty, when it is lost while apikeys runs; whoever had a key is told', async () => {
    await mesh.start();
    const { key, secret } = await mesh.keeper.createKey(actor, { name: 'a' });
    await (await jetstreamManager(mesh.caller.nats)).streams.delete('KV_bkg_keys');
    await codeOf(mesh.keeper.getKey(key.prefix));
    await mesh.heard({ prefix: key.prefix, change: 'revoked' });
    expect(await mesh.keeper.verifyKey(proofOf(secret))).toEqual({ refused: 'unknown' });
    await mesh.admin();
  });

  it('is read again when another one has taken its place, with as many writes and of whomever', async () => {
    await mesh.start();
    const { key } = await mesh.keeper.createKey(actor, { name: 'a' });
    const manager = await jetstreamManager(mesh.caller.nats);
    const { config } = await manager.streams.info('KV_bkg_keys');
    await manager.streams.delete('KV_bkg_keys');
    await manager.streams.add(config);
    for (let n = 0; n < 50; n += 1) await jetstream(mesh.caller.nats).publish('$KV.bkg_keys.mark', '{}');
    await eventually(async () => (await codeOf(mesh.keeper.getKey(key.prefix))) === 'APIKEYS_NOT_FOUND');
    await mesh.admin();
  });

  it('is read as before when the broker takes no more writes, and who wants a change is told', async () => {
    await mesh.start();
    const proof = await mesh.admin();
    const sealed = { sealed: true } as Partial<StreamUpdateConfig>;
    await (await jetstreamManager(mesh.caller.nats)).streams.update('KV_bkg_keys', sealed);
    expect(await mesh.keeper.verifyKey(proof)).toHaveProperty('principal');
    expect(await mesh.keeper.verifyKey({ ...proof, hash: wrongHash() })).toEqual({ refused: 'unknown' });
    await expect(mesh.keeper.createKey(actor, { name: 'a' })).rejects.toMatchObject({
      code: 'PLUGIN_UNAVAILABLE',
      message: expect.stringContaining('refuses what concerns the bucket'),
    });
  });

  it('is swept of sessions and tickets that are over, and of keys 90 days after their end', async () => {
    await mesh.start({ sweepEveryMs: 50, usesEveryMs: 50, removalKeptMs: 500 });
    const admin = await mesh.admin();
    const { key: revoked, secret } = await mesh.keeper.createKey(actor, { name: 'a' });
    const expires_at = new Date(mesh.clock.now() + 60_000).toISOString();
    const { key: expiring } = await mesh.keeper.createKey(actor, { name: 'b', expires_at });
    await mesh.keeper.createSession(actor, proofOf(secret));
    await mesh.keeper.createSession(actor, admin);
    await mesh.keeper.createTicket(actor, admin);
    await eventually(async () => (await bucketKeys()).includes(`used.${revoked.prefix}`));
    await mesh.keeper.revokeKey(actor, revoked.prefix);
    mesh.clock.aheadMs += 89 * dayMs;
    await eventually(async () => !(await liveKeys()).some((key) => /^(session|ticket)\./.test(key)));
    expect((await mesh.keeper.listKeys()).map(({ prefix }) => prefix).sort()).toEqual(
      [admin.prefix, revoked.prefix, expiring.prefix].sort(),
    );
    mesh.clock.aheadMs += 2 * dayMs;
    await eventually(async () => (await mesh.keeper.listKeys()).length === 1);
    await eventually(async () => !(await liveKeys()).includes(`used.${revoked.prefix}`));
    // It does not even remember what is gone.
    await eventually(async () =>
      (await bucketKeys()).every((key) => key === 'mark' || key.endsWith(admin.prefix)),
    );
    expect(await mesh.keeper.verifyKey(admin)).toHaveProperty('principal');
  });
});

async function liveKeys(): Promise<string[]> {
  const manager = await jetstreamManager(mesh.caller.nats);
  const live = [];
  for (const key of await bucketKeys()) {
    const message = await manager.streams.getMessage('KV_bkg_keys', { last_by_subj: `$KV.bkg_keys.${key}` });
    if (message && !message.header.has('KV-Operation')) live.push(key);
  }
  return live;
}
