import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { topics, wireSchemas } from '@bkg/sdk';
import type { ClientFrame, GatewayFrame, Topic } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { signIn, startAccessMesh, upgrade } from './access-mesh.ts';
import type { AccessMesh } from './access-mesh.ts';
import { beat, serve } from './mesh.ts';
import { RawStream } from './raw-stream.ts';
import { connectWs, say } from './ws-peer.ts';
import type { WsPeer } from './ws-peer.ts';

let mesh: AccessMesh;
const peers: WsPeer[] = [];

beforeAll(async () => {
  mesh = await startAccessMesh();
});

afterEach(async () => {
  for (const peer of peers.splice(0)) await peer[Symbol.asyncDispose]();
});

afterAll(() => mesh[Symbol.asyncDispose]());

async function connect(key: string): Promise<WsPeer> {
  const peer = await connectWs(mesh, { headers: { authorization: `Bearer ${key}` } });
  peers.push(peer);
  return peer;
}

/** What a frame is answered with: the type of the first frame with its id, or the code of an error. */
async function outcome(peer: WsPeer, frame: { id: string; [member: string]: unknown }): Promise<string> {
  peer.send(frame);
  const first = await eventually(() => peer.frames.find((one) => 'id' in one && one.id === frame.id));
  return first.type === 'error' ? first.problem.code : first.type;
}

const scopesOf = {
  nothing: [],
  read: ['read'],
  readOne: ['read:one'],
  readTwo: ['read:two'],
  invoke: ['invoke'],
  invokeEcho: ['invoke:one:echo'],
  invokeTwo: ['invoke:two'],
  control: ['control'],
  admin: ['admin'],
} as const;
type Holder = keyof typeof scopesOf;

const subscribe = (topic: Topic, ...plugins: string[]) => ({
  op: 'subscribe' as const,
  topic,
  ...(plugins.length > 0 && { plugins }),
});
const invoke = (plugin: string, capability: string) => ({ op: 'invoke' as const, plugin, capability });

interface Row {
  frame: { op: ClientFrame['op']; topic?: Topic };
  lets: readonly Holder[];
  type: GatewayFrame['type'];
}

/** Every frame that there is; what ends one's own things needs no scope, and is tried below. */
const needsScope: Record<ClientFrame['op'], boolean> = {
  subscribe: true,
  unsubscribe: false,
  invoke: true,
  credit: false,
  cancel: false,
};

/** As the schemas have them. */
function opsInSchemas(): string[] {
  const { oneOf } = wireSchemas.ClientFrame as unknown as { oneOf: { $ref: string }[] };
  const schemas = wireSchemas as unknown as Record<string, { properties: { op: { const: string } } }>;
  return oneOf.map(({ $ref }) => schemas[$ref.slice($ref.lastIndexOf('/') + 1)]?.properties.op.const ?? $ref);
}

const rows: Row[] = [
  ...topics.map((topic) => ({
    frame: subscribe(topic, 'one'),
    lets: ['read', 'readOne', 'admin'] as const,
    type: 'snapshot' as const,
  })),
  ...topics
    .filter((topic) => topic !== 'plugin')
    .flatMap((topic) => [
      {
        frame: subscribe(topic),
        lets: ['read', 'readOne', 'readTwo', 'admin'] as const,
        type: 'snapshot' as const,
      },
      {
        frame: subscribe(topic, 'one', 'two'),
        lets: ['read', 'admin'] as const,
        type: 'snapshot' as const,
      },
    ]),
  { frame: invoke('one', 'echo'), lets: ['invoke', 'invokeEcho', 'admin'], type: 'result' },
  { frame: invoke('one', 'other.way'), lets: ['invoke', 'admin'], type: 'result' },
  { frame: invoke('two', 'echo'), lets: ['invoke', 'invokeTwo', 'admin'], type: 'result' },
  { frame: invoke('apikeys', 'key.list'), lets: [], type: 'result' },
];

describe('every frame', () => {
  it('has a row here', () => {
    expect(opsInSchemas().sort()).toEqual(Object.keys(needsScope).sort());
    const tried = new Set(rows.map(({ frame }) => frame.op));
    for (const [op, needs] of Object.entries(needsScope))
      expect([op, tried.has(op as ClientFrame['op'])]).toEqual([op, needs]);
    const told = new Set(rows.flatMap(({ frame }) => frame.topic ?? []));
    expect(topics.filter((topic) => !told.has(topic))).toEqual([]);
  });

  it.each(Object.keys(scopesOf) as Holder[])(
    'of a key with %s gets what it may, and nothing else',
    async (holder) => {
      const peer = await connect(mesh.keeper.make([...scopesOf[holder]]));
      const got: string[] = [];
      for (const [i, { frame }] of rows.entries()) got.push(await outcome(peer, { ...frame, id: `f${i}` }));
      expect(got).toEqual(rows.map(({ lets, type }) => (lets.includes(holder) ? type : 'FORBIDDEN')));
      for (const i of rows.keys()) {
        if (got[i] === 'snapshot') await peer.ask({ op: 'unsubscribe', id: `f${i}` }, 'unsubscribed');
      }
    },
  );
});

describe('what ends things', () => {
  it('ends one’s own only, and needs no scope', async () => {
    const [reader, stranger] = [mesh.keeper.make(['read', 'invoke']), mesh.keeper.make([])];
    const [peer, other] = [await connect(reader), await connect(stranger)];
    await serve(mesh.peer, 'one', 'waits', () => undefined);
    await peer.ask({ id: 's', ...subscribe('logs', 'one') }, 'snapshot');
    peer.send({ id: 'c', ...invoke('one', 'waits') });
    // Ids are those of one socket.
    expect(await outcome(other, { op: 'unsubscribe', id: 's' })).not.toBe('FORBIDDEN');
    other.send({ op: 'cancel', id: 'c' });
    expect(await outcome(other, { id: 'after', ...invoke('one', 'echo') })).toBe('FORBIDDEN');
    say(mesh, 'one', 'still here');
    await eventually(() => peer.texts.some((text) => text.includes('still here')));
    expect(peer.of('error', 'c')).toEqual([]);
    await peer.ask({ op: 'unsubscribe', id: 's' }, 'unsubscribed');
    peer.send({ op: 'cancel', id: 'c' });
    const ended = await eventually(() => peer.of('error', 'c')[0]);
    expect(ended.problem.code).toBe('CANCELLED');
  });
});

describe('a topic of all plugins', () => {
  it('tells of those only that may be seen', async () => {
    const peer = await connect(mesh.keeper.make(['read:two']));
    const shown = await peer.ask({ id: 'p', ...subscribe('plugins') }, 'snapshot');
    expect((shown.snapshot as { id: string }[]).map(({ id }) => id)).toEqual(['two']);
    await peer.ask({ id: 't', ...subscribe('telemetry') }, 'snapshot');
    await peer.ask({ id: 'l', ...subscribe('logs') }, 'snapshot');
    for (const id of ['one', 'two']) {
      beat(mesh.peer, id, `${id}-1`);
      say(mesh, id, `from ${id}`);
    }
    await eventually(() => peer.of('data', 'l').length > 0 && peer.of('data', 't').length > 0);
    // Whatever of the other had come would have come before that.
    say(mesh, 'one', 'from one again');
    say(mesh, 'two', 'the last');
    await eventually(() => peer.texts.some((text) => text.includes('the last')));
    expect(peer.texts.filter((text) => /"one"|from one/.test(text))).toEqual([]);
  });

  it('is told anew when what may be seen changes, and goes on', async () => {
    const key = mesh.keeper.make(['read:two']);
    const peer = await connect(key);
    const first = await peer.ask({ id: 'p', ...subscribe('plugins') }, 'snapshot');
    mesh.keeper.change(key, { scopes: ['read'] });
    const second = await eventually(() => peer.of('snapshot', 'p')[1]);
    expect((second.snapshot as { id: string }[]).map(({ id }) => id)).toEqual(['one', 'two']);
    expect(second.seq).toBeGreaterThan(first.seq);
    mesh.keeper.change(key, { scopes: ['read:one'] });
    const third = await eventually(() => peer.of('snapshot', 'p')[2]);
    expect((third.snapshot as { id: string }[]).map(({ id }) => id)).toEqual(['one']);
    expect(peer.of('error', 'p')).toEqual([]);
  });

  it('is told anew to who comes back after it has changed', async () => {
    const key = mesh.keeper.make(['read:two']);
    const peer = await connect(key);
    const { seq } = await peer.ask({ id: 'p', ...subscribe('plugins') }, 'snapshot');
    peer.socket.terminate();
    await peer.closed;
    mesh.keeper.change(key, { scopes: ['read'] });
    await eventually(async () => {
      const { text } = await mesh.send('GET', '/api/plugins', { key });
      return text.includes('"one"');
    });
    const again = await connect(key);
    const shown = await again.ask(
      { id: 'p', ...subscribe('plugins'), after_seq: seq, gateway: again.gateway },
      'snapshot',
    );
    expect((shown.snapshot as { id: string }[]).map(({ id }) => id)).toEqual(['one', 'two']);
  });
});

describe('a key that changes', () => {
  it('takes away what is open and no longer allowed, and leaves the rest', async () => {
    const key = mesh.keeper.make(['read:one', 'read:two', 'invoke:one']);
    const peer = await connect(key);
    await peer.ask({ id: 'one', ...subscribe('plugin', 'one') }, 'snapshot');
    await peer.ask({ id: 'two', ...subscribe('logs', 'two') }, 'snapshot');
    await serve(mesh.peer, 'one', 'never', () => undefined);
    peer.send({ id: 'call', ...invoke('one', 'never') });
    mesh.keeper.change(key, { scopes: ['read:two'] });
    const refused = await eventually(() => peer.of('error', 'one')[0]);
    expect(refused.problem).toMatchObject({ code: 'FORBIDDEN' });
    expect(refused.problem.detail).toContain('read:one');
    await eventually(() => peer.of('unsubscribed', 'one').length === 1);
    const cut = await eventually(() => peer.of('error', 'call')[0]);
    expect([cut.problem.code, cut.invocation_id !== undefined]).toEqual(['FORBIDDEN', true]);
    say(mesh, 'two', 'it goes on');
    await eventually(() => peer.texts.some((text) => text.includes('it goes on')));
    expect(await outcome(peer, { id: 'again', ...subscribe('plugin', 'one') })).toBe('FORBIDDEN');
  });

  it('ends a stream in the middle when what it invokes is no longer allowed', async () => {
    const key = mesh.keeper.make(['invoke:one']);
    const peer = await connect(key);
    const streams: RawStream[] = [];
    await serve(mesh.peer, 'one', 'tells', (msg) => {
      const stream = new RawStream(mesh.peer, 'one', msg);
      streams.push(stream);
      void stream.write('1');
    });
    peer.send({ id: 'stream', ...invoke('one', 'tells'), stream: 8 });
    await eventually(() => peer.of('chunk', 'stream').length === 1);
    mesh.keeper.change(key, { scopes: ['read'] });
    const cut = await eventually(() => peer.of('error', 'stream')[0]);
    expect([cut.problem.code, cut.invocation_id !== undefined]).toEqual(['FORBIDDEN', true]);
    await eventually(() => streams[0]?.isCancelled);
  });

  it.each([
    ['revoked', (key: string) => mesh.keeper.revoke(key)],
    [
      'expired',
      (key: string) => mesh.keeper.change(key, { expires_at: new Date(0).toISOString() }, 'expired'),
    ],
    // Nobody hears of it: it is found out.
    ['expired by the clock', () => undefined],
  ])('and is %s closes the sockets within two seconds', async (how, end) => {
    const expires = new Date(Date.now() + 1_500).toISOString();
    const key = mesh.keeper.make(['admin'], how === 'expired by the clock' ? { expires_at: expires } : {});
    const peer = await connect(key);
    await peer.ask({ id: 'p', ...subscribe('plugins') }, 'snapshot');
    const feed = new WebSocket(`ws://127.0.0.1:${mesh.port}/ws/plugins/one`, {
      headers: { authorization: `Bearer ${key}` },
    });
    await new Promise((resolve) => feed.once('open', resolve));
    const feedClosed = new Promise<number>((resolve) => feed.once('close', resolve));
    const endedAt = how === 'expired by the clock' ? Date.parse(expires) : Date.now();
    end(key);
    expect((await peer.closed).code).toBe(4401);
    expect(await feedClosed).toBe(4401);
    expect(Date.now() - endedAt).toBeLessThan(2_000);
    expect((await mesh.send('GET', '/api/plugins', { key })).status).toBe(401);
  });

  it('closes the socket of a plugin that may be seen no more', async () => {
    const key = mesh.keeper.make(['read:one']);
    const feed = new WebSocket(`ws://127.0.0.1:${mesh.port}/ws/plugins/one`, {
      headers: { authorization: `Bearer ${key}` },
    });
    await new Promise((resolve) => feed.once('open', resolve));
    const closed = new Promise<number>((resolve) => feed.once('close', resolve));
    mesh.keeper.change(key, { scopes: ['read:two'] });
    expect(await closed).toBe(4403);
  });
});

describe('an invocation over HTTP', () => {
  it('ends when its key does', async () => {
    await serve(mesh.peer, 'one', 'never', () => undefined);
    const key = mesh.keeper.make(['invoke']);
    const answer = mesh.send('POST', '/api/plugins/one/invoke/never', { key, body: {} });
    await eventually(async () => {
      const { text } = await mesh.send('GET', '/api/session', { key });
      return text.includes('invoke');
    });
    const endedAt = Date.now();
    mesh.keeper.revoke(key);
    const { status, code } = await answer;
    expect([status, code]).toEqual([401, 'UNAUTHENTICATED']);
    expect(Date.now() - endedAt).toBeLessThan(2_000);
  });
});

describe('an invocation over HTTP of which nothing is heard', () => {
  it('ends when the time of its key is over', async () => {
    await serve(mesh.peer, 'one', 'silent', () => undefined);
    const expires_at = new Date(Date.now() + 1_500).toISOString();
    const key = mesh.keeper.make(['invoke'], { expires_at });
    const { status } = await mesh.send('POST', '/api/plugins/one/invoke/silent', { key, body: {} });
    expect(status).toBe(401);
    expect(Date.now() - Date.parse(expires_at)).toBeLessThan(2_000);
  });

  it('ends when its session is signed out at another gateway', async () => {
    await serve(mesh.peer, 'two', 'silent', () => undefined);
    const cookie = await signIn(mesh, mesh.keeper.make(['invoke']));
    const headers = { origin: `http://127.0.0.1:${mesh.port}` };
    const answer = mesh.send('POST', '/api/plugins/two/invoke/silent', { cookie, headers, body: {} });
    await delay(500);
    const endedAt = Date.now();
    mesh.keeper.forgetSessions();
    expect((await answer).status).toBe(401);
    expect(Date.now() - endedAt).toBeLessThan(2_500);
  });
});

describe('a session', () => {
  const own = (): string => `http://127.0.0.1:${mesh.port}`;

  it.each(['/ws', '/ws/plugins/one'])('opens %s from our own page only', async (path) => {
    const cookie = await signIn(mesh, mesh.keeper.make(['admin']));
    const headers = { cookie };
    expect(await upgrade(mesh.port, path, { headers, origin: own() })).toBe(101);
    for (const origin of ['http://evil.example', `http://localhost:${mesh.port}`, 'null', `${own()}/`]) {
      expect([origin, await upgrade(mesh.port, path, { headers, origin })]).toEqual([origin, 403]);
    }
    expect(await upgrade(mesh.port, path, { headers })).toBe(403);
    const fetchSite = { ...headers, 'sec-fetch-site': 'same-origin' };
    expect(await upgrade(mesh.port, path, { headers: fetchSite })).toBe(403);
    expect(await upgrade(mesh.port, path, { origin: own() })).toBe(401);
  });

  it('that is signed out closes its sockets, also when another gateway has done it', async () => {
    const key = mesh.keeper.make(['admin']);
    for (const end of [
      async (cookie: string) => {
        await mesh.send('DELETE', '/api/session', { cookie, headers: { origin: own() } });
      },
      async () => mesh.keeper.forgetSessions(),
    ]) {
      const cookie = await signIn(mesh, key);
      await using peer = await connectWs(mesh, { headers: { cookie }, origin: own() });
      await using other = await connectWs(mesh, { headers: { authorization: `Bearer ${key}` } });
      await other.ask({ id: 'p', ...subscribe('plugins') }, 'snapshot');
      const endedAt = Date.now();
      await end(cookie);
      expect((await peer.closed).code).toBe(4401);
      expect(Date.now() - endedAt).toBeLessThan(2_000);
      // The key itself goes on.
      expect(await outcome(other, { id: 'i', ...invoke('one', 'echo') })).toBe('result');
    }
  });

  it('ends with its key', async () => {
    const key = mesh.keeper.make(['admin']);
    const cookie = await signIn(mesh, key);
    await using peer = await connectWs(mesh, { headers: { cookie }, origin: own() });
    const endedAt = Date.now();
    mesh.keeper.revoke(key);
    expect((await peer.closed).code).toBe(4401);
    expect(Date.now() - endedAt).toBeLessThan(2_000);
  });
});
