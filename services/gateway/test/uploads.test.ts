import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Problem } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { HttpPeer } from './http-peer.ts';
import { startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { startReel } from './reels.ts';
import type { Reel } from './reels.ts';
import { connectWs } from './ws-peer.ts';

const mib = 1024 * 1024;

let mesh: TestMesh;
let reel: Reel;
const peers: HttpPeer[] = [];

beforeAll(async () => {
  mesh = await startMesh({ invoke: { stallMs: 500 } });
  reel = await startReel(mesh, 'reel', { max_upload_mb: 200 });
});
beforeEach(() => {
  reel.go();
  Object.assign(reel.seen, { read: 0, yielded: 0 });
  reel.seen.ended.length = 0;
});
afterEach(() => {
  reel.go();
  for (const peer of peers.splice(0)) peer.leave();
});
afterAll(async () => {
  await reel.instance.drain();
  await mesh[Symbol.asyncDispose]();
});

/** @param bytes undefined: it says no length */
function upload(
  bytes: number | undefined,
  capability = 'take',
  headers: Record<string, string> = {},
): HttpPeer {
  const peer = new HttpPeer(`${mesh.url}/api/plugins/reel/invoke/${capability}`, {
    headers: {
      'content-type': 'video/mp4',
      ...(bytes !== undefined && { 'content-length': String(bytes) }),
      ...headers,
    },
  });
  peers.push(peer);
  return peer;
}

async function send(peer: HttpPeer, bytes: number): Promise<void> {
  for (let at = 0; at < bytes; at += mib) await peer.write(Buffer.alloc(Math.min(mib, bytes - at), at / mib));
  peer.request.end();
}

async function problemOf(peer: HttpPeer): Promise<Problem> {
  await peer.ended();
  return JSON.parse(peer.text) as Problem;
}

describe('an upload', () => {
  it.each([
    ['with a length', 20 * mib + 1],
    ['of unknown length', undefined],
  ])('%s gets to the plugin whole, with its content type', async (_, bytes) => {
    const peer = upload(bytes);
    await send(peer, 20 * mib + 1);
    await peer.ended();
    expect([peer.status, JSON.parse(peer.text)]).toEqual([200, { bytes: 20 * mib + 1, type: 'video/mp4' }]);
  });

  it('keeps its connection for the next request', async () => {
    const peer = upload(2 * mib, 'take', { connection: 'keep-alive' });
    await send(peer, 2 * mib);
    expect((await peer.answered()).headers.connection).not.toBe('close');
  });

  it('that one message holds is one', async () => {
    const peer = upload(5);
    peer.request.end('hello');
    await peer.ended();
    expect(JSON.parse(peer.text)).toEqual({ bytes: 5, type: 'video/mp4' });
  });

  it('can be answered piece by piece while it comes', async () => {
    const peer = upload(undefined, 'mirror');
    await peer.write(Buffer.from('one '));
    await eventually(() => peer.text === 'one ');
    await peer.write(Buffer.from('two'));
    await eventually(() => peer.text === 'one two');
    peer.request.end();
    await peer.ended();
    expect([peer.hasEnded, peer.response?.headers['content-type']]).toEqual([true, 'video/mp4']);
  });

  it('waits while the plugin does not read, and nothing of it piles up here', async () => {
    reel.stop();
    const before = process.memoryUsage();
    const total = 150 * mib;
    const peer = upload(total);
    let sent = 0;
    const sending = (async () => {
      for (; sent < total; sent += mib) await peer.write(Buffer.alloc(mib));
      peer.request.end();
    })();
    let seen = -1;
    await eventually(
      async () => {
        const isStill = sent === seen && reel.seen.read > 0;
        seen = sent;
        await wait(300);
        return isStill;
      },
      { withinMs: 20_000 },
    );
    // The buffers of the system are the larger part of it.
    expect(sent).toBeLessThan(40 * mib);
    const { arrayBuffers, external } = process.memoryUsage();
    expect(Math.max(arrayBuffers - before.arrayBuffers, external - before.external)).toBeLessThan(40 * mib);
    reel.go();
    await sending;
    await peer.ended();
    expect(JSON.parse(peer.text)).toMatchObject({ bytes: total });
  });

  it('may wait longer for its turn than a body may take to arrive that is collected', async () => {
    await using other = await startMesh({ bodyTimeoutMs: 300 });
    const busy = await startReel(other, 'reel', { max_concurrency: 1 });
    busy.stop();
    const urls = Array(2).fill(`${other.url}/api/plugins/reel/invoke/take`) as string[];
    const [first, second] = urls.map((url) => {
      const headers = { 'content-type': 'video/mp4', 'transfer-encoding': 'chunked' };
      const peer = new HttpPeer(url, { headers });
      peers.push(peer);
      peer.request.write('1');
      return peer;
    }) as [HttpPeer, HttpPeer];
    await eventually(() => busy.instance.telemetry().queue_depth === 1);
    await wait(1_000);
    busy.go();
    for (const peer of [first, second]) {
      peer.request.end('2');
      await peer.ended();
      expect([peer.status, peer.error]).toEqual([200, undefined]);
    }
    await busy.instance.drain();
  });

  it('above the limit of its plugin is refused before it is read, when its length says so', async () => {
    const peer = upload(300 * mib);
    peer.request.flushHeaders();
    const problem = await problemOf(peer);
    expect([problem.status, problem.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect(problem.detail).toContain('limits.max_upload_mb');
    expect(reel.seen.read).toBe(0);
  });

  it('above the limit of its plugin is refused when it has come so far, when nothing says so', async () => {
    const peer = upload(undefined);
    const sending = (async () => {
      for (let i = 0; i < 240 && !peer.response && !peer.error; i += 1)
        await Promise.race([peer.write(Buffer.alloc(mib)), peer.answered()]);
    })();
    const problem = await problemOf(peer);
    expect([problem.status, problem.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    await sending;
  });

  it('to a capability that takes none is refused', async () => {
    const peer = upload(2 * mib, 'picture');
    await send(peer, 2 * mib);
    expect((await problemOf(peer)).code).toBe('PAYLOAD_TOO_LARGE');
  });

  it('needs a content type', async () => {
    const peer = new HttpPeer(`${mesh.url}/api/plugins/reel/invoke/take`, {
      headers: { 'transfer-encoding': 'chunked' },
    });
    peers.push(peer);
    await peer.write(Buffer.from('1'));
    const problem = await problemOf(peer);
    expect([problem.code, problem.detail]).toEqual([
      'INVALID_PAYLOAD',
      expect.stringContaining('Content-Type') as unknown,
    ]);
  });

  it('ends the work for it when the client leaves in its middle', async () => {
    const peer = upload(100 * mib);
    await peer.write(Buffer.alloc(mib));
    await eventually(() => reel.seen.read > 0);
    peer.leave();
    await eventually(() => reel.seen.ended.length > 0);
    expect(reel.seen.ended).toEqual(['CANCELLED']);
  });

  it('that stops coming ends, and says why', async () => {
    const peer = upload(undefined);
    await peer.write(Buffer.from('1'));
    const problem = await problemOf(peer);
    expect([problem.status, problem.code]).toEqual([400, 'INVALID_PAYLOAD']);
    expect(problem.detail).toContain('500 ms');
    await eventually(() => reel.seen.ended.length > 0);
  });

  it('ends at the deadline of its invocation', async () => {
    reel.stop();
    const peer = upload(100 * mib, 'take', { 'bkg-timeout-ms': '300' });
    void send(peer, 100 * mib);
    const problem = await problemOf(peer);
    expect([problem.status, problem.code]).toEqual([504, 'DEADLINE_EXCEEDED']);
  });

  it.each([
    ['with a length', 100 * mib],
    ['of unknown length', undefined],
  ])(
    '%s that is answered before it was read is answered whole, and its connection closed',
    async (_, bytes) => {
      const peer = upload(bytes, 'refuse');
      const sending = (async () => {
        for (let i = 0; i < 100 && !peer.response && !peer.error; i += 1)
          await Promise.race([peer.write(Buffer.alloc(64 * 1024)), peer.answered()]);
      })();
      await peer.ended();
      await sending;
      expect([peer.status, peer.text, peer.response?.headers.connection]).toEqual([
        200,
        '"No, thank you."',
        'close',
      ]);
      expect(peer.error).toBeUndefined();
    },
  );
});

describe('JSON to a capability that takes bytes', () => {
  const json = { 'content-type': 'application/json' };

  it('goes as the bytes that it is, and with its content type', async () => {
    const answer = await fetch(`${mesh.url}/api/plugins/reel/invoke/mirror`, {
      method: 'POST',
      headers: json,
      body: '{"a": 1.0}',
    });
    expect([answer.headers.get('content-type'), await answer.text()]).toEqual([
      'application/json',
      '{"a": 1.0}',
    ]);
    const socket = await connectWs(mesh);
    const { output } = await socket.ask(
      { op: 'invoke', id: '1', plugin: 'reel', capability: 'take', payload: { a: 1 } },
      'result',
    );
    expect(output).toMatchObject({ type: 'application/json' });
    await socket[Symbol.asyncDispose]();
  });

  it('is refused by its type where that is not taken', async () => {
    const peer = upload(2, 'picture', json);
    peer.request.end('{}');
    expect((await problemOf(peer)).detail).toContain('application/json');
  });
});

describe('a client that reads nothing before it has sent all', () => {
  it('gets the answer to an upload that nobody has read, and is not kept waiting', async () => {
    const startedAt = performance.now();
    const peer = upload(8 * mib, 'refuse');
    await eventually(() => peer.request.socket?.connecting === false);
    peer.request.socket?.pause();
    await send(peer, 8 * mib);
    peer.request.socket?.resume();
    await peer.ended();
    expect([peer.error, peer.status, peer.text]).toEqual([undefined, 200, '"No, thank you."']);
    expect(performance.now() - startedAt).toBeLessThan(1_900);
  });
});

describe('a client that asks before it sends', () => {
  const expects = { expect: '100-continue' };

  it('is told to go on when the plugin reads', async () => {
    const peer = upload(2 * mib, 'take', expects);
    peer.request.flushHeaders();
    await eventually(() => peer.isContinued);
    await send(peer, 2 * mib);
    await peer.ended();
    expect([peer.status, reel.seen.read]).toEqual([200, 2 * mib]);
  });

  it('is told to go on when its body is collected', async () => {
    const peer = upload(5, 'take', expects);
    peer.request.flushHeaders();
    await eventually(() => peer.isContinued);
    peer.request.end('hello');
    await peer.ended();
    expect(peer.status).toBe(200);
  });

  it.each([
    ['too large for the plugin', 'take', 300 * mib, 413],
    ['too large for a message', 'picture', 3 * mib, 413],
    ['not wanted', 'refuse', 100 * mib, 200],
    ['for nobody', 'NOTHING', 5, 404],
  ])(
    'is answered without being told when the body is %s, and the connection ends',
    async (_, to, bytes, status) => {
      const peer = upload(bytes, to, expects);
      peer.request.flushHeaders();
      await peer.ended();
      expect([peer.status, peer.response?.headers.connection]).toEqual([status, 'close']);
      expect(peer.isContinued).toBe(false);
    },
  );
});

describe('a body that is collected', () => {
  it('has its time, however it drips, and so has one that nobody reads', async () => {
    await using other = await startMesh({ bodyTimeoutMs: 300 });
    for (const [line, status] of [
      ['POST /api/plugins/one/invoke/echo', '400'],
      ['POST /api/nowhere', '404'],
    ] as const) {
      const socket = connect(other.port, '127.0.0.1');
      let text = '';
      socket.on('data', (data: Buffer) => (text += data.toString()));
      socket.on('error', () => undefined);
      const closed = new Promise((resolve) => socket.on('close', resolve));
      socket.write(
        `${line} HTTP/1.1\r\nHost: 127.0.0.1:${other.port}\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n`,
      );
      const drip = setInterval(() => socket.writable && socket.write('x'), 50);
      await closed;
      clearInterval(drip);
      expect(text.split(' ')[1]).toBe(status);
    }
  });
});
