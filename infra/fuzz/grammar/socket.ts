import { between } from '../../chaos/random.ts';
import type { Random } from '../../chaos/random.ts';
import type { Grammar } from '../lineage.ts';
import { chance, mutateBytes, pick, utf8, weighted } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import { makeJson, mutateJson } from './json.ts';

/** One frame of WebSocket (RFC 6455), right or wrong in each of its parts. */
export interface SocketFrame {
  opcode: number;
  isLast: boolean;
  /** Three bits that nobody has agreed upon. */
  reserved: number;
  isMasked: boolean;
  payload: Bytes;
  /** What is said of the length, when that is not it. */
  length?: number;
  /** So many more bytes are needed for the length than its shortest form has. */
  isLong?: boolean;
}

/** What is sent after the upgrade. */
export interface SocketInput {
  path: string;
  frames: SocketFrame[];
  /** It is gone after the last, without a word. */
  leaves: boolean;
}

const text = 1;
const opcodes = [0, 1, 2, 3, 7, 8, 9, 10, 11, 15];

/** Good ones, from which others are made. */
const samples = [
  '{"op":"subscribe","id":"s","topic":"plugins"}',
  '{"op":"subscribe","id":"s","topic":"plugin","plugins":["target"]}',
  '{"op":"subscribe","id":"l","topic":"logs","plugins":["target","ghost"],"after_seq":0,"gateway":"x"}',
  '{"op":"subscribe","id":"t","topic":"telemetry"}',
  '{"op":"unsubscribe","id":"s"}',
  '{"op":"invoke","id":"i","plugin":"target","capability":"echo","payload":{"a":[1]}}',
  '{"op":"invoke","id":"i","plugin":"target","capability":"strict.say","payload":{"text":"hi"},"timeout_ms":500}',
  '{"op":"invoke","id":"w","plugin":"target","capability":"wait","payload":{"ms":300},"invocation_id":"wait1"}',
  '{"op":"invoke","id":"c","plugin":"target","capability":"count","payload":{"to":100},"stream":2}',
  '{"op":"invoke","id":"c","plugin":"target","capability":"count","payload":{"to":3},"stream":1024,"traceparent":"x","tracestate":"y"}',
  '{"op":"invoke","id":"b","plugin":"target","capability":"bytes","payload":{"pieces":2},"stream":4}',
  '{"op":"invoke","id":"u","plugin":"target","capability":"take","payload":"x"}',
  '{"op":"invoke","id":"g","plugin":"ghost","capability":"echo"}',
  '{"op":"credit","id":"c","credit":1}',
  '{"op":"credit","id":"c","credit":1024}',
  '{"op":"credit","id":"c","credit":-1}',
  '{"op":"credit","id":"i","credit":1e308}',
  '{"op":"cancel","id":"c"}',
  '{"op":"cancel","id":"w"}',
  '{"op":"__proto__","id":"constructor"}',
];
const members = [
  'op',
  'id',
  'topic',
  'plugins',
  'after_seq',
  'gateway',
  'plugin',
  'capability',
  'payload',
  'invocation_id',
  'timeout_ms',
  'stream',
  'credit',
  '__proto__',
  'constructor',
];
const paths = ['/ws', '/ws', '/ws', '/ws', '/ws', '/ws', '/ws/plugins/target', '/ws/plugins/ghost'];

export const socketGrammar: Grammar<SocketInput> = {
  make: (random) => ({
    path: pick(random, paths),
    frames: Array.from({ length: between(random, 1, chance(random, 0.05) ? 90 : 6) }, () =>
      makeFrame(random),
    ),
    leaves: chance(random, 0.08),
  }),
  mutate: (input, random) => {
    const { frames } = input;
    const at = between(random, 0, Math.max(0, frames.length - 1));
    const frame = frames[at];
    if (!frame) return { ...input, frames: [makeFrame(random)] };
    const replaced = (...by: SocketFrame[]): SocketInput => ({
      ...input,
      frames: frames.toSpliced(at, 1, ...by),
    });
    return weighted<() => SocketInput>(random, [
      [5, () => replaced({ ...frame, payload: mutateJson(frame.payload, random) })],
      [2, () => replaced(breakFrame(frame, random))],
      [2, () => replaced(frame, makeFrame(random))],
      [1, () => replaced(frame, frame)],
      [1, () => replaced()],
      [1, () => replaced(...fragments(frame, random))],
      [0.5, () => ({ ...input, frames: frames.toReversed() })],
      [0.5, () => ({ ...input, leaves: !input.leaves })],
    ])();
  },
};

function makeFrame(random: Random): SocketFrame {
  const payload = weighted<() => Bytes>(random, [
    [8, () => pick(random, samples)],
    [4, () => mutateJson(pick(random, samples), random)],
    [2, () => makeMembers(random)],
    [1, () => makeJson(random)],
    [0.3, () => mutateBytes(pick(random, samples), random)],
    [
      0.02,
      () =>
        `{"op":"invoke","id":"h","plugin":"target","capability":"echo","payload":"${'x'.repeat(1_100_000)}"}`,
    ],
    [0.005, () => 'x'.repeat(3_000_000)],
  ])();
  const frame = { opcode: text, isLast: true, reserved: 0, isMasked: true, payload };
  return chance(random, 0.06) ? breakFrame(frame, random) : frame;
}

/** An object of members that there are, with values that they may not have. */
function makeMembers(random: Random): Bytes {
  const pairs = Array.from({ length: between(random, 1, 6) }, () => {
    return `${JSON.stringify(pick(random, members))}:${makeJson(random, 1)}`;
  });
  return `{${pairs.join(',')}}`;
}

function breakFrame(frame: SocketFrame, random: Random): SocketFrame {
  const { payload } = frame;
  return weighted<() => SocketFrame>(random, [
    [3, () => ({ ...frame, opcode: pick(random, opcodes) })],
    [2, () => ({ ...frame, isLast: false })],
    [2, () => ({ ...frame, reserved: between(random, 1, 7) })],
    [2, () => ({ ...frame, isMasked: false })],
    [1, () => ({ ...frame, length: payload.length + between(random, 1, 70_000) })],
    [1, () => ({ ...frame, length: Number.MAX_SAFE_INTEGER, isLong: true })],
    [1, () => ({ ...frame, length: 2 ** 63, isLong: true })],
    [1, () => ({ ...frame, isLong: true })],
    // A close, with a code that there is not, or half of one.
    [
      2,
      () => ({
        ...frame,
        opcode: 8,
        payload: pick(random, ['', '\x03', '\x03\xe8', '\x03\xee', '\xff\xff', '\x03\xe8\xff', '\0\0']),
      }),
    ],
    [1, () => ({ ...frame, opcode: 9, payload: 'p'.repeat(pick(random, [0, 125, 126])) })],
    [1, () => ({ ...frame, payload: pick(random, ['\xff', '\xed\xa0\x80', utf8('ä').slice(0, 1)]) })],
  ])();
}

function fragments(frame: SocketFrame, random: Random): SocketFrame[] {
  const at = between(random, 0, frame.payload.length);
  const isBroken = chance(random, 0.3);
  return [
    { ...frame, isLast: false, payload: frame.payload.slice(0, at) },
    { ...frame, opcode: isBroken ? frame.opcode : 0, payload: frame.payload.slice(at) },
  ];
}

/** As it goes over the wire. */
export function frameBytes({
  opcode,
  isLast,
  reserved,
  isMasked,
  payload,
  length = payload.length,
  isLong,
}: SocketFrame): Buffer {
  const first = (isLast ? 0x80 : 0) | (reserved << 4) | opcode;
  const mask = isMasked ? 0x80 : 0;
  const short = length < 126 && !isLong;
  const middle = length < 65_536 && !isLong;
  const head = Buffer.alloc(short ? 2 : middle ? 4 : 10);
  head[0] = first;
  head[1] = mask | (short ? length : middle ? 126 : 127);
  if (!short && middle) head.writeUInt16BE(length, 2);
  else if (!short) head.writeBigUInt64BE(BigInt(length), 2);
  // The mask is all zeros: then what is masked reads as what it is.
  return Buffer.concat([head, Buffer.alloc(isMasked ? 4 : 0), Buffer.from(payload, 'latin1')]);
}
