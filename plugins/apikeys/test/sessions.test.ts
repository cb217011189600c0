import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashSecret } from '@bkg/sdk/access';
import type { NewSession, Refusal } from '@bkg/sdk/access';
import { eventually } from '@bkg/sdk/testing';
import { actor, ApikeysMesh, codeOf, proofOf, wrongHash } from './apikeys-mesh.ts';

let mesh: ApikeysMesh;
const minuteMs = 60_000;

beforeAll(async () => {
  mesh = await ApikeysMesh.create();
  await mesh.start();
});
afterAll(() => mesh[Symbol.asyncDispose]());

const made = (answer: NewSession | Refusal): NewSession => {
  if ('refused' in answer) throw new Error(`it was ${answer.refused}`);
  return answer;
};

async function signedIn() {
  const { key, secret } = await mesh.keeper.createKey(actor, { name: 'a', scopes: ['read'] });
  const { session, expires_at } = made(await mesh.keeper.createSession(actor, proofOf(secret)));
  return { key, secret, hash: hashSecret(session), session, expires_at };
}

describe('a session', () => {
  it('is of who has shown a key, for 12 hours', async () => {
    const { key, hash, session, expires_at } = await signedIn();
    expect(session).toMatch(/^[a-z2-7]{52}$/);
    expect(Math.abs(Date.parse(expires_at) - mesh.clock.now() - 12 * 60 * minuteMs)).toBeLessThan(10_000);
    expect(await mesh.keeper.verifySession(hash)).toEqual({
      principal: {
        prefix: key.prefix,
        name: 'a',
        owner: '',
        scopes: ['read'],
        broker: false,
        expires_at,
        revision: key.revision,
      },
    });
    expect(await mesh.keeper.verifySession(wrongHash())).toEqual({ refused: 'unknown' });
    mesh.clock.aheadMs += 12 * 60 * minuteMs;
    expect(await mesh.keeper.verifySession(hash)).toEqual({ refused: 'expired' });
  });

  it('allows what its key allows now, and ends with it', async () => {
    const { key, hash } = await signedIn();
    await mesh.keeper.updateKey(actor, key.prefix, { revision: key.revision, scopes: ['control:candle'] });
    expect(await mesh.keeper.verifySession(hash)).toMatchObject({
      principal: { scopes: ['control:candle'] },
    });
    await mesh.keeper.revokeKey(actor, key.prefix);
    expect(await mesh.keeper.verifySession(hash)).toEqual({ refused: 'revoked' });
  });

  it('ends with the secret that has made it', async () => {
    const { key, hash } = await signedIn();
    const { key: rotated } = await mesh.keeper.rotateKey(actor, key.prefix, { grace_secs: 60 });
    expect(await mesh.keeper.verifySession(hash)).toMatchObject({
      principal: { expires_at: rotated.old_secret_until },
    });
    mesh.clock.aheadMs += minuteMs;
    expect(await mesh.keeper.verifySession(hash)).toEqual({ refused: 'expired' });
  });

  it('ends no later than its key', async () => {
    const expires_at = new Date(mesh.clock.now() + minuteMs).toISOString();
    const { secret } = await mesh.keeper.createKey(actor, { name: 'a', expires_at });
    expect(made(await mesh.keeper.createSession(actor, proofOf(secret))).expires_at).toBe(expires_at);
  });

  it('is not made for a wrong secret, and is over when it was signed out', async () => {
    const { key, hash } = await signedIn();
    expect(await mesh.keeper.createSession(actor, { prefix: key.prefix, hash: wrongHash() })).toEqual({
      refused: 'unknown',
    });
    await mesh.keeper.deleteSession(actor, hash);
    expect(await mesh.keeper.verifySession(hash)).toEqual({ refused: 'unknown' });
    await mesh.keeper.deleteSession(actor, hash);
  });

  it('takes the place of the oldest one when a key has a hundred', async () => {
    await using busy = await ApikeysMesh.create();
    await busy.start({ signIns: { rate: 1_000, burst: 1_000 } });
    const admin = await busy.admin();
    const sessions = [];
    for (let n = 0; n < 101; n += 1)
      sessions.push(hashSecret(made(await busy.keeper.createSession(actor, admin)).session));
    expect(await busy.keeper.verifySession(sessions[0]!)).toEqual({ refused: 'unknown' });
    for (const one of [sessions[1]!, sessions[100]!])
      expect(await busy.keeper.verifySession(one)).toHaveProperty('principal');
  });

  it('is not made when there are too many of all keys together', async () => {
    await using small = await ApikeysMesh.create();
    await small.start({ most: { sessions: 2 } });
    const admin = await small.admin();
    const codes = [];
    for (let n = 0; n < 3; n += 1) codes.push(await codeOf(small.keeper.createSession(actor, admin)));
    expect(codes).toEqual(['ok', 'ok', 'APIKEYS_CONFLICT']);
  });
});

describe('a key that signs in again and again', () => {
  it('is told to wait, by sessions and tickets together, and others are not', async () => {
    const limit = 30;
    const admin = await mesh.admin();
    const { ticket } = await mesh.keeper.createTicket(actor, admin);
    const make = (n: number) =>
      n % 10 === 0 ? mesh.keeper.createTicket(actor, admin) : mesh.keeper.createSession(actor, admin);
    const codes = [];
    for (let n = 0; n < limit + 20; n += 1) codes.push(await codeOf(make(n)));
    const good = codes.filter((code) => code === 'ok').length;
    expect(good).toBeGreaterThanOrEqual(limit - 1);
    // What came back meanwhile.
    expect(good).toBeLessThan(limit + 10);
    expect(codes.slice(limit + 10)).toContain('RATE_LIMITED');
    await eventually(async () => (await codeOf(mesh.keeper.createTicket(actor, admin))) === 'RATE_LIMITED');
    await expect(mesh.keeper.createSession(actor, admin)).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterSecs: expect.any(Number) as number,
      message: expect.stringContaining(`${admin.prefix} signs in too often: it may 30 times at once`),
    });
    // Its link was counted when it was made.
    made(await mesh.keeper.createSession(actor, { ticket_hash: hashSecret(ticket) }));
    await signedIn();
  });

  it('does not fill the audit with being refused', async () => {
    await using busy = await ApikeysMesh.create();
    await busy.start({ signIns: { rate: 0.001, burst: 1 } });
    const admin = await busy.admin();
    for (let n = 0; n < 60; n += 1) await codeOf(busy.keeper.createSession(actor, admin));
    for (let n = 0; n < 60; n += 1) await busy.keeper.createSession(actor, { ...admin, hash: wrongHash() });
    const { key } = await busy.keeper.createKey(actor, { name: 'last' });
    const events = await eventually(async () => {
      const all = await busy.audit();
      return all.some(({ target }) => target === key.prefix) && all;
    });
    expect(events.length).toBeLessThan(30);
    expect(events.map(({ result }) => result)).toContain('RATE_LIMITED');
  });
});

describe('a ticket', () => {
  it('signs in with its key, once', async () => {
    const { key, secret } = await mesh.keeper.createKey(actor, { name: 'a', scopes: ['read'] });
    const { ticket, expires_at } = await mesh.keeper.createTicket(actor, proofOf(secret));
    expect(Math.abs(Date.parse(expires_at) - mesh.clock.now() - 10 * minuteMs)).toBeLessThan(10_000);
    const proof = { ticket_hash: hashSecret(ticket) };
    const { principal, session } = made(await mesh.keeper.createSession(actor, proof));
    expect(principal).toMatchObject({ prefix: key.prefix, scopes: ['read'] });
    expect(await mesh.keeper.verifySession(hashSecret(session))).toEqual({ principal });
    expect(await mesh.keeper.createSession(actor, proof)).toEqual({ refused: 'unknown' });
  });

  it('does so for 10 minutes, and as long as its key is valid', async () => {
    const { key, secret } = await mesh.keeper.createKey(actor, { name: 'a' });
    const [late, ofRevoked] = [
      await mesh.keeper.createTicket(actor, proofOf(secret)),
      await mesh.keeper.createTicket(actor, proofOf(secret)),
    ].map(({ ticket }) => ({ ticket_hash: hashSecret(ticket) }));
    await mesh.keeper.revokeKey(actor, key.prefix);
    expect(await mesh.keeper.createSession(actor, ofRevoked!)).toEqual({ refused: 'revoked' });
    mesh.clock.aheadMs += 10 * minuteMs;
    expect(await mesh.keeper.createSession(actor, late!)).toEqual({ refused: 'expired' });
    const nobody = { prefix: 'Kzzzzzzzzz', hash: wrongHash() };
    expect(await codeOf(mesh.keeper.createTicket(actor, nobody))).toBe('APIKEYS_NOT_FOUND');
  });

  it('ends with the secret that was shown for it, and so does its session', async () => {
    const { key, secret } = await mesh.keeper.createKey(actor, { name: 'a' });
    const { ticket } = await mesh.keeper.createTicket(actor, proofOf(secret));
    const { key: rotated } = await mesh.keeper.rotateKey(actor, key.prefix, { grace_secs: 60 });
    const { ticket: second } = await mesh.keeper.createTicket(actor, proofOf(secret));
    const { principal } = made(await mesh.keeper.createSession(actor, { ticket_hash: hashSecret(ticket) }));
    expect(principal.expires_at).toBe(rotated.old_secret_until);
    await mesh.keeper.rotateKey(actor, key.prefix, { grace_secs: 0 });
    expect(await mesh.keeper.createSession(actor, { ticket_hash: hashSecret(second) })).toEqual({
      refused: 'expired',
    });
    expect(await codeOf(mesh.keeper.createTicket(actor, proofOf(secret)))).toBe('APIKEYS_CONFLICT');
  });

  it('is redeemed by one of two who show it to two instances at the same time', async () => {
    await using two = await ApikeysMesh.create();
    const instances = [await two.start(), await two.start()];
    const admin = await two.admin();
    for (let round = 0; round < 30; round += 1) {
      const { ticket } = await two.keeper.createTicket(actor, admin);
      const proof = { ticket_hash: hashSecret(ticket) };
      const answers = await Promise.all(
        [...instances, ...instances].map((instance) => two.at(instance).createSession(actor, proof)),
      );
      expect(answers.filter((answer) => 'session' in answer)).toHaveLength(1);
      expect(answers.filter((answer) => 'refused' in answer)).toHaveLength(3);
    }
  });
});
