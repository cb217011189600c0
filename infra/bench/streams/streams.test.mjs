import path from 'node:path';
import { expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';
import { chunkEvents } from '../server-events.ts';
import { PatternCheck, pieceAt } from './pattern.ts';
import { flawsOf } from './report.ts';

const level = { 'nats-server': 1, gateway: 2, plugin: 3 };
const growth = (change = {}) => ({ before: level, growth: { ...level, ...change } });
const slow = (change) => ({
  slow: [{ way: 'sse', megabytes: 1, perSecond: 1, warm: growth(change), cold: growth() }],
});
const many = (change) => ({
  many: [{ way: 'ws', streams: 9, complete: 9, failures: [], openMs: 1, memory: growth(), ...change }],
});
const rates = (way, bytes, ratio) => ({ rates: [{ way, bytes, ratio, rate: {} }] });

it.each([
  ['nothing', slow({ gateway: 64 }), []],
  ['a process that grows', slow({ gateway: 64.1 }), [/sse: gateway has grown by 64 MB/]],
  ['what was not measured', slow({ plugin: NaN }), [/sse: plugin/]],
  ['nothing about many', many({}), []],
  ['streams that were not complete', many({ complete: 8, failures: ['cut'] }), [/8 of 9 .* with: cut$/]],
  ['that it took long', many({ openMs: 20_000 }), [/20000 ms to open/]],
  ['what many need', many({ memory: growth({ gateway: 300 }) }), [/grown by 300 MB for 9 streams/]],
  ['nothing about credit', rates('nats', 100, 0.05), []],
  ['dear credit', rates('nats', 16_384, 0.14), [/nats, 16384 B: 0\.14 of what it could be/]],
  ['a slow reader that waits', rates('ws slow', 100, 0.7), [/ws slow, 100 B/]],
])('the report finds %s', (_what, results, flaws) => {
  expect(flawsOf({ slow: [], many: [], rates: [], ...results })).toEqual(
    flaws.map((flaw) => expect.stringMatching(flaw)),
  );
});

it('bytes in other pieces are the same bytes, and missing, doubled or exchanged ones are not', () => {
  const all = Buffer.concat([pieceAt(0, 8_192), pieceAt(8_192, 4_096)]);
  for (const size of [1, 3, 4_095, 4_096, 5_000, 12_288]) {
    const check = new PatternCheck();
    for (let at = 0; at < all.length; at += size) check.take(all.subarray(at, at + size));
    expect(check.bytes).toBe(12_288);
  }
  const wrong = [all.subarray(4_096), all.subarray(1), Buffer.concat([all.subarray(0, 4_096), all])];
  for (const bytes of wrong) expect(() => new PatternCheck().take(bytes)).toThrow(/Block/);
});

const text =
  'event: chunk\nid: 0\ndata: "a"\n\n: alive\n\nevent: chunk\nid: 1\ndata: "b"\n\nevent: result\ndata: 2\n\n';

async function chunksOf(sent, size) {
  const bytes = Buffer.from(sent);
  const pieces = async function* () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  };
  const chunks = [];
  for await (const chunk of chunkEvents(pieces())) chunks.push(chunk.toString());
  return chunks;
}

it('events are read in whatever pieces they come, and have to be all', async () => {
  for (const size of [1, 2, 7, 1_000]) expect(await chunksOf(text, size)).toEqual(['"a"', '"b"']);
  await expect(chunksOf(text.replace('id: 1', 'id: 2'), 9)).rejects.toThrow(/chunk 2 .* place of 1/);
  await expect(chunksOf(text.slice(0, 60), 9)).rejects.toThrow(/cut off after 1/);
  await expect(chunksOf('event: error\ndata: {}\n\n', 9)).rejects.toThrow(/ended with error: \{\}/);
});

it('streams go through to slow readers, many at a time, and are measured', { timeout: 180_000 }, async () => {
  const short = ['--megabytes', '20', '--slow-seconds', '1', '--streams', '100', '--chunks', '20'];
  const args = [...short, '--parts', 'slow,many', '--json'];
  const { text: said, result } = await runToLastLine(path.join(import.meta.dirname, 'run.ts'), args);
  expect(result, said).toBeDefined();
  expect(result.slow.map(({ way }) => way)).toEqual(['bytes', 'sse', 'ws', 'upload']);
  for (const { megabytes, perSecond } of result.slow) {
    expect(megabytes).toBeGreaterThanOrEqual(20);
    expect(perSecond).toBeGreaterThan(0);
  }
  for (const { complete, failures } of result.many) expect([complete, failures]).toEqual([100, []]);
});
