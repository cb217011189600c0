import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectGateway } from '../../src/client/ws/index.ts';
import type { ConnectGatewayOptions, GatewayClient, Retry } from '../../src/client/ws/index.ts';
import {
  BusyError,
  CancelledError,
  ConnectionLostError,
  DeadlineExceededError,
  DeclaredPluginError,
  InvalidPayloadError,
  OfflineError,
  PayloadTooLargeError,
  PluginUnavailableError,
} from '../../src/client/ws/index.ts';
import { errorTable, problemOf } from '../../src/protocol/errors.ts';
import type { ErrorCode } from '../../src/protocol/errors.ts';
import { eventually } from '../../src/testing.ts';
import { FakeGateway } from './fake-gateway.ts';
import type { Frame } from './fake-gateway.ts';

let gateway: FakeGateway;
let retries: Retry[];
const clients: GatewayClient[] = [];

beforeEach(async () => {
  gateway = await FakeGateway.start();
  retries = [];
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((one) => one.close()));
  await gateway.stop();
});

function connect(options: ConnectGatewayOptions = {}): GatewayClient {
  const client = connectGateway({
    url: gateway.url,
    retry: { firstMs: 1, onRetry: (one) => retries.push(one) },
    firstDelayMs: 20,
    ...options,
  });
  clients.push(client);
  return client;
}

const problem = (code: ErrorCode) => problemOf(code, errorTable[code], 'so it is');
const invoked = (): Frame[] =>
  gateway.peers.flatMap(({ frames }) => frames).filter(({ op }) => op === 'invoke');

/** Answers every invocation with its payload. */
function echo(): void {
  gateway.onFrame = ({ op, id, invocation_id, payload }, { send }) => {
    if (op === 'invoke') send({ type: 'result', id, invocation_id, output: payload });
  };
}

describe('an invocation over the gateway', () => {
  it('dials, and brings the output back', async () => {
    echo();
    const client = connect();
    expect(gateway.peers).toHaveLength(0);
    const outputs = await Promise.all([1, 2, 3].map((n) => client.invoke('echo', 'text.say', { n })));
    expect(outputs).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(await client.invoke('echo', 'text.say', undefined)).toEqual({});
    expect(gateway.peers).toHaveLength(1);
    expect(new Set(invoked().map(({ id }) => id)).size).toBe(4);
  });

  it('takes id, time and trace along', async () => {
    echo();
    await connect().invoke('echo', 'text.say', null, {
      timeoutMs: 5_000,
      invocationId: 'mine',
      traceparent: '00-1-2-00',
      tracestate: 'a=b',
    });
    expect(invoked()).toEqual([
      {
        op: 'invoke',
        id: expect.any(String),
        plugin: 'echo',
        capability: 'text.say',
        invocation_id: 'mine',
        timeout_ms: expect.toSatisfy((ms: number) => Number.isInteger(ms) && ms > 0 && ms <= 5_000),
        traceparent: '00-1-2-00',
        tracestate: 'a=b',
        payload: null,
      },
    ]);
  });

  it('loses no digit when it is raw', async () => {
    const text = '{ "n": 12345678901234567890.10, "output": [1e400, "\\"}"] }';
    gateway.onFrame = ({ id }, { send, texts }) => {
      expect(texts.at(-1)).toContain(`"payload":${text}}`);
      send(`{"type":"result", "id":"${id}","invocation_id":"x","output":\n${text} , "more":{"output":1}}`);
    };
    expect(await connect().invokeRaw('echo', 'a', text, { invocationId: 'mine' })).toEqual({
      invocationId: 'mine',
      text,
    });
    await expect(connect().invokeRaw('echo', 'a', '1,"plugin":"other"')).rejects.toThrow(InvalidPayloadError);
  });

  it('fails with the class of its code', async () => {
    gateway.onFrame = ({ id, capability }, { send }) => {
      const own = problemOf('ECHO_TIRED', { number: 422, retryable: false }, 'so tired');
      send({ type: 'error', id, problem: capability === 'own' ? own : problem(capability as ErrorCode) });
    };
    const client = connect({ retry: false });
    await expect(client.invoke('echo', 'INVALID_PAYLOAD', {})).rejects.toThrow(InvalidPayloadError);
    await expect(client.invoke('echo', 'BUSY', {})).rejects.toThrow(BusyError);
    await expect(client.invoke('echo', 'own', {}, { invocationId: 'mine' })).rejects.toMatchObject({
      constructor: DeclaredPluginError,
      code: 'ECHO_TIRED',
      invocationId: 'mine',
    });
  });

  it('is tried again when the table allows it', async () => {
    gateway.onFrame = ({ id, invocation_id, payload }, { send }) => {
      if (invoked().length < 3) send({ type: 'error', id, invocation_id, problem: problem('BUSY') });
      else send({ type: 'result', id, invocation_id, output: payload });
    };
    expect(await connect().invoke('echo', 'text.say', 7)).toBe(7);
    expect(new Set(invoked().map(({ invocation_id }) => invocation_id)).size).toBe(1);
    expect(new Set(invoked().map(({ id }) => id)).size).toBe(3);
    expect(retries.map(({ error }) => error.code)).toEqual(['BUSY', 'BUSY']);
  });

  it('waits for its turn when the gateway has as many as it takes', async () => {
    const client = connect({ waitingMost: 40, retry: false });
    const ends: (() => void)[] = [];
    gateway.onFrame = ({ id, payload }, { send }) => {
      ends.push(() => send({ type: 'result', id, invocation_id: 'x', output: payload }));
    };
    const first = client.invoke('echo', 'text.say', 0);
    await eventually(() => ends.length === 1);
    const others = Array.from({ length: 103 }, (_, i) => client.invoke('echo', 'text.say', i + 1));
    await expect(client.invoke('echo', 'text.say', 'one too many')).rejects.toThrow(BusyError);
    await eventually(() => ends.length === 64);
    ends.shift()!();
    expect(await first).toBe(0);
    await eventually(() => invoked().length === 65);
    gateway.onFrame = () => undefined;
    echo();
    for (const end of ends) end();
    expect(await Promise.all(others)).toEqual(Array.from({ length: 103 }, (_, i) => i + 1));
  });

  it('is cancelled when the caller gives up, and when the gateway says nothing in time', async () => {
    const client = connect();
    const controller = new AbortController();
    const given = client.invoke('echo', 'text.say', {}, { signal: controller.signal });
    await eventually(() => invoked().length === 1);
    controller.abort();
    await expect(given).rejects.toThrow(CancelledError);
    const before = performance.now();
    await expect(client.invoke('echo', 'text.say', {}, { timeoutMs: 100 })).rejects.toThrow(
      DeadlineExceededError,
    );
    // Its own answer is the better one, and gets a second more.
    expect(performance.now() - before).toBeGreaterThan(1_090);
    const cancels = (): Frame[] => gateway.peer.frames.filter(({ op }) => op === 'cancel');
    await eventually(() => cancels().length === 2);
    expect(cancels().map(({ id }) => id)).toEqual(invoked().map(({ id }) => id));
    // What comes late disturbs nothing.
    for (const { id } of invoked()) gateway.peer.send({ type: 'error', id, problem: problem('CANCELLED') });
    echo();
    expect(await client.invoke('echo', 'text.say', 1)).toBe(1);
  });

  it('is cancelled when the client is closed', async () => {
    const client = connect();
    const given = client.invoke('echo', 'text.say', {});
    await eventually(() => invoked().length === 1);
    await client.close();
    await expect(given).rejects.toThrow('The client was closed.');
    await expect(client.invoke('echo', 'text.say', {})).rejects.toThrow(CancelledError);
    await eventually(() => gateway.peer.socket.readyState === gateway.peer.socket.CLOSED);
    expect(client.state).toMatchObject({ status: 'offline', reason: 'The client was closed.' });
  });
});

describe('when the gateway goes away in the middle of an invocation', () => {
  it('nobody knows whether it has run, and it is not sent again', async () => {
    const client = connect();
    const given = client.invoke('echo', 'text.say', {}, { timeoutMs: 60_000 });
    await eventually(() => invoked().length === 1);
    const { port } = gateway;
    await gateway.stop();
    await expect(given).rejects.toThrow(ConnectionLostError);
    gateway = await FakeGateway.start({ port, id: 'g2' });
    echo();
    expect(await eventually(() => client.invoke('echo', 'text.say', 2))).toBe(2);
    expect(invoked().filter(({ payload }) => payload !== 2)).toEqual([]);
  });

  it('it is sent again, with another id, when that does no harm', async () => {
    gateway.onFrame = (frame, { socket }) => {
      if (frame.op !== 'invoke') return;
      echo();
      socket.terminate();
    };
    const client = connect();
    expect(await client.invoke('echo', 'text.say', 1, { idempotent: true })).toBe(1);
    const ids = invoked().map(({ invocation_id }) => invocation_id);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(2);
    expect(retries).toMatchObject([{ error: { name: 'ConnectionLostError' } }]);
  });

  it('a frame that is too large for it is told from the others', async () => {
    await gateway.stop();
    gateway = await FakeGateway.start({ maxFrameBytes: 10_000 });
    const client = connect();
    const small = client.invoke('echo', 'text.say', {}).catch((error: unknown) => error);
    await eventually(() => invoked().length === 1);
    await expect(client.invoke('echo', 'text.say', 'x'.repeat(20_000))).rejects.toThrow(PayloadTooLargeError);
    expect(await small).toBeInstanceOf(ConnectionLostError);
  });
});

describe('while there is no connection', () => {
  it('an invocation fails at once', async () => {
    await gateway.stop();
    const client = connect();
    await expect(client.invoke('echo', 'text.say', {})).rejects.toThrow(OfflineError);
    const before = performance.now();
    const failure = client.invoke('echo', 'text.say', {});
    await expect(failure).rejects.toThrow(PluginUnavailableError);
    await expect(failure).rejects.toThrow(
      'There is no connection to the gateway. The gateway cannot be reached.',
    );
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(retries).toEqual([]);
  });

  it('a bounded number waits for one, when that is wanted', async () => {
    const { port } = gateway;
    await gateway.stop();
    const client = connect({ whileOffline: 'wait', waitingMost: 2, retry: false });
    const controller = new AbortController();
    const waiting = [
      client.invoke('echo', 'text.say', 1),
      client.invoke('echo', 'text.say', 2, { signal: controller.signal }),
    ];
    await expect(client.invoke('echo', 'text.say', 3)).rejects.toThrow(BusyError);
    controller.abort();
    await expect(waiting[1]).rejects.toThrow(CancelledError);
    const before = performance.now();
    const late = client.invoke('echo', 'text.say', 4, { timeoutMs: 50 });
    await expect(late).rejects.toThrow('There was no connection to the gateway within 50 ms.');
    expect(performance.now() - before).toBeLessThan(2_000);
    gateway = await FakeGateway.start({ port });
    echo();
    expect(await waiting[0]).toBe(1);
    expect(invoked().map(({ payload }) => payload)).toEqual([1]);
  });
});
