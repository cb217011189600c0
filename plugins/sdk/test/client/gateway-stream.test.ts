import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectGateway } from '../../src/client/ws/index.ts';
import type { ConnectGatewayOptions, GatewayClient, InvocationStream } from '../../src/client/ws/index.ts';
import {
  BusyError,
  CancelledError,
  ConnectionLostError,
  DeadlineExceededError,
  InternalError,
  InvalidPayloadError,
} from '../../src/client/ws/index.ts';
import { errorTable, problemOf } from '../../src/protocol/errors.ts';
import type { ErrorCode } from '../../src/protocol/errors.ts';
import { eventually } from '../../src/testing.ts';
import { FakeGateway } from './fake-gateway.ts';
import type { Frame } from './fake-gateway.ts';

let gateway: FakeGateway;
const clients: GatewayClient[] = [];

beforeEach(async () => {
  gateway = await FakeGateway.start();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((one) => one.close()));
  await gateway.stop();
});

function connect(options: ConnectGatewayOptions = {}): GatewayClient {
  const client = connectGateway({ url: gateway.url, retry: { firstMs: 1 }, firstDelayMs: 20, ...options });
  clients.push(client);
  return client;
}

const problem = (code: ErrorCode) => problemOf(code, errorTable[code], 'so it is');
const framesOf = (op: string): Frame[] =>
  gateway.peers.flatMap(({ frames }) => frames).filter((frame) => frame.op === op);

/** The gateway's end of one stream. */
class Sender {
  readonly #frame: Frame;
  readonly #send: (frame: unknown) => void;
  open: number;
  seq = 0;

  constructor(frame: Frame, send: (frame: unknown) => void) {
    this.#frame = frame;
    this.#send = send;
    this.open = Number(frame.stream);
  }

  chunk(chunk: unknown, seq = this.seq): void {
    const { id, invocation_id } = this.#frame;
    this.#send({ type: 'chunk', id, invocation_id, seq, chunk });
    this.seq = seq + 1;
    this.open -= 1;
  }

  result(output: unknown): void {
    const { id, invocation_id } = this.#frame;
    this.#send({ type: 'result', id, invocation_id, output });
  }

  error(code: ErrorCode): void {
    const { id, invocation_id } = this.#frame;
    this.#send({ type: 'error', id, invocation_id, problem: problem(code) });
  }
}

/** @param begin is told of each invocation */
function answer(begin: (sender: Sender, frame: Frame) => void): Map<string, Sender> {
  const senders = new Map<string, Sender>();
  gateway.onFrame = (frame, { send }) => {
    if (frame.op === 'credit') {
      const sender = senders.get(frame.id);
      if (sender) sender.open += Number(frame.credit);
      return;
    }
    if (frame.op !== 'invoke') return;
    const sender = new Sender(frame, send);
    senders.set(frame.id, sender);
    begin(sender, frame);
  };
  return senders;
}

async function collect<Chunk>(stream: InvocationStream<Chunk>): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

describe('a stream over the gateway', () => {
  it('brings the chunks in their order, and the output', async () => {
    answer((sender, { payload }) => {
      for (const chunk of payload as unknown[]) sender.chunk(chunk);
      sender.result({ count: sender.seq });
    });
    const stream = connect().stream('echo', 'each', [1, { a: null }, 'x'], {
      invocationId: 'mine',
      window: 7,
    });
    expect(await collect(stream)).toEqual([1, { a: null }, 'x']);
    expect(await stream.output).toEqual({ count: 3 });
    expect(stream.invocationId).toBe('mine');
    expect(framesOf('invoke')).toMatchObject([
      { stream: 7, invocation_id: 'mine', payload: [1, { a: null }, 'x'] },
    ]);
  });

  it('loses no digit when it is raw', async () => {
    const text = '{ "n": 12345678901234567890.10, "chunk": [1e400, "\\"}"] }';
    gateway.onFrame = ({ id }, { send }) => {
      send(`{"type":"chunk","id":"${id}","invocation_id":"x","seq":0, "chunk":\n${text} , "more":1}`);
      send(`{"type":"result","id":"${id}","invocation_id":"x","output": ${text}}`);
    };
    const stream = connect().streamRaw('echo', 'each', text);
    expect(await collect(stream)).toEqual([text]);
    expect(await stream.output).toBe(text);
    expect(gateway.peer.texts[0]).toContain(`"payload":${text}}`);
  });

  it('has no chunks when the answer is one result', async () => {
    answer((sender) => sender.result('all'));
    const stream = connect().stream('echo', 'say', {});
    expect(await collect(stream)).toEqual([]);
    expect(await stream.output).toBe('all');
  });

  it('gives credit when half of its window is read, and never has more open', async () => {
    const total = 200;
    const senders = answer(() => undefined);
    const stream = connect().stream('echo', 'each', {}, { window: 8 });
    const reading = collect(stream);
    await eventually(() => senders.size === 1);
    const [sender] = senders.values();
    for (let sent = 0; sent < total;) {
      await eventually(() => sender!.open > 0);
      expect(sender!.open).toBeLessThanOrEqual(8);
      sender!.chunk(sent);
      sent += 1;
    }
    sender!.result(null);
    expect(await reading).toEqual(Array.from({ length: total }, (_, i) => i));
    const credits = framesOf('credit').map(({ credit }) => credit);
    expect(credits.every((credit) => credit === 4)).toBe(true);
    // Of the last half nobody needs to know.
    expect(credits.length).toBeGreaterThanOrEqual(total / 4 - 2);
  });

  it('holds no more than its window while nobody reads', async () => {
    const senders = answer((sender) => {
      for (let i = 0; i < 4; i += 1) sender.chunk(i);
    });
    const client = connect();
    const stream = client.stream('echo', 'each', {}, { window: 4 });
    await eventually(() => senders.size === 1);
    // All that was sent before is read when this is answered.
    await client.stream('echo', 'each', {}, { window: 4 })[Symbol.asyncIterator]().next();
    const [sender] = senders.values();
    expect(sender?.open).toBe(0);
    expect(framesOf('credit').filter(({ id }) => id === framesOf('invoke')[0]?.id)).toEqual([]);
    sender?.result('end');
    expect(await collect(stream)).toEqual([0, 1, 2, 3]);
  });

  it('lets more small chunks be under way when nobody has set a window', async () => {
    const senders = answer((sender) => sender.chunk('x'));
    const stream = connect().stream('echo', 'each', {});
    const reading = collect(stream);
    await eventually(() => senders.size === 1);
    const [sender] = senders.values();
    await eventually(() => (sender?.open ?? 0) > 900);
    expect(sender?.open).toBeLessThanOrEqual(1_024);
    sender?.result(null);
    expect(await reading).toEqual(['x']);
  });
});

describe('a stream ends early', () => {
  it.each([
    ['is missing', 2],
    ['comes twice', 0],
  ])('when a chunk %s, and the gateway is told to cancel it', async (_what, second) => {
    answer((sender) => {
      sender.chunk('first');
      sender.chunk('other', second);
    });
    const stream = connect().stream('echo', 'each', {}, { invocationId: 'mine' });
    const chunks: unknown[] = [];
    const reading = (async () => {
      for await (const chunk of stream) chunks.push(chunk);
    })();
    await expect(reading).rejects.toThrow(InternalError);
    await expect(stream.output).rejects.toMatchObject({ code: 'INTERNAL', invocationId: 'mine' });
    expect(chunks).toEqual(['first']);
    await eventually(() => framesOf('cancel').length === 1);
  });

  it('when more comes than there was credit for', async () => {
    answer((sender) => {
      for (let i = 0; i < 3; i += 1) sender.chunk(i);
    });
    const stream = connect().stream('echo', 'each', {}, { window: 2 });
    // It asks for nothing before the third is here.
    await eventually(() => framesOf('cancel').length === 1);
    await expect(collect(stream)).rejects.toThrow('credit');
  });

  it('when its reader leaves the loop, cancels it, or aborts', async () => {
    answer((sender) => sender.chunk('first'));
    const client = connect();
    for await (const chunk of client.stream('echo', 'each', {})) {
      expect(chunk).toBe('first');
      break;
    }
    await eventually(() => framesOf('cancel').length === 1);
    const second = client.stream('echo', 'each', {});
    const reading = collect(second);
    await eventually(() => framesOf('invoke').length === 2);
    second.cancel();
    await expect(reading).rejects.toThrow(CancelledError);
    await eventually(() => framesOf('cancel').length === 2);
    const controller = new AbortController();
    const third = collect(client.stream('echo', 'each', {}, { signal: controller.signal }));
    await eventually(() => framesOf('invoke').length === 3);
    controller.abort();
    await expect(third).rejects.toThrow(CancelledError);
    await eventually(() => framesOf('cancel').length === 3);
    expect(framesOf('cancel').map(({ id }) => id)).toEqual(framesOf('invoke').map(({ id }) => id));
    // After its end it does nothing.
    second.cancel();
    answer((sender) => sender.result(1));
    expect(await client.invoke('echo', 'say', {})).toBe(1);
    expect(framesOf('cancel')).toHaveLength(3);
  });

  it('when the connection is lost: what has come is read, then that is said; and it is not sent again', async () => {
    answer((sender) => {
      sender.chunk(1);
      sender.chunk(2);
    });
    const client = connect();
    const stream = client.stream('echo', 'each', {}, { idempotent: true });
    const iterator = stream[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: 1 });
    await eventually(() => gateway.peer.frames.length > 0);
    gateway.peer.socket.terminate();
    await expect(stream.output).rejects.toThrow(ConnectionLostError);
    expect(await iterator.next()).toEqual({ done: false, value: 2 });
    await expect(iterator.next()).rejects.toThrow(ConnectionLostError);
    answer((sender) => sender.result('again'));
    expect(await eventually(() => client.invoke('echo', 'say', {}))).toBe('again');
    expect(framesOf('invoke').filter(({ stream: window }) => window !== undefined)).toHaveLength(1);
  });

  it('when its time is over, whatever has come', async () => {
    answer((sender) => sender.chunk(1));
    const stream = connect().stream('echo', 'each', {}, { timeoutMs: 100 });
    await expect(collect(stream)).rejects.toThrow(DeadlineExceededError);
    await eventually(() => framesOf('cancel').length === 1);
  });

  it('when the client is closed', async () => {
    answer((sender) => sender.chunk(1));
    const client = connect();
    const reading = collect(client.stream('echo', 'each', {}));
    await eventually(() => framesOf('invoke').length === 1);
    await client.close();
    await expect(reading).rejects.toThrow(CancelledError);
    await expect(collect(client.stream('echo', 'each', {}))).rejects.toThrow('The client was closed.');
  });

  it('with the problem that the gateway sends, after what has come', async () => {
    answer((sender) => {
      sender.chunk(1);
      sender.error('PLUGIN_CRASHED');
    });
    const stream = connect().stream('echo', 'each', {}, { idempotent: true });
    const chunks: unknown[] = [];
    const reading = (async () => {
      for await (const chunk of stream) chunks.push(chunk);
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'PLUGIN_CRASHED',
      invocationId: stream.invocationId,
    });
    expect(chunks).toEqual([1]);
    expect(framesOf('invoke')).toHaveLength(1);
  });
});

describe('before its first chunk a stream', () => {
  it('is tried again when the table allows it', async () => {
    answer((sender) => {
      if (framesOf('invoke').length < 3) return sender.error('BUSY');
      sender.chunk('at last');
      sender.result(null);
    });
    expect(await collect(connect().stream('echo', 'each', {}))).toEqual(['at last']);
    expect(framesOf('invoke')).toHaveLength(3);
  });

  it('fails with the last error when it was tried often enough', async () => {
    answer((sender) => sender.error('BUSY'));
    const stream = connect().stream('echo', 'each', {}, { maxAttempts: 2 });
    await expect(stream.output).rejects.toThrow(BusyError);
    expect(framesOf('invoke')).toHaveLength(2);
  });

  it('is refused for a window or a payload that cannot be', async () => {
    const client = connect();
    for (const window of [0, 1_025, 1.5, NaN]) {
      await expect(collect(client.stream('echo', 'each', {}, { window }))).rejects.toThrow(
        InvalidPayloadError,
      );
    }
    await expect(collect(client.streamRaw('echo', 'each', '{'))).rejects.toThrow(InvalidPayloadError);
    expect(gateway.peers).toHaveLength(0);
  });
});
