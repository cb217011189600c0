import { connect } from 'node:net';
import { bufferOf } from '../grammar/bytes.ts';
import { frameBytes, socketGrammar } from '../grammar/socket.ts';
import type { SocketInput } from '../grammar/socket.ts';
import { frameFlaws, frameOutcomes } from '../rules/frames.ts';
import type { Grounds } from './grounds.ts';
import { readFrames } from './socket-reader.ts';
import type { SocketReading } from './socket-reader.ts';
import { shortened } from './shortened.ts';
import type { Observation, Way } from './way.ts';

const overMs = 15_000;
/** When nothing comes for so long, its sender says that nothing more does. */
const quietMs = 250;
const partingMs = 5;
const upgraded = 'HTTP/1.1 101';
const probeId = 'the-probe';
/** Answered whatever else goes on, or the socket is closed. */
const probe = frameBytes({
  opcode: 1,
  isLast: true,
  reserved: 0,
  isMasked: true,
  payload: JSON.stringify({ op: 'unsubscribe', id: probeId }),
});

/** Sockets to `/ws`, with frames of our own making. */
export async function socketWay(grounds: Grounds): Promise<Way<SocketInput>> {
  return {
    grammar: socketGrammar,
    atOnce: 64,
    run: (input) => run(grounds, input),
    show: shortened,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function run(grounds: Grounds, input: SocketInput): Promise<Observation> {
  const { reading, isUpgraded, isLate } = await exchange(grounds, input);
  const flaws = frameFlaws(reading);
  if (!isUpgraded) flaws.push('the upgrade was refused');
  if (isLate) flaws.push(`the socket is open and silent after ${overMs} ms`);
  return { outcomes: frameOutcomes(reading), flaws };
}

interface Exchange {
  reading: SocketReading;
  isUpgraded: boolean;
  isLate: boolean;
}

function exchange({ port, fill }: Grounds, { path, frames, leaves }: SocketInput): Promise<Exchange> {
  const upgrade = fill(
    `GET ${path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let bytes = Buffer.alloc(0);
    let headEnd = -1;
    let quiet: NodeJS.Timeout | undefined;
    const settle = (isLate: boolean): void => {
      clearTimeout(late);
      clearTimeout(quiet);
      socket.removeAllListeners().on('error', () => undefined);
      // One whose end is under way cannot be reset: Node would keep it, and never end.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
      const isSocket = headEnd >= 0 && bytes.toString('latin1', 0, 12) === upgraded;
      const reading = isSocket ? readFrames(bytes.subarray(headEnd)) : { messages: [], flaws: [] };
      // Of a plugin that there is not.
      resolve({ reading, isUpgraded: isSocket || path.includes('ghost'), isLate });
    };
    const late = setTimeout(() => settle(true), overMs);
    const send = (): void => {
      socket.write(Buffer.concat([...frames.map(frameBytes), probe]));
      if (leaves) setTimeout(() => settle(false), partingMs);
    };
    socket.on('data', (piece: Buffer) => {
      bytes = Buffer.concat([bytes, piece]);
      if (headEnd < 0) {
        const end = bytes.indexOf('\r\n\r\n');
        if (end < 0) return;
        headEnd = end + 4;
        send();
      }
      // Its answer may be followed by what was asked for before.
      const isAnswered = bytes.includes(probeId);
      clearTimeout(quiet);
      quiet = setTimeout(
        () => (isAnswered ? settle(false) : socket.end()),
        isAnswered ? quietMs / 5 : quietMs,
      );
    });
    let isOver = false;
    const close = (): void => {
      if (!isOver) settle(false);
      isOver = true;
    };
    socket.on('end', close).on('close', close);
    socket.on('error', () => undefined);
    socket.on('connect', () => socket.write(bufferOf(upgrade)));
  });
}
