import { Bucket as KvBucket } from '@nats-io/kv';
import { afterEach, expect, it, vi } from 'vitest';
import { startNatsServer } from '@bkg/sdk/testing';
import { Bucket } from '../src/bucket.ts';

afterEach(() => vi.restoreAllMocks());

it('forgets that keys were removed, and nothing that was written to them since it looked', async () => {
  const server = await startNatsServer();
  try {
    const connection = await server.connect('supervisor');
    const bucket = new Bucket(connection, 'test', { storage: 'memory', history: 1 });
    for (const key of ['stays', 'gone', 'back']) await bucket.put(key, '{}');
    for (const key of ['gone', 'back']) await bucket.remove(key);
    expect(await bucket.read('gone')).toBe('removed');
    const spy = vi.spyOn(KvBucket.prototype, 'history');
    spy.mockImplementationOnce(async function (this: KvBucket, options) {
      const found = await this.history(options);
      const entries = await Array.fromAsync(found);
      await bucket.put('back', '"anew"');
      return Object.assign(entries, { stop: () => undefined }) as unknown as typeof found;
    });
    // The removals of a moment ago count as old.
    await bucket.forgetRemoved(-1_000);
    expect(await bucket.read('gone')).toBeUndefined();
    expect(await bucket.read('back')).toMatchObject({ value: 'anew' });
    expect(await bucket.read('stays')).toMatchObject({ value: {} });
  } finally {
    await server.stop();
  }
});

it('does not wait for keys that the broker does not give', async () => {
  const server = await startNatsServer();
  try {
    const connection = await server.connect('supervisor');
    const bucket = new Bucket(connection, 'test', { storage: 'memory', history: 1 });
    const { promise, reject } = Promise.withResolvers<never>();
    const endless = { stop: reject, [Symbol.asyncIterator]: () => ({ next: () => promise }) };
    const spy = vi.spyOn(KvBucket.prototype, 'keys');
    spy.mockResolvedValueOnce(endless as unknown as Awaited<ReturnType<KvBucket['keys']>>);
    await expect(bucket.keys()).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: 'The broker does not give the keys of test.',
    });
  } finally {
    await server.stop();
  }
});
