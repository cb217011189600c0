import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { expect, it } from 'vitest';
import { hashSecret } from '@bkg/sdk/access';
import { eventually, silentLogger, startNatsServer } from '@bkg/sdk/testing';
import { Store } from '../src/store.ts';
import { sweep } from '../src/sweep.ts';

it('is not done before all is gone, however much there is', async () => {
  const server = await startNatsServer();
  const connection = await server.connect('apikeys');
  const { signal } = new AbortController();
  const store = await Store.open({ connection, log: silentLogger, onChange: () => undefined }, signal);
  try {
    const past = new Date(0).toISOString();
    const over = JSON.stringify({ prefix: 'Kaaaaaaaaa', key_hash: '', created_at: past, expires_at: past });
    const client = jetstream(connection.nats);
    const names = Array.from({ length: 1_200 }, (_, n) => `$KV.bkg_keys.session.${hashSecret(String(n))}`);
    await Promise.all(names.map((name) => client.publish(name, over)));
    await eventually(() => store.all('session').size === names.length);
    // The removals of a moment ago count as old.
    await sweep(store, { now: Date.now(), removalKeptMs: -60_000, signal });
    expect(store.all('session').size).toBe(0);
    const { state } = await (await jetstreamManager(connection.nats)).streams.info('KV_bkg_keys');
    // The mark.
    expect(state.messages).toBe(1);
  } finally {
    await store.close();
    await server.stop();
  }
}, 60_000);
