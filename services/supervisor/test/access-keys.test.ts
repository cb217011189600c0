/** What becomes of a connection to the broker when its key changes, with what really keeps the keys. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { subjects } from '@bkg/sdk';
import type { Connection, KeyOrder, NewKey } from '@bkg/sdk';
import type { Keeper } from '@bkg/sdk/access';
import { delay } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { actor, connectKey, isLetIn, startKeyMesh, supervise } from './access-kit.ts';
import { manifest } from './mesh.ts';
import type { Mesh } from './mesh.ts';

/** The promise of PROTOCOL.md. */
const withinMs = 2_000;

let mesh: Mesh;
let keeper: Keeper;

beforeAll(async () => {
  ({ mesh, keeper } = await startKeyMesh([manifest('echo', 'echo.mjs'), manifest('other', 'echo.mjs')]));
  await Promise.all([mesh.order('start', 'echo'), mesh.order('start', 'other')]);
}, 40_000);
afterAll(() => mesh[Symbol.asyncDispose]());

function makeKey(order: Partial<KeyOrder> = {}): Promise<NewKey> {
  return keeper.createKey(actor, { name: 'test', scopes: ['invoke:echo'], broker: true, ...order });
}

/** How often it was put out. */
function countLosses(client: Connection): { losses: number } {
  const count = { losses: 0 };
  client.onStatus((connected) => {
    if (!connected) count.losses += 1;
  });
  return count;
}

async function invoke(client: Connection, id: string): Promise<string> {
  try {
    const subject = subjects.invokeCapability(id, 'text.say');
    const reply = await client.request(subject, '{"text":"x"}', { timeoutMs: 1_000 });
    return reply.string();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

const said = '{"text":"x"}';

/** Does it, and waits until the connection was closed. @returns how long that took, in ms */
async function untilPutOut(client: Connection, change: () => Promise<unknown>): Promise<number> {
  const count = countLosses(client);
  const startedAt = performance.now();
  await change();
  await eventually(() => count.losses > 0, { withinMs: 5_000, everyMs: 2 });
  return performance.now() - startedAt;
}

describe('a key that is in use at the broker', () => {
  it('is put out within two seconds when it is revoked, and comes in no more', async () => {
    const { key, secret } = await makeKey();
    const client = await connectKey(mesh, secret);
    expect(await invoke(client, 'echo')).toBe(said);
    expect(await untilPutOut(client, () => keeper.revokeKey(actor, key.prefix))).toBeLessThan(withinMs);
    expect(await isLetIn(mesh, secret)).toBe(false);
    expect(client.connected).toBe(false);
    await client.close();
  });

  it('is put out within two seconds after it has expired', async () => {
    const end = Date.now() + 1_500;
    const { secret } = await makeKey({ expires_at: new Date(end).toISOString() });
    const client = await connectKey(mesh, secret);
    await untilPutOut(client, () => Promise.resolve());
    expect(Date.now() - end).toBeGreaterThanOrEqual(0);
    expect(Date.now() - end).toBeLessThan(withinMs);
    expect(await isLetIn(mesh, secret)).toBe(false);
    await client.close();
  });

  it('is put out within two seconds when it is not for the broker any more', async () => {
    const { key, secret } = await makeKey();
    const client = await connectKey(mesh, secret);
    const change = { revision: key.revision, broker: false };
    expect(await untilPutOut(client, () => keeper.updateKey(actor, key.prefix, change))).toBeLessThan(
      withinMs,
    );
    expect(await isLetIn(mesh, secret)).toBe(false);
    await client.close();
  });

  it('has the scopes that it is given and loses those that are taken, on the connection that it has', async () => {
    const { key, secret } = await makeKey({ scopes: ['invoke:echo', 'invoke:other'] });
    const client = await connectKey(mesh, secret);
    expect([await invoke(client, 'echo'), await invoke(client, 'other')]).toEqual([said, said]);
    const less = { revision: key.revision, scopes: ['invoke:other'] };
    expect(await untilPutOut(client, () => keeper.updateKey(actor, key.prefix, less))).toBeLessThan(withinMs);
    await eventually(() => client.connected);
    expect([await invoke(client, 'echo'), await invoke(client, 'other')]).toEqual(['FORBIDDEN', said]);
    const { revision } = await keeper.getKey(key.prefix);
    await keeper.updateKey(actor, key.prefix, { revision, scopes: ['invoke'] });
    await eventually(async () => (await invoke(client, 'echo')) === said);
    await client.close();
  });

  it('loses what a role of it loses', async () => {
    await keeper.putRole(actor, 'crew', { scopes: ['invoke:echo', 'invoke:other'] });
    const { secret } = await makeKey({ scopes: [], roles: ['crew'] });
    const client = await connectKey(mesh, secret);
    expect(await invoke(client, 'echo')).toBe(said);
    const shrink = () => keeper.putRole(actor, 'crew', { scopes: ['invoke:other'] });
    expect(await untilPutOut(client, shrink)).toBeLessThan(withinMs);
    await eventually(() => client.connected);
    expect([await invoke(client, 'echo'), await invoke(client, 'other')]).toEqual(['FORBIDDEN', said]);
    await client.close();
  });

  it('does with its old secret until the grace after a rotation is over, and no longer', async () => {
    const { key, secret } = await makeKey();
    const client = await connectKey(mesh, secret);
    const rotated = await keeper.rotateKey(actor, key.prefix, { grace_secs: 3 });
    const end = Date.parse(rotated.key.old_secret_until ?? '');
    // It is put out once, because nobody knows with which secret it was let in, and comes back.
    expect(await isLetIn(mesh, secret)).toBe(true);
    await eventually(() => client.connected);
    await delay(Math.max(0, end - 500 - Date.now()));
    expect([client.connected, await invoke(client, 'echo')]).toEqual([true, said]);
    await untilPutOut(client, () => Promise.resolve());
    expect(Date.now() - end).toBeGreaterThanOrEqual(0);
    expect(Date.now() - end).toBeLessThan(withinMs);
    expect([await isLetIn(mesh, secret), await isLetIn(mesh, rotated.secret)]).toEqual([false, true]);
    expect(client.connected).toBe(false);
    await client.close();
  });

  it('does no more with its old secret at once when the rotation leaves no grace', async () => {
    const { key, secret } = await makeKey();
    const client = await connectKey(mesh, secret);
    let rotated = '';
    const rotate = async (): Promise<void> => {
      rotated = (await keeper.rotateKey(actor, key.prefix, { grace_secs: 0 })).secret;
    };
    expect(await untilPutOut(client, rotate)).toBeLessThan(withinMs);
    expect([await isLetIn(mesh, secret), await isLetIn(mesh, rotated)]).toEqual([false, true]);
    await client.close();
  });

  it('is not put out because it is used, or because another one changes', async () => {
    const [{ secret }, other] = await Promise.all([makeKey(), makeKey()]);
    const client = await connectKey(mesh, secret);
    const count = countLosses(client);
    const { revision } = other.key;
    await keeper.updateKey(actor, other.key.prefix, { revision, scopes: ['read'] });
    await keeper.revokeKey(actor, other.key.prefix);
    for (let i = 0; i < 3; i += 1) expect(await isLetIn(mesh, secret)).toBe(true);
    await delay(500);
    expect(count.losses).toBe(0);
    await client.close();
  });
});

describe('a change while no supervisor listens', () => {
  const changes: [string, (made: NewKey) => Promise<unknown>, boolean][] = [
    [
      'of its scopes',
      ({ key: { prefix, revision } }) => keeper.updateKey(actor, prefix, { revision, scopes: ['read'] }),
      true,
    ],
    ['of a role of it', () => keeper.putRole(actor, 'guest', { scopes: ['invoke:other'] }), true],
    ['of its secret', ({ key }) => keeper.rotateKey(actor, key.prefix, { grace_secs: 0 }), false],
    ['that revokes it', ({ key }) => keeper.revokeKey(actor, key.prefix), false],
  ];

  it('is found out by the next one, who leaves the others as they are', async () => {
    await keeper.putRole(actor, 'guest', { scopes: ['invoke:echo'] });
    const end = new Date(Date.now() + 600_000).toISOString();
    const orders = [{}, { scopes: [], roles: ['guest'] }, {}, {}];
    const made = await Promise.all(orders.map(makeKey));
    const unchanged = await Promise.all([
      makeKey(),
      makeKey({ scopes: ['read', 'invoke'], roles: ['viewer', 'operator'], expires_at: end }),
    ]);
    const inGrace = await makeKey({ expires_at: end });
    await keeper.rotateKey(actor, inGrace.key.prefix, { grace_secs: 300 });
    const connectAll = (keys: NewKey[]): Promise<Connection[]> =>
      Promise.all(keys.map(({ secret }) => connectKey(mesh, secret)));
    const changed = await connectAll(made);
    const others = await connectAll([...unchanged, inGrace]);
    const counts = [...changed, ...others].map(countLosses);
    await mesh.stopSupervisors();
    for (const [i, [, change]] of changes.entries()) await change(made[i]!);
    await delay(300);
    expect(counts.map(({ losses }) => losses)).toEqual(counts.map(() => 0));
    await supervise(mesh);
    await eventually(() => counts.slice(0, changed.length).every(({ losses }) => losses > 0));
    await eventually(() => changes.every(([, , comesBack], i) => changed[i]!.connected === comesBack));
    await delay(500);
    expect(changed.map(({ connected }) => connected)).toEqual(changes.map(([, , comesBack]) => comesBack));
    expect(await invoke(changed[0]!, 'echo')).toBe('FORBIDDEN');
    expect([await invoke(changed[1]!, 'echo'), await invoke(changed[1]!, 'other')]).toEqual([
      'FORBIDDEN',
      said,
    ]);
    expect(counts.slice(changed.length).map(({ losses }) => losses)).toEqual(others.map(() => 0));
    for (const client of [...changed, ...others]) await client.close();
  });
});

describe('an order that a key gives at the broker', () => {
  it('for everything at once is an order for nothing', async () => {
    const { secret } = await makeKey({ scopes: ['control'] });
    const client = await connectKey(mesh, secret);
    for (const id of ['*', '>']) {
      const reply = await client
        .request(subjects.control('stop', id), '{}', { timeoutMs: 2_000 })
        .catch(String);
      expect(typeof reply === 'string' ? reply : reply.string()).toMatch(/NOT_FOUND|INVALID|UNAVAILABLE/);
    }
    expect((await mesh.get('echo')).status).toBe('running');
    expect((await mesh.get('apikeys')).status).toBe('running');
    await client.close();
  });
});
