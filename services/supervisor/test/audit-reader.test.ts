import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamManager } from '@nats-io/jetstream';
import { subjects } from '@bkg/sdk';
import type { AuditList, Connection } from '@bkg/sdk';
import { startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { AuditReader } from '../src/audit/audit-reader.ts';
import type { AuditReaderOptions } from '../src/audit/audit-reader.ts';
import { AuditStream, auditStream } from '../src/audit/audit-stream.ts';
import { auditEvent, heardLogger } from './audit-kit.ts';
import { problemOf } from './mesh.ts';

const count = 3_000;
const { log, said } = heardLogger();
let server: TestServer;
let connection: Connection;
let stream: AuditStream;

beforeAll(async () => {
  server = await startNatsServer();
  connection = await server.connect('supervisor');
  stream = new AuditStream({ connection, log });
  await stream.ensure();
  const js = jetstream(connection.nats);
  for (let from = 0; from < count; from += 500)
    await Promise.all(
      Array.from({ length: 500 }, (_, i) => js.publish(subjects.auditEvent, bodyOf(from + i + 1))),
    );
});
afterAll(() => server.stop());

/** Of the event with this `seq`. */
function bodyOf(seq: number): string {
  if (seq === 2_990) return 'nonsense';
  if (seq === 2_991) return '{"who": 7}';
  const who = seq % 1_000 === 5 ? 'Krare22222' : `Koften${seq % 3}`;
  return JSON.stringify({
    ...auditEvent({ who, action: seq % 2 === 0 ? 'control.stop' : 'key.create', target: `t${seq}` }),
    more: 'that nobody knows',
  });
}

const ask = (
  body: unknown,
  options: Partial<AuditReaderOptions> = {},
  signal = AbortSignal.timeout(10_000),
): Promise<AuditList> => new AuditReader({ connection, stream, log, ...options }).list(body, signal);
const numbers = ({ events }: AuditList): number[] => events.map(({ seq }) => seq);
const down = (from: number, to: number): number[] =>
  Array.from({ length: from - to + 1 }, (_, i) => from - i).filter((seq) => seq !== 2_990 && seq !== 2_991);

/** Each batch is read by a consumer of its own. */
function onBatch({ consumers }: JetStreamManager, listener: () => void): void {
  const add = consumers.add.bind(consumers);
  consumers.add = (...given) => {
    listener();
    return add(...given);
  };
}

describe('the audit', () => {
  it('is read from its end on, the newest first', async () => {
    const list = await ask(undefined);
    expect(numbers(list)).toEqual(down(3_000, 2_899));
    expect(list.next).toBe(2_899);
    expect(list.events[0]).toEqual({
      seq: 3_000,
      time: expect.stringMatching(/^20/),
      who: 'Koften0',
      via: 'http',
      from: '127.0.0.1',
      action: 'control.stop',
      target: 't3000',
      result: 'ok',
    });
  });

  it('leaves out what is no event, and says how much', async () => {
    const before = said().length;
    expect(numbers(await ask({ most: 20 }))).toEqual(down(3_000, 2_979));
    expect(said().slice(before)).toMatchObject([{ level: 'warn', skipped: 2 }]);
  });

  it('is read to its beginning by asking again', async () => {
    const seen: number[] = [];
    let list: AuditList | undefined;
    while (!list || list.next !== undefined) {
      list = await ask({ most: 700, ...(list?.next !== undefined && { before: list.next }) });
      seen.push(...numbers(list));
    }
    expect(seen).toEqual(down(3_000, 1));
    expect(await ask({ before: 1 })).toEqual({ events: [] });
    expect(numbers(await ask({ before: 3 }))).toEqual([2, 1]);
    expect(numbers(await ask({ before: 999_999, most: 1 }))).toEqual([3_000]);
  });

  it('has those of one key, of one action, or of all actions that begin alike', async () => {
    expect(await ask({ who: 'Krare22222' })).toMatchObject({
      events: [{ seq: 2_005 }, { seq: 1_005 }, { seq: 5 }],
    });
    expect((await ask({ who: 'Krare22222' })).next).toBeUndefined();
    const stops = await ask({ action: 'control.stop', most: 3 });
    expect(numbers(stops)).toEqual([3_000, 2_998, 2_996]);
    expect(numbers(await ask({ action: 'key.', who: 'Koften1', most: 2, before: 100 }))).toEqual([97, 91]);
    expect(await ask({ action: 'key' })).toEqual({ events: [] });
    expect(await ask({ action: 'nothing.' })).toEqual({ events: [] });
  });

  it('reads no more than it needs for the newest', async () => {
    let created = 0;
    const manager = await stream.manager();
    onBatch(manager, () => (created += 1));
    const counting = { manager: async () => manager };
    const from = performance.now();
    await ask({ most: 100 }, { stream: counting });
    expect(created).toBe(1);
    expect(performance.now() - from).toBeLessThan(1_000);
    // And leaves nothing behind.
    await expect.poll(async () => (await manager.streams.info(auditStream)).state.consumer_count).toBe(0);
  });

  it('has at most what fits into one message, and one event at least', async () => {
    const small = { maxPayloadBytes: 64 * 1024 + 2_000 };
    const list = await ask({ most: 1_000 }, { connection: small });
    expect(list.events.length).toBeGreaterThan(5);
    expect(list.events.length).toBeLessThan(20);
    expect(Buffer.byteLength(JSON.stringify(list))).toBeLessThan(2_100);
    expect(list.next).toBe(list.events.at(-1)?.seq);
    const least = await ask({ before: list.next }, { connection: { maxPayloadBytes: 10 } });
    expect(least.events).toHaveLength(1);
    expect(numbers(least)[0]).toBe((list.next ?? 0) - 1);
  });

  it('ends in time, with what it has found by then', async () => {
    expect(await problemOf(ask({}, { withinMs: 0 }))).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const ending = new AbortController();
    const manager = await stream.manager();
    let batches = 0;
    onBatch(manager, () => {
      batches += 1;
      if (batches === 3) ending.abort();
    });
    const list = await ask(
      { who: 'Krare22222' },
      { stream: { manager: async () => manager } },
      ending.signal,
    );
    expect(numbers(list)).toEqual([]);
    expect(list.next).toBeGreaterThan(1);
    const rest = await ask({ who: 'Krare22222', before: list.next });
    expect(numbers(rest).length).toBeGreaterThan(0);
  });

  it('is read by a few at a time', async () => {
    const reader = new AuditReader({ connection, stream, log });
    const signal = AbortSignal.timeout(10_000);
    const all = await Promise.allSettled(Array.from({ length: 9 }, () => reader.list({ most: 5 }, signal)));
    const refused = all.filter((one) => one.status === 'rejected');
    expect(refused).toHaveLength(5);
    expect((refused[0] as PromiseRejectedResult).reason).toMatchObject({ code: 'BUSY' });
    expect((await reader.list({ most: 1 }, signal)).events).toHaveLength(1);
  });

  it.each([[{ most: 0 }], [{ most: 1_001 }], [{ before: -1 }], [{ whom: 'x' }], [7], [[]]])(
    'is not read for a question that does not fit: %j',
    async (body) => {
      expect(await problemOf(ask(body))).toMatchObject({ code: 'INVALID_PAYLOAD' });
    },
  );

  it('that is not there, or not to be had, is not an empty one', async () => {
    const manager = await jetstreamManager(connection.nats);
    await manager.streams.delete(auditStream);
    expect(await problemOf(ask({}))).toMatchObject({
      code: 'PLUGIN_UNAVAILABLE',
      detail: expect.stringContaining('being set up'),
    });
    await stream.ensure();
    expect(await ask({})).toEqual({ events: [] });
    await server.kill();
    expect(await problemOf(ask({}))).toMatchObject({ code: 'PLUGIN_UNAVAILABLE' });
  });
});
