import { describe, expect, it } from 'vitest';
import { jetstreamManager } from '@nats-io/jetstream';
import { BkgError, NoRespondersError, subjects } from '@bkg/sdk';
import type { AuditEvent, Connection } from '@bkg/sdk';
import { eventually, silentLogger, startNatsServer } from '@bkg/sdk/testing';
import { AuditStream, auditStream } from '../src/audit/audit-stream.ts';
import { AuditWriter } from '../src/audit/audit-writer.ts';
import type { AuditWriterOptions } from '../src/audit/audit-writer.ts';
import { auditEvent, heardLogger } from './audit-kit.ts';

type Asker = AuditWriterOptions['asker'];
type Reply = Awaited<ReturnType<Connection['request']>>;

const { time: _time, ...untimed } = auditEvent();
const replyOf = (value: unknown): Reply => ({ json: () => value }) as unknown as Reply;
const stored = replyOf({ stream: auditStream, seq: 1 });
/** Answers in turn; the last of them again and again. */
function askerOf(...answers: (() => Promise<Reply>)[]): Asker & { asked: { data: string; id: string }[] } {
  const asked: { data: string; id: string }[] = [];
  return {
    asked,
    request: (_subject, data, options) => {
      asked.push({ data: String(data), id: options.headers?.['Nats-Msg-Id'] ?? '' });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      return (answer as () => Promise<Reply>)();
    },
  };
}

describe('a writer of audit events', () => {
  it('has the broker store them, in their order and with their time', async () => {
    await using server = await startNatsServer();
    const connection = await server.connect('supervisor');
    const writer = new AuditWriter({ asker: connection, log: silentLogger });
    // The stream is not there yet.
    for (let i = 0; i < 20; i += 1) writer.write({ ...untimed, target: `p${i}` });
    await new AuditStream({ connection, log: silentLogger }).ensure();
    const manager = await jetstreamManager(connection.nats);
    await eventually(async () => (await manager.streams.info(auditStream)).state.messages === 20);
    await writer.close();
    expect(writer.dropped).toBe(0);
    for (let i = 0; i < 20; i += 1) {
      const event = (await manager.streams.getMessage(auditStream, { seq: i + 1 }))?.json<AuditEvent>();
      expect(event).toEqual({ ...untimed, target: `p${i}`, time: expect.stringMatching(/^20.*Z$/) });
    }
  });

  it('repeats what was not acknowledged, and the broker knows it again', async () => {
    await using server = await startNatsServer();
    const connection = await server.connect('supervisor');
    await new AuditStream({ connection, log: silentLogger }).ensure();
    let lost = 2;
    const asker: Asker = {
      request: async (...given) => {
        const reply = await connection.request(...given);
        if ((lost -= 1) >= 0) throw new BkgError('DEADLINE_EXCEEDED', 'the answer was lost');
        return reply;
      },
    };
    const writer = new AuditWriter({ asker, log: silentLogger });
    writer.write(untimed);
    await eventually(() => lost < 0);
    await writer.close();
    const manager = await jetstreamManager(connection.nats);
    expect((await manager.streams.info(auditStream)).state.messages).toBe(1);
  });

  it('takes what JetStream refuses, and what answers in its place, for no acknowledgement', async () => {
    const asker = askerOf(
      () => Promise.reject(new NoRespondersError(subjects.auditEvent)),
      async () => replyOf({ error: { code: 503, err_code: 10_077, description: 'no space left on device' } }),
      async () => replyOf({ ok: true }),
      async () => stored,
    );
    const { log, said } = heardLogger();
    const writer = new AuditWriter({ asker, log });
    writer.write(untimed);
    await eventually(() => asker.asked.length === 4);
    await writer.close();
    expect(new Set(asker.asked.map(({ id }) => id)).size).toBe(1);
    // Said once, however often it is tried.
    expect(said()).toHaveLength(1);
    expect(writer.dropped).toBe(0);
  });

  it('leaves an event that is too large in the log, and goes on with the next', async () => {
    const tooLarge = { error: { code: 400, err_code: 10_054, description: 'message size exceeds maximum' } };
    const asker = askerOf(
      async () => replyOf(tooLarge),
      async () => stored,
    );
    const { log, said } = heardLogger();
    const writer = new AuditWriter({ asker, log });
    writer.write({ ...untimed, target: 'first' });
    writer.write({ ...untimed, target: 'second' });
    await eventually(() => asker.asked.length === 2);
    await writer.close();
    expect(said()).toMatchObject([{ level: 'warn', audit: { target: 'first' }, dropped: 1 }]);
  });

  it('keeps a bounded number, and has in the log what it could not keep', async () => {
    const held = Promise.withResolvers<Reply>();
    const asker = askerOf(
      () => held.promise,
      async () => stored,
    );
    const { log, said } = heardLogger();
    const writer = new AuditWriter({ asker, log, most: 3 });
    for (let i = 0; i < 5; i += 1) writer.write({ ...untimed, target: `p${i}` });
    expect(said().map(({ audit }) => (audit as AuditEvent).target)).toEqual(['p3', 'p4']);
    expect(writer.dropped).toBe(2);
    held.resolve(stored);
    await eventually(() => asker.asked.length === 3);
    await writer.close();
    writer.write(untimed);
    expect(writer.dropped).toBe(3);
  });

  it('ends in time when nobody stores anything, and says what was lost', async () => {
    const { log, said } = heardLogger();
    const asker = askerOf(() => Promise.reject(new NoRespondersError(subjects.auditEvent)));
    const writer = new AuditWriter({ asker, log });
    writer.write({ ...untimed, target: 'lost' });
    const from = Date.now();
    await writer.close();
    expect(Date.now() - from).toBeLessThan(4_000);
    expect(said().filter(({ audit }) => audit)).toMatchObject([{ audit: { target: 'lost' } }]);
  });
});
