import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuditWriter } from '../../src/access/audit-writer.ts';
import type { AuditWriterOptions } from '../../src/access/audit-writer.ts';
import type { Connection } from '../../src/connection.ts';
import { createLogger } from '../../src/logger.ts';
import type { AuditEvent } from '../../src/protocol/access.ts';
import { subjects } from '../../src/protocol/subjects.ts';
import { eventually, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';

let server: TestServer;
let connection: Connection;
let lines: string[];

const event = (target: string): Omit<AuditEvent, 'time'> => ({
  who: 'Kaaaaaaaaa',
  via: 'http',
  from: '127.0.0.1',
  action: 'key.revoke',
  target,
  result: 'ok',
});

const createWriter = (options: Partial<AuditWriterOptions> = {}): AuditWriter => {
  lines = [];
  const log = createLogger({}, { destination: { write: (line) => void lines.push(line) } });
  return new AuditWriter({ asker: connection, log, backoff: { firstMs: 20, mostMs: 100 }, ...options });
};

async function makeStream(config: { max_msg_size?: number } = {}): Promise<void> {
  const manager = await jetstreamManager(connection.nats);
  await manager.streams.add({ name: 'bkg_audit', subjects: [subjects.auditEvent], ...config });
}

async function stored(): Promise<AuditEvent[]> {
  const manager = await jetstreamManager(connection.nats);
  const { state } = await manager.streams.info('bkg_audit');
  const sequences = Array.from({ length: state.messages }, (_, n) => state.first_seq + n);
  const messages = await Promise.all(sequences.map((seq) => manager.streams.getMessage('bkg_audit', { seq })));
  return messages.map((message) => message!.json<AuditEvent>());
}

const targets = async (): Promise<string[]> => (await stored()).map(({ target }) => target);
const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `t${n}`);

beforeEach(async () => {
  server = await startNatsServer();
  connection = await server.connect('apikeys');
});
afterEach(() => server.stop());

describe('the writer of the audit', () => {
  it('writes in order, with the time, and waits at its end for what is under way', async () => {
    await makeStream();
    const writer = createWriter();
    for (const name of names(50)) writer.write(event(name));
    await writer.close();
    expect(await targets()).toEqual(names(50));
    const [first] = await stored();
    expect(first).toEqual({ ...event('t0'), time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) });
    expect(writer.dropped).toBe(0);
  });

  it('goes on after it had nothing to do', async () => {
    await makeStream();
    const writer = createWriter();
    for (const name of names(5)) {
      writer.write(event(name));
      await eventually(async () => (await targets()).includes(name));
    }
    await writer.close();
  });

  it('tries again until there is somebody who keeps it', async () => {
    const writer = createWriter();
    for (const name of names(3)) writer.write(event(name));
    await eventually(() => lines.some((line) => line.includes('the audit takes nothing now')));
    await makeStream();
    await eventually(async () => (await targets()).length === 3);
    await writer.close();
    expect(writer.dropped).toBe(0);
  });

  it('loses and doubles nothing over a crash of the broker', async () => {
    await makeStream();
    const writer = createWriter({ closeMs: 10_000 });
    for (const name of names(300)) writer.write(event(name));
    await server.restart();
    await writer.close();
    expect(await eventually(async () => (await targets()).length >= 300 && (await targets()))).toEqual(names(300));
  });

  it('keeps so many and no more, and says in the log what it has dropped', async () => {
    const writer = createWriter({ most: 3, closeMs: 50 });
    for (const name of names(5)) writer.write(event(name));
    expect(writer.dropped).toBe(2);
    await writer.close();
    expect(writer.dropped).toBe(5);
    const dropped = lines.filter((line) => line.includes('was dropped'));
    expect(dropped.map((line) => (JSON.parse(line) as { event: AuditEvent }).event.target)).toEqual([
      't3',
      't4',
      't0',
      't1',
      't2',
    ]);
  });

  it('drops what JetStream will never take, so that what follows is written', async () => {
    await makeStream({ max_msg_size: 1_000 });
    const writer = createWriter();
    writer.write({ ...event('large'), detail: 'x'.repeat(2_000) });
    writer.write(event('small'));
    await eventually(async () => (await targets()).includes('small'));
    expect(await targets()).toEqual(['small']);
    expect(lines.some((line) => line.includes('was dropped: JetStream refused it'))).toBe(true);
    await writer.close();
  });

  it('takes no other answer for an acknowledgement', async () => {
    const writer = createWriter({ closeMs: 100 });
    const other = await server.connect('other');
    other.subscribe(subjects.auditEvent, { callback: (_, msg) => void other.respond(msg, '{"ok":true}') });
    await other.flush();
    writer.write(event('a'));
    await eventually(() => lines.some((line) => line.includes('no acknowledgement')));
    await writer.close();
    expect(writer.dropped).toBe(1);
  });
});
