import { describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection.ts';
import { problemOfMsg } from '../../src/problem.ts';
import { headerNames, subjects } from '../../src/protocol/index.ts';
import { createToken } from '../../src/token.ts';
import { createEcho } from '../echo.ts';
import { limits, ReelMesh } from './mesh.ts';
import { RawCall } from './raw-call.ts';
import { UploadCall } from './upload-call.ts';
import { Instance } from '../../src/instance.ts';
import { silentLogger } from '../../src/testing.ts';

const mesh = new ReelMesh();

/** The same again, under an id that was used before. */
function again(connection: Connection, capability: string, payload: unknown, id: string, window?: number) {
  return new RawCall(connection, capability, {
    payload,
    headers: { [headerNames.invocationId]: id },
    ...(window !== undefined && { window }),
  });
}

describe('an invocation id that is used again', () => {
  it('gets the same reply, and nothing runs', async () => {
    const { seen, instance } = await mesh.start();
    const id = createToken();
    for (let i = 0; i < 3; i += 1) {
      const reply = await again(mesh.caller, 'say', { text: 'once' }, id).last();
      expect(reply.json()).toEqual({ text: 'once' });
    }
    expect(seen).toEqual(['once']);
    // The repetitions are no requests of their own.
    expect([instance.telemetry().request_count, instance.telemetry().error_count]).toEqual([1, 0]);
  });

  it('gets the same failure', async () => {
    const { plugin, started } = createEcho();
    const connection = await mesh.server.connect('echo');
    const instance = new Instance(plugin, { connection, log: silentLogger });
    await instance.start();
    const id = createToken();
    const headers = { [headerNames.invocationId]: id, [headerNames.timeoutMs]: '50' };
    const subject = subjects.invokeCapability('echo', 'text.wait');
    for (let i = 0; i < 2; i += 1) {
      const reply = await mesh.caller.request(subject, '{"ms":200}', { timeoutMs: 5_000, headers });
      expect(problemOfMsg(reply)).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
      expect(reply.headers?.get(headerNames.errorCode)).toBe('504');
    }
    expect(started).toEqual([id]);
    await instance.drain();
  });

  it('is a conflict for another payload or capability', async () => {
    const { seen, instance } = await mesh.start();
    const id = createToken();
    await again(mesh.caller, 'say', { text: 'once' }, id).last();
    for (const [capability, payload] of [
      ['say', { text: 'else' }],
      ['hash', { text: 'once' }],
    ] as const) {
      const problem = await again(mesh.caller, capability, payload, id).problem();
      expect(problem).toMatchObject({ code: 'CONFLICT', retryable: false });
      expect(problem.detail).toBe(
        `The invocation ${id.slice(0, 8)} was another one, with another capability or payload: choose a new id.`,
      );
    }
    expect([seen, instance.telemetry().request_count]).toEqual([['once'], 3]);
  });

  it('is a conflict after a stream, an upload or a large answer', async () => {
    const { seen } = await mesh.start();
    const stream = mesh.call('count', { window: 8, payload: { to: 1 } });
    await stream.last();
    const sent = new UploadCall(mesh.caller, 'hash');
    await sent.wanted();
    sent.end('x');
    await sent.call.last();
    const text = 'x'.repeat(200_000);
    const large = mesh.call('say', { payload: { text } });
    await large.last();
    const ran = seen.length;
    for (const call of [
      again(mesh.caller, 'count', { to: 1 }, stream.id, 8),
      again(mesh.caller, 'hash', '', sent.call.id),
      again(mesh.caller, 'say', { text }, large.id),
    ]) {
      expect(await call.problem()).toMatchObject({
        code: 'CONFLICT',
        detail: expect.stringContaining('has run already, and its answer is not kept'),
      });
    }
    expect(seen).toHaveLength(ran);
  });

  it('runs when the first was not executed', async () => {
    const { seen } = await mesh.start({ config: limits({ max_concurrency: 1, max_queue: 0 }) });
    const id = createToken();
    expect(await again(mesh.caller, 'say', { text: 7 }, id).problem()).toMatchObject({
      code: 'INVALID_PAYLOAD',
    });
    const holder = mesh.call('forever', { window: 1 });
    await holder.came(1);
    const busy = await again(mesh.caller, 'say', { text: 'once' }, id).problem();
    expect(busy.code).toBe('BUSY');
    holder.cancel();
    await holder.last();
    expect((await again(mesh.caller, 'say', { text: 'once' }, id).last()).json()).toEqual({ text: 'once' });
    expect(seen.filter((one) => one === 'once')).toHaveLength(1);
  });

  it('is its own affair when nobody has given one', async () => {
    const { seen } = await mesh.start();
    const subject = subjects.invokeCapability('reel', 'say');
    for (let i = 0; i < 2; i += 1) await mesh.caller.request(subject, '{"text":"x"}', { timeoutMs: 5_000 });
    expect(seen).toEqual(['x', 'x']);
  });
});

describe('a reply BUSY', () => {
  it('names the instance that has no place', async () => {
    const { instance } = await mesh.start({ config: limits({ max_concurrency: 1, max_queue: 0 }) });
    const holder = mesh.call('forever', { window: 1 });
    await holder.came(1);
    const reply = await mesh.call('say', { payload: { text: 'x' } }).last();
    expect(problemOfMsg(reply)).toMatchObject({ code: 'BUSY', retryable: true });
    expect(reply.headers?.get(headerNames.instance)).toBe(instance.id);
    holder.cancel();
    const failed = await holder.last();
    expect(failed.headers?.get(headerNames.instance)).toBe('');
  });
});
