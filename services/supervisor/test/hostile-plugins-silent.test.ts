import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { manifest, problemOf } from './mesh.ts';
import { Neighbourhood } from './neighbourhood.ts';

const uselessLeastMs = 5_000;
const graceMs = 1_000;
const resources = { timeout_secs: 1 };
const hostile = (id: string, what: string) =>
  manifest(id, 'hostile.mjs', { config: { env: { HOSTILE: what }, resources } });

// Waiting for real times to pass, beside others who take the machine.
vi.setConfig({ testTimeout: 60_000 });

let quarter: Neighbourhood;

beforeAll(async () => {
  quarter = await Neighbourhood.create(
    [
      hostile('busy', ''),
      manifest('stuck', 'hostile.mjs', {
        config: { resources, limits: { max_concurrency: 2, max_queue: 2 } },
      }),
      { ...hostile('unready', 'never-ready'), start_timeout_secs: 1 },
      hostile('stubborn', 'ignores-term'),
      manifest('exits', 'exits.mjs'),
    ],
    { heartbeatMs: 500, uselessLeastMs, graceMs },
  );
});
afterAll(() => quarter?.[Symbol.asyncDispose]());

const shownError = (id: string, error: RegExp) =>
  eventually(
    async () => {
      const { status, instances } = await quarter.mesh.get(id);
      return status === 'error' && error.test(instances[0]?.error ?? '') && performance.now();
    },
    { withinMs: 20_000 },
  );

// Together, because most of their time is waiting.
describe('a plugin that does not serve', () => {
  it.concurrent(
    'because it blocks its event loop fails its callers by their deadlines, is shown, and is replaced',
    async () => {
      const { instances } = await quarter.mesh.order('start', 'busy');
      const { instance = '', pid = 0 } = instances[0] ?? {};
      const blockedAt = performance.now();
      const deadly = quarter.fails('busy', 'loop', { timeoutMs: 1_000 });
      const patient = quarter.fails('busy', 'say', { timeoutMs: 30_000 });
      expect((await deadly).code).toBe('DEADLINE_EXCEEDED');
      expect((await deadly).at - blockedAt).toBeLessThan(2_500);
      expect((await shownError('busy', /^no heartbeat since 20/)) - blockedAt).toBeLessThan(10_000);
      const diedAt = await quarter.died(pid);
      expect(diedAt - blockedAt).toBeGreaterThan(uselessLeastMs - 600);
      expect(await patient).toMatchObject({ code: 'PLUGIN_CRASHED' });
      expect((await patient).at - diedAt).toBeLessThan(3_000);
      expect(await quarter.announced(instance)).toMatchObject({ ended: 'crashed', others: [] });
      expect(await quarter.endOf('busy', instance)).toMatchObject({
        verdict: 'silent',
        text: expect.stringMatching(/^gave no sign of life for \d.* s and was killed$/),
      });
      await quarter.running('busy', instance);
      expect(await quarter.client.invoke('busy', 'say', { n: 1 })).toEqual({ n: 1 });
      await quarter.mesh.order('stop', 'busy');
    },
  );

  it.concurrent(
    'because its handlers never end says so when all its places are taken, and is replaced',
    async () => {
      const { instances } = await quarter.mesh.order('start', 'stuck');
      const { instance = '' } = instances[0] ?? {};
      const hangs = await Promise.all([1, 2].map(() => quarter.fails('stuck', 'hang', { timeoutMs: 1_000 })));
      expect(hangs.map(({ code }) => code)).toEqual(['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED']);
      // Its places are taken still.
      expect(await quarter.fails('stuck', 'say', { timeoutMs: 300 })).toMatchObject({
        code: 'DEADLINE_EXCEEDED',
      });
      await shownError(
        'stuck',
        /^all 2 places are taken by handlers that go on although their time was over$/,
      );
      expect(await quarter.announced(instance)).toMatchObject({ ended: 'crashed' });
      expect(await quarter.endOf('stuck', instance)).toMatchObject({
        verdict: 'silent',
        text: expect.stringMatching(
          /^said for \d.* s that it had failed, and was killed: all 2 places are taken/,
        ),
      });
      await quarter.running('stuck', instance);
      expect(await quarter.client.invoke('stuck', 'say', { n: 1 })).toEqual({ n: 1 });
      await quarter.mesh.order('stop', 'stuck');
    },
  );

  it.concurrent('because it never becomes ready is killed, each time it is tried', async () => {
    const { detail } = await problemOf(quarter.mesh.order('start', 'unready'));
    expect(detail).toMatch(/^unready was not ready within 1 s and was killed; starting it again/);
    const ends = await eventually(async () => {
      const { ends: now = [] } = await quarter.mesh.get('unready');
      return now.length >= 2 && now;
    });
    expect(ends.map(({ verdict }) => verdict)).toEqual(ends.map(() => 'not_ready'));
    expect(await quarter.announced(ends[0]?.instance ?? '')).toMatchObject({ ended: 'crashed' });
    await quarter.mesh.order('stop', 'unready');
  });

  it.concurrent('to whom SIGTERM says nothing is killed after its time', async () => {
    const { instances } = await quarter.mesh.order('start', 'stubborn');
    const { instance = '' } = instances[0] ?? {};
    await quarter.mesh.order('stop', 'stubborn');
    expect(await quarter.announced(instance)).toMatchObject({ ended: 'crashed' });
    expect(await quarter.endOf('stubborn', instance)).toMatchObject({
      verdict: 'grace_over',
      text: 'did not end within 1 s after SIGTERM and was killed',
      output: expect.arrayContaining(['SIGTERM? no']),
    });
    // It was stopped, and stays so.
    expect(await quarter.mesh.order('stop', 'stubborn')).toMatchObject({ status: 'stopped', instances: [] });
  });
});

describe('a plugin that ends at once', () => {
  it('stays down with its last lines until somebody starts it, whichever supervisor acts', async () => {
    await problemOf(quarter.mesh.order('start', 'exits'));
    const isDown = () =>
      eventually(async () => {
        const info = await quarter.mesh.get('exits');
        return info.restarts?.stays_down && info.ends?.[0]?.output && info;
      });
    const down = await isDown();
    expect(down).toMatchObject({
      status: 'error',
      error: expect.stringMatching(/^ended with code 7; it failed 6 times in a row and stays down until/),
      restarts: { failures: 6, stays_down: true },
    });
    expect(down.ends).toHaveLength(5);
    expect(down.ends?.map(({ verdict, text }) => `${verdict}: ${text}`)).toEqual(
      Array.from({ length: 5 }, () => 'crashed: ended with code 7'),
    );
    expect(down.ends?.[0]?.output).toEqual(expect.arrayContaining(['line 30', 'it went wrong']));
    expect(down.ends?.[0]?.output).toHaveLength(20);
    const starts = async () =>
      (await quarter.mesh.messages('exits', { lines: 1_000 })).filter((line) =>
        line.startsWith('exits 1.0.0'),
      ).length;
    expect(await starts()).toBe(6);
    const kept = path.join(quarter.mesh.home, 'run/failures/exits.json');
    expect(existsSync(kept)).toBe(true);
    await quarter.withoutList(async () => {
      await quarter.mesh.stopSupervisors();
      await quarter.mesh.supervise({ heartbeatMs: 500, uselessLeastMs, graceMs });
    });
    const after = await isDown();
    const { status, error, restarts, ends } = down;
    expect(after).toEqual({ ...after, status, error, restarts, ends });
    // Time enough for its first try, if there were one.
    await quarter.running('neighbour');
    expect(await starts()).toBe(6);
    await problemOf(quarter.mesh.order('start', 'exits'));
    expect(await starts()).toBeGreaterThan(6);
    await quarter.mesh.order('stop', 'exits');
    expect(existsSync(kept)).toBe(false);
  });
});

it('nothing is left of them, their neighbour has lost no invocation, and the supervisor has answered all the time', async () => {
  await eventually(async () => (await quarter.leftovers()).length === 0).catch(() => undefined);
  expect(await quarter.leftovers()).toEqual([]);
  expect(await quarter.complaints()).toEqual([]);
});
