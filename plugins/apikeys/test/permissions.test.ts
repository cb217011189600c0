import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger, gatewayPermissions, Instance, instancePermissions, subjects } from '@bkg/sdk';
import type { Connection, Permissions } from '@bkg/sdk';
import { createKey, hashSecret, Keeper } from '@bkg/sdk/access';
import { eventually, startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { createApikeys } from '../src/apikeys.ts';
import { Clock } from './apikeys-mesh.ts';
import { actor, proofOf } from './apikeys-mesh.ts';

const instance = 'i1';
const pass = 'pass';
let server: TestServer;

const user = (name: string, { publish, subscribe }: Permissions): string =>
  `{ user: "${name}", password: "${pass}", permissions: ${JSON.stringify({ publish, subscribe })} }`;

beforeEach(async () => {
  // A second `authorization` takes the place of the first.
  const users = [
    user('keeper', instancePermissions({ plugin: 'apikeys', instance, needs: [] })),
    user('gateway', gatewayPermissions()),
  ];
  server = await startNatsServer({ config: `authorization { users: [${users.join(',')}] }` });
});
afterEach(() => server.stop());

const connect = (name: string, identity: string[]): Promise<Connection> =>
  server.connect(name, { credentials: { user: name, password: pass }, identity });

describe('with what the broker lets an instance of apikeys and a gateway do', () => {
  it('everything works, also the sweep of what was removed', async () => {
    const refused: string[] = [];
    const destination = { write: (line: string) => void (line.includes('"error"') && refused.push(line)) };
    const connection = await server.connect('keeper', {
      credentials: { user: 'keeper', password: pass },
      identity: ['apikeys', instance],
      log: createLogger({}, { destination }),
    });
    const gateway = await connect('gateway', ['gateway']);
    const clock = new Clock();
    const plugin = createApikeys({ now: clock.now, sweepEveryMs: 50, usesEveryMs: 50, removalKeptMs: 0 });
    const running = new Instance(plugin, { connection, instance, log: createLogger({}, { destination }) });
    await running.start();
    const keeper = new Keeper(gateway);
    const events: string[] = [];
    gateway.subscribe(subjects.keyChanged('*'), { callback: (_, msg) => void events.push(msg.string()) });
    const { prefix, secret } = createKey();
    await keeper.ensureAdmin({ prefix, hash: hashSecret(secret) });
    const made = await keeper.createKey(actor, { name: 'a', scopes: ['read'] });
    const rotated = await keeper.rotateKey(actor, made.key.prefix);
    const { ticket } = await keeper.createTicket(actor, proofOf(rotated.secret));
    const answer = await keeper.createSession(actor, { ticket_hash: hashSecret(ticket) });
    expect(answer).toHaveProperty('session');
    await keeper.revokeKey(actor, made.key.prefix);
    expect(await keeper.verifyKey(proofOf(rotated.secret))).toEqual({ refused: 'revoked' });
    await eventually(() => events.some((event) => event.includes('revoked')));
    clock.aheadMs += 100 * 86_400_000;
    await eventually(async () => (await keeper.listKeys()).length === 1);
    // Nobody keeps the audit here, so that what waits for it is written to the log at the end.
    await running.drain();
    expect(refused.filter((line) => /permission/i.test(line))).toEqual([]);
  });
});
