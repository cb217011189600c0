import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Kvm } from '@nats-io/kv';
import type { KV } from '@nats-io/kv';
import { buckets } from '@bkg/sdk';
import type { RegistryEntry } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { eventually, silentLogger, startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { RegistryBucket } from '../src/registry-bucket.ts';

let server: TestServer;
let kv: KV;
let registry: RegistryBucket;

beforeEach(async () => {
  server = await startNatsServer();
  const { nats } = await server.connect('looker');
  kv = await new Kvm(nats).create(buckets.registry, { storage: 'memory', history: 1 });
});
afterEach(async () => {
  registry.close();
  await server.stop();
});

/** It knows one plugin. */
async function open(mayWrite: () => boolean): Promise<void> {
  registry = new RegistryBucket({
    connection: await server.connect('supervisor'),
    log: silentLogger,
    entryOf: (id) => (id === 'echo' ? ({ id, status: 'ours' } as unknown as RegistryEntry) : undefined),
    isKnown: (id) => id === 'echo',
    mayWrite,
    everyMs: 20,
  });
}
const text = async (id: string) => (await kv.get(id))?.string();

describe('the registry’s bucket', () => {
  it('is not written while another supervisor may act, and is as soon as none may', async () => {
    let isHeld = false;
    await open(() => isHeld);
    await kv.put('echo', 'theirs');
    await kv.put('gone', 'theirs');
    registry.changed('echo');
    registry.changed('gone');
    registry.writeAll();
    await delay(200);
    expect([await text('echo'), await text('gone')]).toEqual(['theirs', 'theirs']);
    isHeld = true;
    await eventually(async () => (await text('echo'))?.includes('ours'));
    await eventually(async () => (await kv.get('gone'))?.operation === 'PURGE');
  });

  it('is not written when another supervisor may act after the wait for it', async () => {
    let looks = 0;
    await open(() => (looks += 1) % 2 === 1);
    registry.changed('echo');
    await eventually(() => looks > 6);
    expect(await text('echo')).toBeUndefined();
  });

  it('is not tidied while another supervisor may act', async () => {
    let isHeld = false;
    await open(() => isHeld);
    await kv.put('gone', 'theirs');
    const ending = new AbortController();
    const tidying = registry.keepTidy({ firstMs: 10, everyMs: 20, signal: ending.signal });
    await delay(200);
    expect(await text('gone')).toBe('theirs');
    isHeld = true;
    await eventually(async () => (await kv.get('gone'))?.operation === 'PURGE');
    ending.abort(new Error('enough'));
    await tidying;
  });
});
