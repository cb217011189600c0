import path from 'node:path';
import { expect, it } from 'vitest';
import { runToLastLine } from '../last-line.mjs';
import { eventOf, readEvent } from './event.ts';
import { frameOf, FrameReader } from './frames.ts';
import { flawsOf, resultsOf } from './report.ts';

const round = (change) => ({
  ...{ rate: 5, sockets: 10, expected: 100, received: 100, faults: 0, p50: 1, p99: 2 },
  ...{ cpu: { server: 1, broker: 1 }, kilobytesPerSocket: 1 },
  ...change,
});
const results = (change) =>
  resultsOf(
    new Map([
      ['bare', [round({})]],
      ['gateway', [round({}), round(change)]],
    ]),
  );

it.each([
  ['nothing', results({}), []],
  ['what has not come', results({ received: 99 }), [/^gateway, 5 events a second to 10 sockets: 199 of 200/]],
  ['a gap', results({ faults: 1 }), [/1 came twice, in the wrong order or after a gap/]],
  ['what was not counted', results({ received: NaN }), [/NaN of 200 came/]],
  ['that there was no gateway', [], ['the gateway was not measured']],
])('the report finds %s', (_what, given, flaws) => {
  expect(flawsOf(given)).toEqual(flaws.map((flaw) => expect.stringMatching(flaw)));
});

/** As a server sends it: the same without a mask. */
function serverFrame(text) {
  const bytes = Buffer.from(text);
  const { length } = bytes;
  if (length < 126) return Buffer.concat([Buffer.from([0x81, length]), bytes]);
  if (length < 65_536) return Buffer.concat([Buffer.from([0x81, 126, length >> 8, length & 0xff]), bytes]);
  const head = Buffer.alloc(10);
  head.writeUInt16BE(0x817f);
  head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, bytes]);
}

it('frames of any length are read in whatever pieces they come', () => {
  const short = ['', 'a', 'b'.repeat(125), 'c'.repeat(126), 'd'];
  const long = [...short, 'e'.repeat(70_000), 'f'];
  for (const [texts, size] of [
    [short, 1],
    [short, 3],
    [long, 999],
    [long, 100_000],
  ]) {
    const all = Buffer.concat(texts.map(serverFrame));
    const reader = new FrameReader();
    const read = [];
    for (let at = 0; at < all.length; at += size)
      read.push(...Array.from(reader.take(all.subarray(at, at + size)), ({ payload }) => payload.toString()));
    expect(read).toEqual(texts);
  }
  expect(() => [...new FrameReader().take(Buffer.from([0x01, 0]))]).toThrow(/no whole message/);
  expect(() => frameOf(1, 'x'.repeat(126))).toThrow(/126 bytes/);
});

it('an event says which it is and how old, within whatever frame', () => {
  const { seq, ageMs } = readEvent(Buffer.from(`{"type":"data","data":${eventOf(12, 100)}}`));
  expect(seq).toBe(12);
  expect(ageMs).toBeGreaterThanOrEqual(-0.001);
  expect(ageMs).toBeLessThan(10_000);
  expect(readEvent(Buffer.from('{"type":"hello"}'))).toBeUndefined();
});

it('every event comes to every socket, once and in order', { timeout: 240_000 }, async () => {
  const args = ['--rounds', '1', '--seconds', '1', '--sockets', '100', '--rates', '10', '--json'];
  const { text, result } = await runToLastLine(path.join(import.meta.dirname, 'run.ts'), args);
  expect(result, text).toBeDefined();
  expect(result.flaws).toEqual([]);
  expect(result.results.map(({ side, received }) => [side, received])).toEqual([
    ['bare', 1_000],
    ['gateway', 1_000],
  ]);
});
