import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Keeper } from '../../src/access/keeper.ts';
import type { Connection } from '../../src/connection.ts';
import { InvocationError } from '../../src/client/errors.ts';
import { BkgError } from '../../src/protocol/errors.ts';
import { delay } from '../../src/host/delay.ts';
import { startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { codeOf, KeeperPlugin, principal } from './keeper-plugin.ts';

let server: TestServer;
let connection: Connection;
let keeper: Keeper;
const proof = { prefix: 'Kaaaaaaaaa', hash: '0'.repeat(64) };

beforeEach(async () => {
  server = await startNatsServer({ jetstream: false });
  connection = await server.connect('gateway');
  keeper = new Keeper(connection);
});
afterEach(() => server.stop());

describe('a keeper', () => {
  it('gives what the plugin answers', async () => {
    const plugin = await new KeeperPlugin().start(server);
    expect(await keeper.verifyKey(proof)).toEqual({ principal: principal('Kaaaaaaaaa') });
    plugin.verify = () => ({ refused: 'expired' });
    expect(await keeper.verifyKey(proof)).toEqual({ refused: 'expired' });
    expect(await keeper.listRoles()).toEqual([]);
  });

  it('throws what the plugin fails with, by its code', async () => {
    await new KeeperPlugin().start(server);
    const failure = keeper.getKey('Kaaaaaaaaa');
    await expect(failure).rejects.toThrow(InvocationError);
    await expect(keeper.getKey('Kaaaaaaaaa')).rejects.toMatchObject({
      code: 'APIKEYS_NOT_FOUND',
      problem: { status: 404 },
    });
    expect(await codeOf(keeper.createTicket({ who: 'bkg', via: 'mesh', from: '' }, proof))).toBe(
      'CAPABILITY_NOT_FOUND',
    );
  });

  it('passes on how long to wait', async () => {
    const plugin = await new KeeperPlugin().start(server);
    plugin.verify = () => {
      throw new BkgError('RATE_LIMITED', 'slower, please', { retryAfterSecs: 7 });
    };
    await expect(keeper.verifyKey(proof)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSecs: 7 });
  });

  it('says that nobody keeps the keys when nobody does', async () => {
    await expect(keeper.verifyKey(proof)).rejects.toMatchObject({
      code: 'PLUGIN_UNAVAILABLE',
      message: expect.stringContaining('the plugin apikeys does not run'),
    });
  });

  it('waits no longer than it is told', async () => {
    const plugin = await new KeeperPlugin().start(server);
    plugin.verify = async () => {
      await delay(5_000);
      return { refused: 'unknown' };
    };
    expect(await codeOf(keeper.verifyKey(proof, { timeoutMs: 50 }))).toBe('DEADLINE_EXCEEDED');
    expect(await codeOf(keeper.verifyKey(proof, { signal: AbortSignal.timeout(50) }))).toBe('CANCELLED');
  });
});
