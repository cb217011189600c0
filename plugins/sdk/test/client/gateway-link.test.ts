import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket as WsSocket } from 'ws';
import { createKey } from '../../src/access/key.ts';
import { connectGateway } from '../../src/client/ws/index.ts';
import type {
  ClientState,
  ConnectGatewayOptions,
  GatewayClient,
  SocketConstructor,
} from '../../src/client/ws/index.ts';
import { delay } from '../../src/host/delay.ts';
import { errorTable, problemOf } from '../../src/protocol/errors.ts';
import type { LogRecord } from '../../src/protocol/log-record.ts';
import { eventually } from '../../src/testing.ts';
import { FakeGateway } from './fake-gateway.ts';

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
  const client = connectGateway({ url: gateway.url, firstDelayMs: 20, mostDelayMs: 100, ...options });
  clients.push(client);
  return client;
}

/** Follows the logs and keeps all that is said. */
function follow(client: GatewayClient) {
  const said: unknown[] = [];
  const end = client.subscribe(
    { topic: 'logs', plugins: ['echo'] },
    {
      onSnapshot: (snapshot) => said.push({ snapshot }),
      onData: ({ message }: LogRecord) => said.push(message),
      onDropped: (count) => said.push({ count }),
    },
  );
  return { said, end };
}

async function live(client: GatewayClient): Promise<void> {
  await eventually(() => client.state.status === 'live');
}

/** By listening: it may be over before anybody looks again. */
async function offline(client: GatewayClient, withinMs = 10_000): Promise<ClientState> {
  let { state } = client;
  const end = client.onState((next) => {
    if (state.status !== 'offline') state = next;
  });
  try {
    await eventually(() => state.status === 'offline', { withinMs });
    return state;
  } finally {
    end();
  }
}

describe('a subscription', () => {
  it('says first what is and then what comes', async () => {
    const { said, end } = follow(connect());
    const { id } = await eventually(() => gateway.peer.frames[0]);
    expect(gateway.peer.frames).toEqual([{ op: 'subscribe', id, topic: 'logs', plugins: ['echo'] }]);
    const { send } = gateway.peer;
    send({ type: 'snapshot', id, topic: 'logs', seq: 3, snapshot: [] });
    send({ type: 'data', id, topic: 'logs', seq: 5, data: { message: 'one' } });
    send({ type: 'dropped', id, topic: 'logs', count: 7 });
    send({ type: 'data', id: 'other', topic: 'logs', seq: 6, data: { message: 'not ours' } });
    send({ type: 'data', id, topic: 'logs', seq: 9, data: { message: 'two' } });
    await eventually(() => said.length === 4);
    expect(said).toEqual([{ snapshot: [] }, 'one', { count: 7 }, 'two']);
    end();
    end();
    send({ type: 'data', id, topic: 'logs', seq: 10, data: { message: 'three' } });
    await eventually(() => gateway.peer.frames.length === 2);
    expect(gateway.peer.frames.at(-1)).toEqual({ op: 'unsubscribe', id });
    expect(said).toHaveLength(4);
  });

  it('goes on after a reconnection where it was, and says nothing twice', async () => {
    const { said } = follow(connect());
    const { id } = await eventually(() => gateway.peer.frames[0]);
    gateway.peer.send({ type: 'snapshot', id, topic: 'logs', seq: 1, snapshot: [] });
    gateway.peer.send({ type: 'data', id, topic: 'logs', seq: 4, data: { message: 'one' } });
    await eventually(() => said.length === 2);
    gateway.peer.socket.terminate();
    await eventually(() => gateway.peers.length === 2 && gateway.peer.frames.length === 1);
    expect(gateway.peer.frames).toEqual([
      { op: 'subscribe', id, topic: 'logs', plugins: ['echo'], after_seq: 4, gateway: 'g1' },
    ]);
    for (const seq of [4, 6])
      gateway.peer.send({ type: 'data', id, topic: 'logs', seq, data: { message: `at ${seq}` } });
    await eventually(() => said.length === 3);
    expect(said.at(-1)).toBe('at 6');
  });

  it('begins anew with another gateway, whose numbers are its own', async () => {
    const { said } = follow(connect());
    const { id } = await eventually(() => gateway.peer.frames[0]);
    gateway.peer.send({ type: 'snapshot', id, topic: 'logs', seq: 50, snapshot: [] });
    await eventually(() => said.length === 1);
    const { port } = gateway;
    await gateway.stop();
    gateway = await FakeGateway.start({ port, id: 'g2' });
    await eventually(() => gateway.peer.frames.length === 1);
    expect(gateway.peer.frames[0]).toMatchObject({ after_seq: 50, gateway: 'g1' });
    gateway.peer.send({ type: 'snapshot', id, topic: 'logs', seq: 1, snapshot: [] });
    gateway.peer.send({ type: 'dropped', id, topic: 'logs', count: null });
    gateway.peer.send({ type: 'data', id, topic: 'logs', seq: 2, data: { message: 'new' } });
    await eventually(() => said.length === 4);
    expect(said.slice(1)).toEqual([{ snapshot: [] }, { count: null }, 'new']);
  });

  it('says how the connection is, until it ends', async () => {
    const states: string[] = [];
    const ignore = (): void => undefined;
    const onState = ({ status }: ClientState): void => void states.push(status);
    const client = connect();
    const end = client.subscribe({ topic: 'plugins' }, { onSnapshot: ignore, onData: ignore, onState });
    await live(client);
    gateway.peer.socket.terminate();
    await eventually(() => states.length === 3);
    end();
    gateway.peer.socket.terminate();
    await offline(client);
    expect(states).toEqual(['live', 'offline', 'live']);
  });

  it('that is refused says so on the console when nobody else wants to know', async () => {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    follow(connect());
    const { id } = await eventually(() => gateway.peer.frames[0]);
    gateway.peer.send({ type: 'error', id, problem: problemOf('BUSY', errorTable.BUSY, '64 are open') });
    gateway.peer.send({
      type: 'error',
      problem: problemOf('INVALID_PAYLOAD', errorTable.INVALID_PAYLOAD, 'no id'),
    });
    await eventually(() => complaints.mock.calls.length === 2);
    expect(complaints.mock.calls.map(([error]) => (error as Error).message)).toEqual([
      '64 are open',
      'no id',
    ]);
    complaints.mockRestore();
  });

  it('that is refused ends, and says why', async () => {
    const client = connect();
    const refused = new Promise((resolve) => {
      const ignore = (): void => undefined;
      client.subscribe(
        { topic: 'plugin', plugins: [] },
        { onSnapshot: ignore, onData: ignore, onError: resolve },
      );
    });
    const { id } = await eventually(() => gateway.peer.frames[0]);
    const problem = problemOf('INVALID_PAYLOAD', errorTable.INVALID_PAYLOAD, 'exactly one plugin');
    gateway.peer.send({ type: 'error', id, problem });
    expect(await refused).toMatchObject({ name: 'InvalidPayloadError', message: 'exactly one plugin' });
    gateway.peer.socket.terminate();
    await eventually(() => gateway.peers.length === 2);
    await live(client);
    expect(gateway.peer.frames).toEqual([]);
  });
});

describe('a subscription that a stopping gateway refuses', () => {
  it('goes with its socket, and the next connection brings it along', async () => {
    const errors: unknown[] = [];
    const client = connect();
    const snapshots: unknown[] = [];
    client.subscribe(
      { topic: 'plugins' },
      {
        onSnapshot: (snapshot) => snapshots.push(snapshot),
        onData: () => undefined,
        onError: (error) => errors.push(error),
      },
    );
    const { id } = await eventually(() => gateway.peer.frames[0]);
    const problem = problemOf(
      'PLUGIN_UNAVAILABLE',
      errorTable.PLUGIN_UNAVAILABLE,
      'The gateway is stopping.',
    );
    gateway.peer.send({ type: 'error', id, problem });
    gateway.peer.socket.close(1001);
    await eventually(() => gateway.peers.length === 2 && gateway.peer.frames.length === 1);
    expect(gateway.peer.frames).toEqual([{ op: 'subscribe', id, topic: 'plugins' }]);
    gateway.peer.send({ type: 'snapshot', id, topic: 'plugins', seq: 1, snapshot: [] });
    await eventually(() => snapshots.length === 1);
    expect(errors).toEqual([]);
  });

  it('can be ended before the next connection', async () => {
    const client = connect();
    const { end } = follow(client);
    const { id } = await eventually(() => gateway.peer.frames[0]);
    const problem = problemOf(
      'PLUGIN_UNAVAILABLE',
      errorTable.PLUGIN_UNAVAILABLE,
      'The gateway is stopping.',
    );
    gateway.peer.send({ type: 'error', id, problem });
    end();
    gateway.peer.socket.close(1001);
    await eventually(() => gateway.peers.length === 2);
    await live(client);
    expect(gateway.peer.frames).toEqual([]);
  });
});

describe('the connection', () => {
  it('says its states, and since when', async () => {
    const client = connect();
    const states: ClientState[] = [];
    client.onState((state) => states.push(state));
    expect(client.state.status).toBe('connecting');
    follow(client);
    await live(client);
    const lost = new Date();
    const { port } = gateway;
    await gateway.stop();
    await eventually(() => states.filter(({ status }) => status === 'offline').length >= 3);
    const offline = client.state;
    expect(offline).toMatchObject({ status: 'offline', reason: 'The gateway cannot be reached.' });
    // Each failed try is said, but it is offline since the loss.
    const firstOffline = states.find(({ status }) => status === 'offline');
    expect(offline.since).toBe(firstOffline?.since);
    expect(firstOffline?.reason).toBe('The gateway closed the connection.');
    expect(offline.since.getTime()).toBeGreaterThanOrEqual(lost.getTime());
    expect(offline.retryAt!.getTime()).toBeGreaterThan(offline.since.getTime());
    gateway = await FakeGateway.start({ port });
    await live(client);
    expect(states.map(({ status }) => status).filter((status, i, all) => status !== all[i - 1])).toEqual([
      'live',
      'offline',
      'live',
    ]);
    expect(client.state.since.getTime()).toBeGreaterThan(offline.since.getTime());
  });

  it('is given up when no hello comes in time, and dialled again', async () => {
    await gateway.stop();
    gateway = await FakeGateway.start({ greets: false });
    const client = connect({ dialTimeoutMs: 100 });
    follow(client);
    await eventually(() => gateway.peers.length >= 3);
    expect(client.state).toMatchObject({ status: 'offline', reason: 'The gateway did not answer in time.' });
    await eventually(() => gateway.peers[0]?.socket.readyState === gateway.peer.socket.CLOSED);
  });

  it('is given up when a server takes it and says nothing at all', async () => {
    const mute = createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(mute.address() as AddressInfo).port}`;
      const client = connect({ url, dialTimeoutMs: 100 });
      await expect(client.invoke('echo', 'text.say', {})).rejects.toThrow(
        'The gateway did not answer in time.',
      );
    } finally {
      mute.close();
    }
  });

  it('that is silent is asked for a sign, not more often than need be, and given up without one', async () => {
    let answers = true;
    gateway.onFrame = ({ op, id }, { send }) => {
      if (op === 'unsubscribe' && answers) send({ type: 'unsubscribed', id });
    };
    const before = performance.now();
    const client = connect({ silenceMs: 200, signTimeoutMs: 1_000 });
    follow(client);
    await live(client);
    const { peer } = gateway;
    const signs = (): number => peer.frames.filter(({ op }) => op === 'unsubscribe').length;
    await eventually(() => signs() === 3);
    expect(performance.now() - before).toBeGreaterThan(590);
    expect(gateway.peers).toHaveLength(1);
    answers = false;
    expect((await offline(client)).reason).toBe('The gateway has gone silent.');
    expect(signs()).toBeLessThanOrEqual(5);
    answers = true;
    await eventually(() => gateway.peers.length === 2);
    await live(client);
  });

  it(
    'to a gateway that hangs is given up after about ten seconds, by default',
    { timeout: 20_000 },
    async () => {
      const client = connect();
      follow(client);
      await live(client);
      const liveAt = performance.now();
      expect((await offline(client, 15_000)).reason).toBe('The gateway has gone silent.');
      const tookMs = performance.now() - liveAt;
      // Not for a hiccup, and long before a page has stood still for half a minute.
      expect(tookMs).toBeGreaterThan(8_000);
      expect(tookMs).toBeLessThan(12_500);
      expect(gateway.peers[0]?.frames.filter(({ op }) => op === 'unsubscribe')).toHaveLength(1);
    },
  );

  it('is not asked for a sign while it says something', async () => {
    const client = connect({ silenceMs: 1_200 });
    const { said } = follow(client);
    await live(client);
    const { id } = await eventually(() => gateway.peer.frames[0]);
    for (let seq = 1; seq <= 8; seq += 1) {
      gateway.peer.send({ type: 'data', id, topic: 'logs', seq, data: { message: 'x' } });
      // The silence in between is what this is about.
      await delay(200);
    }
    expect(said).toHaveLength(8);
    expect(gateway.peer.frames).toHaveLength(1);
  });

  it('waits longer before each dial, also when the gateway takes it and goes at once', async () => {
    const dialledAt: number[] = [];
    class Dialled extends WebSocket {
      constructor(url: string) {
        dialledAt.push(performance.now());
        super(url);
      }
    }
    gateway.onFrame = (_, { socket }) => socket.close(1001);
    follow(connect({ firstDelayMs: 40, mostDelayMs: 320, WebSocket: Dialled }));
    await eventually(() => dialledAt.length === 6);
    const waitsMs = dialledAt.slice(1).map((at, i) => at - dialledAt[i]!);
    // Half of 40, 80, 160, 320, 320 at least; a timer may be a millisecond early.
    for (const [i, leastMs] of [19, 39, 79, 159, 159].entries())
      expect(waitsMs[i]).toBeGreaterThanOrEqual(leastMs);
    expect(gateway.peers.length).toBeGreaterThanOrEqual(5);
  });

  it('is dialled at once when somebody asks for it', async () => {
    const { port } = gateway;
    await gateway.stop();
    const client = connect({ firstDelayMs: 60_000, mostDelayMs: 60_000 });
    follow(client);
    await offline(client);
    gateway = await FakeGateway.start({ port });
    client.retryNow();
    await live(client);
  });

  it('is not made, and not kept, without use', async () => {
    const client = connect();
    client.retryNow();
    await client.close();
    expect(() => follow(client)).toThrow('The client was closed.');
    expect(gateway.peers).toEqual([]);
  });
});

describe('the address', () => {
  it('is that of the gateway, of the page, or the standard one', () => {
    const dialled: string[] = [];
    class Recorder {
      bufferedAmount = 0;
      constructor(url: string) {
        dialled.push(url);
      }
      send = (): void => undefined;
      close = (): void => undefined;
      addEventListener = (): void => undefined;
    }
    const dial = (url?: string): void => {
      const client = connectGateway({ ...(url && { url }), WebSocket: Recorder });
      follow(client);
      void client.close();
    };
    for (const url of ['http://localhost:43119', 'https://bkg.example/mesh/', 'ws://[::1]:1']) dial(url);
    dial();
    vi.stubGlobal('location', { origin: 'https://page.example' });
    dial();
    vi.unstubAllGlobals();
    expect(dialled).toEqual([
      'ws://localhost:43119/ws',
      'wss://bkg.example/mesh/ws',
      'ws://[::1]:1/ws',
      'ws://localhost:43119/ws',
      'wss://page.example/ws',
    ]);
    for (const url of ['localhost:43119', 'nats://localhost', ''])
      expect(() => connectGateway({ url })).toThrow('it takes one like http://localhost:43119');
  });
});

describe('an API key', () => {
  const { text } = createKey();

  it('goes with each socket as a bearer token, by Node as by the package ws, and never without being given', async () => {
    for (const options of [{}, { WebSocket: WsSocket as unknown as SocketConstructor }]) {
      const client = connect({ apiKey: text, ...options });
      follow(client);
      await live(client);
      expect(gateway.peer.headers.authorization).toBe(`Bearer ${text}`);
      const dialled = gateway.peers.length;
      gateway.peer.socket.terminate();
      await eventually(() => gateway.peers.length > dialled);
      expect(gateway.peer.headers.authorization).toBe(`Bearer ${text}`);
      await client.close();
    }
    const client = connect();
    follow(client);
    await live(client);
    expect(gateway.peer.headers.authorization).toBe(undefined);
  });

  it('is refused when it cannot be one, and in a page, which has a cookie', () => {
    expect(() => connect({ apiKey: 'two words' })).toThrow(/^(?!.*words)The API key is empty or has spaces/);
    expect(() => connect({ apiKey: '' })).toThrow('The API key is empty');
    vi.stubGlobal('location', { origin: 'http://localhost:43119' });
    try {
      expect(() => connect({ apiKey: text })).toThrow('A page cannot send an API key with a WebSocket');
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
