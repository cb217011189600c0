import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BkgError, headerNames, subjects } from '@bkg/sdk';
import type { Rollout } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { Broker } from '../src/mesh/broker.ts';
import { startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { announce, invoke, never, Taker, told } from './single-writer.ts';
import { cancelsOf, connectWs } from './ws-peer.ts';
import type { WsPeer } from './ws-peer.ts';

/** Over one socket, so that they arrive in this order. */
function send(peer: WsPeer, id: string, calls: { id: string; [member: string]: unknown }[]): void {
  for (const one of calls) {
    peer.send({ op: 'invoke', plugin: id, capability: 'echo', payload: one.id, ...one });
  }
}

/** The gateway's connections for plugins. */
const lanes = new Map<string, Broker>();

/** Whatever was sent on this socket before has found nobody by now. */
async function settled(peer: WsPeer): Promise<void> {
  const last = { op: 'invoke', id: 'last', plugin: 'asleep', capability: 'echo' };
  await peer.ask(last, 'error');
  await Promise.all([...lanes.values()].map((lane) => lane.flush()));
  await turn();
}

const numbers = (count: number): { id: string }[] =>
  Array.from({ length: count }, (_, i) => ({ id: `${i}` }));
const ids = (count: number): string[] => numbers(count).map(({ id }) => id);

describe('an invocation of a single_writer plugin that nobody takes', () => {
  let mesh: TestMesh;
  let peer: WsPeer;
  beforeAll(async () => {
    mesh = await startMesh({ hold: { retryMs: never } });
    const { broker } = mesh.app;
    vi.spyOn(broker, 'beside').mockImplementation((use) => {
      const lane = Broker.prototype.beside.call(broker, use);
      lanes.set(use, lane);
      return lane;
    });
    await told(mesh, 'asleep', 'stopped');
    peer = await connectWs(mesh);
  });
  afterAll(async () => {
    await peer[Symbol.asyncDispose]();
    await mesh[Symbol.asyncDispose]();
  });

  it.each(['stopping', 'starting', 'running'] as const)(
    'is held while it is %s, and answered once when an instance is there',
    async (status) => {
      const id = `db-${status}`;
      await told(mesh, id, status);
      const overHttp = invoke(mesh, id, { timeoutMs: 20_000 });
      const overWs = peer.ask(
        { op: 'invoke', id, plugin: id, capability: 'echo', payload: 7, timeout_ms: 20_000 },
        'result',
      );
      await delay(200);
      const taker = await Taker.start(mesh, id);
      const { status: httpStatus, ms } = await overHttp;
      expect([httpStatus, (await overWs).output]).toEqual([200, 7]);
      expect(ms).toBeLessThan(3_000);
      expect(taker.got).toHaveLength(2);
      for (const msg of taker.got) {
        const left = Number(msg.headers?.get(headerNames.timeoutMs));
        // What is left of its time, not all of it again.
        expect(left).toBeLessThan(19_900);
        expect(left).toBeGreaterThan(15_000);
      }
      await taker.end();
    },
  );

  it('waits for an instance that takes invocations, not for one that is held itself', async () => {
    await told(mesh, 'db-held', 'starting');
    send(peer, 'db-held', [{ id: 'h' }]);
    await settled(peer);
    const taker = new Taker(mesh, 'db-held');
    await mesh.peer.nats.flush();
    announce(mesh, 'db-held', { status: 'starting', held: true });
    mesh.peer.publish(subjects.event('db-held', 'x', 'status'), 'garbage');
    await delay(150);
    expect(taker.got).toEqual([]);
    announce(mesh, 'db-held');
    await eventually(() => peer.of('result', 'h').length === 1);
    await taker.end();
  });

  it('is sent too when the registry says that the plugin runs', async () => {
    await told(mesh, 'db-entry', 'starting');
    send(peer, 'db-entry', [{ id: 'e' }]);
    await settled(peer);
    const taker = new Taker(mesh, 'db-entry');
    await mesh.peer.nats.flush();
    await told(mesh, 'db-entry', 'running');
    await eventually(() => peer.of('result', 'e').length === 1);
    await taker.end();
  });

  it('goes on waiting while the connection of its plugin is lost', async () => {
    await told(mesh, 'db-cut', 'starting');
    send(
      peer,
      'db-cut',
      numbers(3).map(({ id }) => ({ id: `cut-${id}`, payload: id })),
    );
    await settled(peer);
    // Back it would be within a tenth of a second.
    const lane = lanes.get('db-cut');
    if (!lane) throw new Error('it has no connection');
    const lost = [
      vi.spyOn(lane, 'connected', 'get').mockReturnValue(false),
      vi.spyOn(lane, 'request').mockImplementation(() => Promise.reject(lane.awayError())),
    ];
    announce(mesh, 'db-cut');
    await mesh.peer.flush();
    await mesh.app.broker.flush();
    await delay(50);
    for (const spy of lost) spy.mockRestore();
    expect(ids(3).flatMap((id) => peer.of('error', `cut-${id}`))).toEqual([]);
    const taker = await Taker.start(mesh, 'db-cut');
    await eventually(() => taker.got.length === 3);
    expect(taker.payloads).toEqual(ids(3));
    await taker.end();
  });

  it('keeps its place among the others', async () => {
    await told(mesh, 'db-order', 'stopping');
    send(peer, 'db-order', numbers(60));
    await settled(peer);
    const taker = await Taker.start(mesh, 'db-order');
    await eventually(() => taker.got.length === 60);
    expect(taker.payloads).toEqual(ids(60));
    await taker.end();
  });

  it('keeps its place too when their bodies are many megabytes', async () => {
    await told(mesh, 'db-large', 'stopping');
    const text = 'x'.repeat(400_000);
    send(
      peer,
      'db-large',
      numbers(12).map(({ id }) => ({ id: `large-${id}`, payload: `${id}:${text}` })),
    );
    await settled(peer);
    const taker = await Taker.start(mesh, 'db-large');
    await eventually(() => taker.got.length === 12);
    expect(taker.payloads).toEqual(ids(12).map((id) => `${id}:${text}`));
    await eventually(() => ids(12).every((id) => peer.of('result', `large-${id}`).length === 1));
    await taker.end();
  });

  it('goes back to its place when the instance is gone again, and never runs twice', async () => {
    await told(mesh, 'db-again', 'starting');
    send(peer, 'db-again', numbers(10));
    await settled(peer);
    const first = await Taker.start(mesh, 'db-again', { most: 3 });
    await eventually(() => first.got.length === 3);
    await delay(100);
    const second = await Taker.start(mesh, 'db-again');
    await eventually(() => second.got.length === 7);
    expect([...first.payloads, ...second.payloads]).toEqual(ids(10));
    await second.end();
  });

  it('does not wait behind one whose capability nobody serves', async () => {
    await told(mesh, 'db-part', 'running', { capabilities: ['broken', 'echo'] });
    send(peer, 'db-part', [{ id: 'broken', capability: 'broken' }, { id: 'fine' }, { id: 'too' }]);
    await settled(peer);
    const taker = await Taker.start(mesh, 'db-part', { capability: 'echo' });
    await eventually(() => peer.of('result', 'fine').length === 1 && peer.of('result', 'too').length === 1);
    expect(peer.of('error', 'broken')).toEqual([]);
    await peer.ask({ op: 'cancel', id: 'broken' }, 'error');
    await taker.end();
  });

  it('fails with 503 as soon as the plugin is stopped', async () => {
    await told(mesh, 'db-stop', 'stopping');
    const invoked = invoke(mesh, 'db-stop');
    await delay(150);
    await told(mesh, 'db-stop', 'stopped');
    const { status, problem, ms } = await invoked;
    expect([status, problem.code, problem.retryable]).toEqual([503, 'PLUGIN_UNAVAILABLE', true]);
    expect(problem.detail).toMatch(
      /^db-stop is stopped; .* It was held for \d+ ms, because nobody took it\.$/,
    );
    expect(ms).toBeLessThan(2_000);
  });

  it('fails with 404 when the plugin is gone', async () => {
    await told(mesh, 'db-gone', 'stopping');
    const invoked = invoke(mesh, 'db-gone');
    await delay(100);
    await mesh.supervisor.remove('db-gone');
    const { status, problem } = await invoked;
    expect([status, problem.code]).toEqual([404, 'PLUGIN_NOT_FOUND']);
  });

  it('fails with 504 when its own time is over, and is sent to nobody afterwards', async () => {
    await told(mesh, 'db-late', 'starting');
    const cancels = await cancelsOf(mesh, 'db-late');
    const { status, problem, ms } = await invoke(mesh, 'db-late', { timeoutMs: 300 });
    expect([status, problem.code]).toEqual([504, 'DEADLINE_EXCEEDED']);
    expect(problem.detail).toMatch(
      /^echo of db-late did not answer within 300 ms\. It was held for \d+ ms, because nobody took it\.$/,
    );
    // Not half a second later, as for an instance that may be about to say so itself.
    expect(ms).toBeLessThan(800);
    const taker = await Taker.start(mesh, 'db-late');
    await delay(100);
    expect([taker.got, cancels]).toEqual([[], []]);
    await taker.end();
  });

  it('fails with 499 when its caller cancels it, and is sent to nobody afterwards', async () => {
    await told(mesh, 'db-cancel', 'starting');
    send(peer, 'db-cancel', [{ id: 'c' }]);
    const leaving = new AbortController();
    const invoked = invoke(mesh, 'db-cancel', { signal: leaving.signal });
    await settled(peer);
    await delay(100);
    leaving.abort();
    await expect(invoked).rejects.toThrow();
    const { problem } = await peer.ask({ op: 'cancel', id: 'c' }, 'error');
    expect(problem).toMatchObject({ code: 'CANCELLED', status: 499 });
    expect(problem.detail).toMatch(/cancelled by its caller\. It was held for \d+ ms/);
    const taker = await Taker.start(mesh, 'db-cancel');
    await delay(100);
    expect(taker.got).toEqual([]);
    await taker.end();
  });

  it('says why its caller may not wait any longer', async () => {
    await told(mesh, 'db-revoked', 'starting');
    const controller = new AbortController();
    const call = {
      pluginId: 'db-revoked',
      capability: 'echo',
      body: Buffer.from('1'),
      contentType: undefined,
      invocationId: 'revoked',
      isIdChosen: false,
      timeoutMs: 5_000,
      traceparent: '',
      tracestate: undefined,
      mayRead: true,
    };
    const answer = mesh.app.invocations.run(call, controller);
    await delay(100);
    controller.abort(new BkgError('UNAUTHENTICATED', 'This API key was revoked. Use another one.'));
    const refusal = { code: 'UNAUTHENTICATED', message: expect.stringContaining('was revoked') as unknown };
    await expect(answer).rejects.toMatchObject(refusal);
  });

  it('is held while there is no instance in the midst of a rollout', async () => {
    const rollout = { state: 'running' } as Rollout;
    await told(mesh, 'db-between', 'error', { rollout });
    send(peer, 'db-between', [{ id: 'between' }]);
    await settled(peer);
    await told(mesh, 'db-between', 'error', { rollout: { ...rollout, state: 'failed' } });
    await eventually(() => peer.of('error', 'between').length === 1);
    expect(peer.of('error', 'between')[0]?.problem).toMatchObject({
      code: 'PLUGIN_UNAVAILABLE',
      status: 503,
    });
  });

  it.each([
    ['stopped', {}, 503],
    ['error', {}, 503],
    ['starting', { single_writer: false }, 503],
    ['running', { single_writer: false }, 503],
    ['running', { capabilities: ['other'] }, 404],
  ] as const)('is not held when it is %s with %o: %i at once', async (status, changes, expected) => {
    const id = 'db-not';
    await told(mesh, id, status, {
      ...changes,
      capabilities: [...('capabilities' in changes ? changes.capabilities : ['echo'])],
    });
    const { status: httpStatus, problem, ms } = await invoke(mesh, id);
    expect(httpStatus).toBe(expected);
    expect(problem.detail).not.toContain('held');
    expect(ms).toBeLessThan(1_000);
  });
});
