import type { Msg } from '@nats-io/nats-core';
import { describe, expect, it } from 'vitest';
import { headersOf, readHeaders, sizeOf } from '../src/message-headers.ts';
import { createRandom } from '../src/testing/random.ts';
import { startNatsServer } from '../src/testing.ts';
import { connect } from '@nats-io/transport-node';
import { createConnection } from 'node:net';
import { once } from 'node:events';

/** What the broker hands on when somebody writes these bytes as the headers of a message. */
async function received(blocks: readonly string[]): Promise<Msg[]> {
  await using server = await startNatsServer({ jetstream: false });
  const { user = '', password = '' } = server.credentials;
  const nats = await connect({ servers: server.url, user, pass: password });
  const messages: Msg[] = [];
  const all = new Promise<void>((resolve) => {
    nats.subscribe('headers', {
      callback: (_, msg) => {
        if (messages.push(msg) === blocks.length) resolve();
      },
    });
  });
  await nats.flush();
  const { port } = new URL(server.url.replace('nats:', 'http:'));
  const socket = createConnection(Number(port), '127.0.0.1');
  await once(socket, 'data');
  socket.write(`CONNECT ${JSON.stringify({ user, pass: password, headers: true, verbose: false })}\r\n`);
  for (const block of blocks) {
    const length = Buffer.byteLength(block);
    socket.write(`HPUB headers ${length} ${length + 2}\r\n${block}{}\r\n`);
  }
  await all;
  socket.destroy();
  await nats.close();
  return messages;
}

/** What somebody reads, or that they refuse to. */
function outcome(read: () => ReadonlyMap<string, string>): unknown {
  try {
    return [...read()];
  } catch {
    return 'refused';
  }
}

const end = '\r\n\r\n';

describe('the headers of a message', () => {
  it('are what nats.js finds, whatever somebody has written', async () => {
    const lines = [
      'Bkg-Invocation-Id: abc',
      'a:b',
      'a: b: c ',
      'a:',
      ':b',
      ' a: b',
      'a : b',
      'no colon',
      'a: ä€',
      'ä: a',
      'a: one\rtwo',
      'a: one\ntwo',
      'a\nb: c',
      'a: \t x \t',
      'Bkg-Timeout-Ms: 1',
      'bkg-timeout-ms: 2',
    ];
    const random = createRandom(8);
    const blocks = Array.from({ length: 500 }, () => {
      const some = Array.from({ length: random.below(6) }, () => random.pick(lines));
      return ['NATS/1.0', ...some].join('\r\n') + end;
    });
    blocks.push(`NATS/1.0 503${end}`, `NATS/1.0 503 No Responders\r\na: b${end}`);
    const messages = await received(blocks);
    expect(messages).toHaveLength(blocks.length);
    let refused = 0;
    for (const [i, msg] of messages.entries()) {
      const ours = outcome(() => readHeaders(msg));
      expect(ours, JSON.stringify(blocks[i])).toEqual(outcome(() => headersOf(msg)));
      if (ours === 'refused') refused += 1;
    }
    expect(refused).toBeGreaterThan(50);
    expect(refused).toBeLessThan(450);
  });

  it('are read without nats.js, as long as it keeps messages as it does', async () => {
    const [msg] = await received([`NATS/1.0\r\nA: b${end}`]);
    Object.defineProperty(msg, 'headers', {
      get: () => {
        throw new Error('nats.js was asked');
      },
    });
    expect([...readHeaders(msg!)]).toEqual([['A', 'b']]);
    // With its payload, {}.
    expect(sizeOf(msg!)).toBe(`NATS/1.0\r\nA: b${end}{}`.length);
    expect([...readHeaders({ headers: headersLike({ A: ['b', 'c'] }) } as unknown as Msg)]).toEqual([
      ['A', 'b'],
    ]);
    expect([...readHeaders({} as unknown as Msg)]).toEqual([]);
    expect(sizeOf({ data: new Uint8Array(3) } as unknown as Msg)).toBe(3);
  });
});

function headersLike(record: Record<string, string[]>): Iterable<[string, string[]]> {
  return Object.entries(record);
}
