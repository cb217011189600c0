import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { entryOf, serve, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { connectWs } from './ws-peer.ts';

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh();
  await mesh.supervisor.put(entryOf('echo', 'running', { capabilities: ['say', 'wait'] }));
  await eventually(() => mesh.app.catalog.get('echo'));
  await serve(mesh.peer, 'echo', 'say', (msg) => msg.respond(msg.data));
  await serve(mesh.peer, 'echo', 'wait', () => undefined);
});

afterAll(() => mesh[Symbol.asyncDispose]());

const call = { op: 'invoke', id: 'c', plugin: 'echo', capability: 'say' };
const subscribe = { op: 'subscribe', id: 's', topic: 'plugins' };

describe('a socket', () => {
  it('begins with hello, which names the gateway and the protocol', async () => {
    await using one = await connectWs(mesh);
    await using two = await connectWs(mesh);
    expect(one.frames).toEqual([{ type: 'hello', gateway: one.gateway, protocol: '1' }]);
    expect(one.gateway).toMatch(/^[0-9a-f]{32}$/);
    expect(two.gateway).toBe(one.gateway);
    await using other = await startMesh();
    await using elsewhere = await connectWs(other);
    expect(elsewhere.gateway).not.toBe(one.gateway);
  });

  it.each([
    ['nothing', '', undefined, ''],
    ['no JSON', '{"op":"invoke"', undefined, ''],
    ['a byte order mark', '\ufeff{"op":"cancel","id":"a"}', undefined, ''],
    ['a list', '[]', undefined, ''],
    ['null', 'null', undefined, ''],
    ['a text', '"subscribe"', undefined, ''],
    ['no id', '{"op":"cancel"}', undefined, '/id'],
    ['an empty id', '{"op":"cancel","id":""}', undefined, '/id'],
    ['a number as id', '{"op":"cancel","id":7}', undefined, '/id'],
    ['an id of 65 characters', JSON.stringify({ op: 'cancel', id: 'x'.repeat(65) }), undefined, '/id'],
    ['no op', '{"id":"a"}', 'a', '/op'],
    ['an unknown op', '{"op":"publish","id":"a"}', 'a', '/op'],
    ['the name of a method as op', '{"op":"toString","id":"a"}', 'a', '/op'],
    ['a prototype', '{"__proto__":{"op":"cancel","id":"a"}}', undefined, '/id'],
    ['a prototype as op', '{"op":"__proto__","id":"__proto__"}', '__proto__', '/op'],
    ['a constructor as topic', '{"op":"subscribe","id":"a","topic":"constructor"}', 'a', '/topic'],
    ['an unknown topic', '{"op":"subscribe","id":"a","topic":"news"}', 'a', '/topic'],
    ['no topic', '{"op":"subscribe","id":"a"}', 'a', '/topic'],
    ['a text as plugins', '{"op":"subscribe","id":"a","topic":"logs","plugins":"one"}', 'a', '/plugins'],
    ['no plugins', '{"op":"subscribe","id":"a","topic":"logs","plugins":[]}', 'a', '/plugins'],
    ['plugins that are null', '{"op":"subscribe","id":"a","topic":"logs","plugins":null}', 'a', '/plugins'],
    [
      'a plugin id that is none',
      '{"op":"subscribe","id":"a","topic":"logs","plugins":["b","*"]}',
      'a',
      '/plugins/1',
    ],
    ['a number among plugins', '{"op":"subscribe","id":"a","topic":"logs","plugins":[1]}', 'a', '/plugins/0'],
    ['plugin without a plugin', '{"op":"subscribe","id":"a","topic":"plugin"}', 'a', '/plugins'],
    ['plugin with two', '{"op":"subscribe","id":"a","topic":"plugin","plugins":["b","c"]}', 'a', '/plugins'],
    ['1001 plugins', JSON.stringify({ ...subscribe, plugins: Array(1_001).fill('b') }), 's', '/plugins'],
    ['a negative number', '{"op":"subscribe","id":"a","topic":"logs","after_seq":-1}', 'a', '/after_seq'],
    ['a broken number', '{"op":"subscribe","id":"a","topic":"logs","after_seq":1.5}', 'a', '/after_seq'],
    ['a text as number', '{"op":"subscribe","id":"a","topic":"logs","after_seq":"1"}', 'a', '/after_seq'],
    ['a number as gateway', '{"op":"subscribe","id":"a","topic":"logs","gateway":1}', 'a', '/gateway'],
    ['no plugin', '{"op":"invoke","id":"a","capability":"say"}', 'a', '/plugin'],
    ['no capability', '{"op":"invoke","id":"a","plugin":"echo"}', 'a', '/capability'],
    [
      'an object as capability',
      '{"op":"invoke","id":"a","plugin":"echo","capability":{}}',
      'a',
      '/capability',
    ],
    ['an invocation id with a dot', JSON.stringify({ ...call, invocation_id: 'a.b' }), 'c', '/invocation_id'],
    ['a time of 0', JSON.stringify({ ...call, timeout_ms: 0 }), 'c', '/timeout_ms'],
    ['a time as text', JSON.stringify({ ...call, timeout_ms: '5' }), 'c', '/timeout_ms'],
    ['a time beyond all bounds', JSON.stringify({ ...call, timeout_ms: 1e9 }), 'c', '/timeout_ms'],
    ['a window of 0', JSON.stringify({ ...call, stream: 0 }), 'c', '/stream'],
    ['a window of 1025', JSON.stringify({ ...call, stream: 1_025 }), 'c', '/stream'],
    ['a broken window', JSON.stringify({ ...call, stream: 1.5 }), 'c', '/stream'],
    ['true as window', JSON.stringify({ ...call, stream: true }), 'c', '/stream'],
    ['null as window', JSON.stringify({ ...call, stream: null }), 'c', '/stream'],
    ['no credit', '{"op":"credit","id":"a"}', 'a', '/credit'],
    ['a negative credit', '{"op":"credit","id":"a","credit":-1}', 'a', '/credit'],
    ['a credit of 1025', '{"op":"credit","id":"a","credit":1025}', 'a', '/credit'],
    ['a credit as text', '{"op":"credit","id":"a","credit":"1"}', 'a', '/credit'],
    ['credit without an id', '{"op":"credit","credit":1}', undefined, '/id'],
    ['a trace that is no text', JSON.stringify({ ...call, traceparent: 1 }), 'c', '/traceparent'],
  ])('refuses %s and stays open', async (_what, text, id, path) => {
    await using peer = await connectWs(mesh);
    peer.socket.send(text);
    await eventually(() => peer.of('error').length === 1);
    const [error] = peer.of('error');
    expect(error?.problem).toMatchObject({ code: 'INVALID_PAYLOAD', status: 400, errors: [{ path }] });
    expect(error?.id).toBe(id);
    expect(error).not.toHaveProperty('invocation_id');
    await peer.ask(call, 'result');
  });

  it('refuses a binary frame and stays open', async () => {
    await using peer = await connectWs(mesh);
    peer.socket.send(Buffer.from(JSON.stringify(call)));
    await eventually(() => peer.of('error').length === 1);
    expect(peer.of('error')[0]).toMatchObject({ problem: { code: 'INVALID_PAYLOAD' } });
    expect(peer.of('error')[0]?.problem.detail).toContain('binary');
    await peer.ask(call, 'result');
  });

  it('takes names of methods and 64 characters of any kind as ids', async () => {
    await using peer = await connectWs(mesh);
    for (const id of ['constructor', '__proto__', 'hasOwnProperty', '\u{1f600}'.repeat(64), '\u0000']) {
      await peer.ask({ ...call, id }, 'result');
      await peer.ask({ ...subscribe, id }, 'snapshot');
    }
  });

  it('ignores members that it does not know', async () => {
    await using peer = await connectWs(mesh);
    await peer.ask({ ...call, priority: 'high', op2: [] }, 'result');
  });

  it('refuses an id that is in use, and what uses it goes on', async () => {
    await using peer = await connectWs(mesh);
    await peer.ask(subscribe, 'snapshot');
    peer.send({ ...call, capability: 'wait', timeout_ms: 60_000 });
    for (const [first, second] of [
      ['s', subscribe],
      ['s', { ...call, id: 's' }],
      ['c', call],
      ['c', { ...subscribe, id: 'c' }],
    ] as const) {
      const error = await peer.ask({ ...second, id: first }, 'error');
      expect(error.problem).toMatchObject({ code: 'INVALID_PAYLOAD', errors: [{ path: '/id' }] });
      expect(error).not.toHaveProperty('invocation_id');
    }
    await mesh.supervisor.put(
      entryOf('echo', 'running', { capabilities: ['say', 'wait'], description: 'On.' }),
    );
    await eventually(() => peer.of('data', 's').length > 0);
    const error = await peer.ask({ op: 'cancel', id: 'c' }, 'error');
    expect(error.problem.code).toBe('CANCELLED');
  });

  it('takes 64 subscriptions and not one more, until one is ended', async () => {
    await using peer = await connectWs(mesh);
    for (let i = 0; i < 64; i += 1) peer.send({ ...subscribe, id: `${i}` });
    const error = await peer.ask({ ...subscribe, id: 'more' }, 'error');
    expect(error.problem).toMatchObject({ code: 'BUSY', retryable: true });
    await eventually(() => peer.of('snapshot').length === 64);
    await peer.ask({ op: 'unsubscribe', id: '3' }, 'unsubscribed');
    await peer.ask({ ...subscribe, id: 'more' }, 'snapshot');
  });

  it('is ended by a frame beyond all bounds (1009), and by text that is not UTF-8 (1007)', async () => {
    await using large = await connectWs(mesh);
    large.socket.send('x'.repeat(2 * mesh.app.broker.maxPayloadBytes));
    expect((await large.closed).code).toBe(1009);
    await using garbled = await connectWs(mesh);
    garbled.socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false });
    expect((await garbled.closed).code).toBe(1007);
  });

  it('takes a frame in fragments', async () => {
    await using peer = await connectWs(mesh);
    const text = JSON.stringify({ ...call, payload: 'ä' });
    peer.socket.send(text.slice(0, 10), { fin: false });
    peer.socket.send(text.slice(10), { fin: true });
    await eventually(() => peer.of('result').length === 1);
    expect(peer.of('result')[0]?.output).toBe('ä');
  });
});
