import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { jetstreamManager, StorageType } from '@nats-io/jetstream';
import type { JetStreamManager } from '@nats-io/jetstream';
import { subjects } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';
import { eventually, silentLogger, startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { AuditStream, auditStream } from '../src/audit/audit-stream.ts';
import { auditEvent, heardLogger } from './audit-kit.ts';

let server: TestServer;
let connection: Connection;
let manager: JetStreamManager;

beforeAll(async () => {
  server = await startNatsServer();
  connection = await server.connect('supervisor');
  manager = await jetstreamManager(connection.nats);
});
afterAll(() => server.stop());
beforeEach(async () => {
  for await (const { config } of manager.streams.list()) await manager.streams.delete(config.name);
});

const store = (connectionOf: Connection, count = 1) =>
  Promise.all(
    Array.from({ length: count }, () =>
      connectionOf.request(subjects.auditEvent, JSON.stringify(auditEvent()), { timeoutMs: 2_000 }),
    ),
  );
const configOf = async () => (await manager.streams.info(auditStream)).config;

describe('the stream of the audit', () => {
  it('is made with its limits, on file, and nothing can be taken out of it', async () => {
    expect(await new AuditStream({ connection, log: silentLogger }).ensure()).toBe(true);
    expect(await configOf()).toMatchObject({
      subjects: ['bkg.audit.event'],
      storage: 'file',
      retention: 'limits',
      discard: 'old',
      max_msgs: 100_000,
      max_bytes: 67_108_864,
      max_age: 90 * 86_400 * 1e9,
      max_msg_size: 16_384,
    });
    await store(connection, 2);
    await expect(manager.streams.deleteMessage(auditStream, 1)).rejects.toThrow(/delete/);
    await expect(manager.streams.purge(auditStream)).rejects.toThrow(/purge/);
    expect((await manager.streams.info(auditStream)).state.messages).toBe(2);
  });

  it('is given the limits of today when it has others, and keeps its events', async () => {
    await manager.streams.add({
      name: auditStream,
      subjects: [subjects.auditEvent, 'other.subject'],
      storage: StorageType.File,
      max_msgs: 7,
      description: 'made long ago',
    });
    await store(connection, 3);
    const stream = new AuditStream({ connection, log: silentLogger });
    expect(await stream.ensure()).toBe(true);
    expect(await configOf()).toMatchObject({
      subjects: ['bkg.audit.event'],
      max_msgs: 100_000,
      max_msg_size: 16_384,
      description: 'made long ago',
    });
    expect((await manager.streams.info(auditStream)).state.messages).toBe(3);
    // What is as it should be is left alone.
    const { created } = await manager.streams.info(auditStream);
    expect(await stream.ensure()).toBe(true);
    expect((await manager.streams.info(auditStream)).created).toBe(created);
  });

  it('of another kind is not replaced, and that is said once', async () => {
    await manager.streams.add({
      name: auditStream,
      subjects: [subjects.auditEvent],
      storage: StorageType.Memory,
    });
    await store(connection);
    const { log, said } = heardLogger();
    const stream = new AuditStream({ connection, log });
    expect(await stream.ensure()).toBe(false);
    expect(await stream.ensure()).toBe(false);
    expect(said()).toHaveLength(1);
    expect(JSON.stringify(said())).toContain('storage memory');
    expect((await manager.streams.info(auditStream)).state.messages).toBe(1);
  });

  it('is made again when somebody has removed it, and takes no event that is too large', async () => {
    const ending = new AbortController();
    const stream = new AuditStream({ connection, log: silentLogger, everyMs: 50, againMs: 20 });
    const keeping = stream.keep(ending.signal);
    await eventually(configOf);
    await manager.streams.delete(auditStream);
    await eventually(configOf);
    const large = JSON.stringify(auditEvent({ detail: 'x'.repeat(17_000) }));
    const reply = await connection.request(subjects.auditEvent, large, { timeoutMs: 2_000 });
    expect(reply.json()).toMatchObject({ error: { err_code: 10_054 } });
    ending.abort();
    await keeping;
  });
});
