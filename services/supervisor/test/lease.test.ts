import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Kvm } from '@nats-io/kv';
import { buckets, leaseKey } from '@bkg/sdk';
import type { Lease as LeaseValue, Logger } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { eventually, silentLogger, startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { lockHome, ownIdentity } from '../src/home-lock.ts';
import { Lease } from '../src/lease.ts';

const timings = { leaseTtlMs: 1_200, leaseEveryMs: 150, fenceMs: 700 };
const noSignal = new AbortController().signal;

let server: TestServer;
const leases: Lease[] = [];

beforeAll(async () => {
  server = await startNatsServer();
});
afterAll(() => server.stop());
afterEach(async () => {
  for (const lease of leases.splice(0)) await lease.release();
  const kv = await bucket();
  await kv.purge(leaseKey);
});

const bucket = async () => new Kvm((await server.connect('looker')).nats).create(buckets.lease);
const holder = async () => (await (await bucket()).get(leaseKey))?.json<LeaseValue>();

async function make(onLost: (holder: LeaseValue) => void = () => undefined, log = silentLogger) {
  const connection = await server.connect('supervisor');
  const lease = new Lease({ connection, log, timings, onLost });
  leases.push(lease);
  return { lease, connection };
}

const elsewhere = (more: Partial<LeaseValue> = {}): string =>
  JSON.stringify({
    host: 'another-host',
    pid: 1,
    process_started: '1',
    epoch: 1,
    renewed_at: new Date().toISOString(),
    ...more,
  });

describe('the lease', () => {
  it('is taken at once when nobody has it, and renewed', async () => {
    const { lease } = await make();
    expect(lease.isHeld).toBe(false);
    await lease.acquire(noSignal);
    expect(lease.isHeld).toBe(true);
    const first = await holder();
    expect(first).toMatchObject({ host: hostname(), pid: process.pid });
    void lease.run();
    await eventually(async () => (await holder())!.renewed_at > first!.renewed_at);
    expect((await holder())?.epoch).toBe(first?.epoch);
  });

  it('is taken at once from a process of this host that is gone', async () => {
    const kv = await bucket();
    await kv.put(leaseKey, elsewhere({ host: hostname(), pid: 2_000_000_000, process_started: '7' }));
    const { lease } = await make();
    const startedAt = Date.now();
    await lease.acquire(noSignal);
    expect(Date.now() - startedAt).toBeLessThan(600);
  });

  it('is waited for while a living one has it, which is said once, and taken when that one gives it up', async () => {
    const { lease: first } = await make();
    await first.acquire(noSignal);
    void first.run();
    const said: string[] = [];
    const log = {
      warn: (_: object, text: string) => said.push(text),
      debug: () => undefined,
    } as unknown as Logger;
    const { lease: second } = await make(undefined, log);
    let acquired = false;
    const waiting = second.acquire(noSignal).then(() => (acquired = true));
    await delay(timings.leaseTtlMs + 200);
    expect(acquired).toBe(false);
    expect(said).toEqual([expect.stringContaining('this one waits until it is gone')]);
    await first.release();
    await waiting;
    expect([first.isHeld, second.isHeld]).toEqual([false, true]);
  });

  it('stays whose it is when another gives up to wait for it', async () => {
    const { lease: first } = await make();
    await first.acquire(noSignal);
    const { lease: second } = await make();
    const enough = new AbortController();
    const waiting = second.acquire(enough.signal);
    enough.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await second.release();
    expect(await holder()).toMatchObject({ pid: process.pid });
  });

  it('of another host is taken when it has not been renewed for its whole life', async () => {
    const kv = await bucket();
    await kv.put(leaseKey, elsewhere());
    const { lease } = await make();
    const startedAt = Date.now();
    await lease.acquire(noSignal);
    expect(Date.now() - startedAt).toBeGreaterThan(timings.leaseTtlMs - 100);
  });

  it('is not held any more once its renewal is too old, and is held again after the next', async () => {
    const { lease } = await make();
    await lease.acquire(noSignal);
    await delay(timings.fenceMs + 20);
    expect(lease.isHeld).toBe(false);
    await lease.renew();
    expect(lease.isHeld).toBe(true);
  });

  it('that another has taken is lost for good', async () => {
    const lost: LeaseValue[] = [];
    const { lease } = await make((other) => lost.push(other));
    await lease.acquire(noSignal);
    const kv = await bucket();
    await kv.put(leaseKey, elsewhere());
    await lease.renew();
    expect(lost).toMatchObject([{ host: 'another-host' }]);
    expect(lease.isHeld).toBe(false);
    await lease.renew();
    expect(lease.isHeld).toBe(false);
  });

  it('outlives a restart of the broker that forgets it', async () => {
    const { lease, connection } = await make(() => expect.unreachable());
    await lease.acquire(noSignal);
    await server.restart();
    await eventually(() => connection.connected);
    await lease.renew();
    expect(lease.isHeld).toBe(true);
    expect(await holder()).toMatchObject({ pid: process.pid });
  });

  it('that a restarted broker has forgotten is not taken from a holder that may still act', async () => {
    const kv = await bucket();
    await kv.put(leaseKey, elsewhere());
    const { lease } = await make();
    const acquired = lease.acquire(noSignal).then(() => Date.now());
    await delay(300);
    await server.restart();
    const restartedAt = Date.now();
    expect((await acquired) - restartedAt).toBeGreaterThan(300);
  });
});

describe('the lock of a home', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'bkg-lock-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const file = () => path.join(folder, 'supervisor.json');

  it('is one process’s at a time', async () => {
    const release = await lockHome(folder, silentLogger, noSignal);
    const said: string[] = [];
    const log = { warn: (_: object, text: string) => said.push(text) } as unknown as Logger;
    const waiting = lockHome(folder, log, noSignal);
    await eventually(() => said.length === 1);
    expect(said[0]).toContain(`another supervisor, process ${process.pid}`);
    release();
    (await waiting)();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['of a process that is gone', JSON.stringify({ pid: 2_000_000_000, start: '7' })],
    ['of another process with the same id', JSON.stringify({ pid: process.pid, start: 'earlier' })],
    ['that cannot be read', 'nonsense'],
    ['that is a folder', undefined],
  ])('%s is taken over at once, by one of many', async (_, text) => {
    if (text === undefined) mkdirSync(path.join(file(), 'in it'), { recursive: true });
    else writeFileSync(file(), text);
    const abort = new AbortController();
    const tries = Array.from({ length: 5 }, () => lockHome(folder, silentLogger, abort.signal));
    const release = await Promise.race(tries);
    setTimeout(() => abort.abort(new Error('enough')), 50);
    const outcomes = await Promise.allSettled(tries);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('names this process as the system does', () => {
    expect(ownIdentity()).toMatchObject({ pid: process.pid, start: expect.stringMatching(/^\d+$/) });
  });
});
