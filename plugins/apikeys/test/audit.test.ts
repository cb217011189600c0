import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashSecret, parseKey } from '@bkg/sdk/access';
import { eventually } from '@bkg/sdk/testing';
import { actor, ApikeysMesh, codeOf, proofOf, wrongHash } from './apikeys-mesh.ts';

let mesh: ApikeysMesh;

beforeAll(async () => {
  mesh = await ApikeysMesh.create();
  await mesh.start();
});
afterAll(() => mesh[Symbol.asyncDispose]());

describe('the audit', () => {
  it('has everything that was done and refused, with who has ordered it, and no secret', async () => {
    const admin = await mesh.admin();
    const { key, secret } = await mesh.keeper.createKey(actor, { name: 'ci', roles: ['viewer'] });
    const { prefix, revision } = key;
    await codeOf(mesh.keeper.createKey(actor, { name: 'bad', scopes: ['fly'] }));
    await mesh.keeper.updateKey(actor, prefix, { revision, scopes: ['read'] });
    await codeOf(mesh.keeper.revokeKey(actor, admin.prefix));
    await mesh.keeper.putRole(actor, 'tuner', { scopes: ['invoke:candle'] });
    await codeOf(mesh.keeper.putRole(actor, 'admin', { scopes: [] }));
    await mesh.keeper.deleteRole(actor, 'tuner');
    const { ticket } = await mesh.keeper.createTicket(actor, proofOf(secret));
    const answer = await mesh.keeper.createSession(actor, { ticket_hash: hashSecret(ticket) });
    const session = 'session' in answer ? answer.session : '';
    await mesh.keeper.createSession(actor, { prefix, hash: wrongHash() });
    await mesh.keeper.deleteSession(actor, hashSecret(session));
    const { secret: second } = await mesh.keeper.rotateKey(actor, prefix);
    await mesh.keeper.revokeKey(actor, prefix);
    const expected = [
      ['key.create', admin.prefix, 'ok', 'bkg'],
      ['key.create', prefix, 'ok'],
      ['key.create', '', 'APIKEYS_INVALID'],
      ['key.update', prefix, 'ok'],
      ['key.revoke', admin.prefix, 'APIKEYS_LAST_ADMIN'],
      ['role.put', 'tuner', 'ok'],
      ['role.put', 'admin', 'APIKEYS_CONFLICT'],
      ['role.delete', 'tuner', 'ok'],
      ['ticket.create', prefix, 'ok'],
      ['session.create', prefix, 'ok', prefix],
      ['session.create', prefix, 'UNAUTHENTICATED'],
      ['session.delete', prefix, 'ok'],
      ['key.rotate', prefix, 'ok'],
      ['key.revoke', prefix, 'ok'],
    ].map(([action, target, result, who = actor.who]) => ({ action, target, result, who }));
    const events = await eventually(async () => {
      const all = await mesh.audit();
      return all.length >= expected.length && all;
    });
    expect(events.map(({ action, target, result, who }) => ({ action, target, result, who }))).toEqual(
      expected,
    );
    const text = JSON.stringify(events);
    for (const hidden of [secret, second].map((one) => parseKey(one)!.secret).concat(ticket, session)) {
      expect(text).not.toContain(hidden);
      expect(text).not.toContain(hashSecret(hidden));
    }
    expect(text).not.toContain(proofOf(secret).hash);
  });
});
