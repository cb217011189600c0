import type { Msg } from '@nats-io/nats-core';
import { headers as createHeaders } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { headerNames, problemContentType } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { entryOf, serve, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { cancelsOf, connectWs } from './ws-peer.ts';

let mesh: TestMesh;
const asked: Msg[] = [];

function answer(msg: Msg, body: string | Uint8Array, headers: Record<string, string>): void {
  const encoded = createHeaders();
  for (const [name, value] of Object.entries(headers)) encoded.set(name, value);
  msg.respond(body, { headers: encoded });
}

beforeAll(async () => {
  mesh = await startMesh();
  const capabilities = ['say', 'wait', 'fail', 'number', 'bare', 'text', 'broken', 'latin', 'empty'];
  await mesh.supervisor.put(entryOf('echo', 'running', { capabilities }));
  await mesh.supervisor.put(entryOf('asleep', 'stopped'));
  await eventually(() => mesh.app.catalog.size === 2);
  await serve(mesh.peer, 'echo', 'say', (msg) => msg.respond(msg.data));
  await serve(mesh.peer, 'echo', 'wait', (msg) => void asked.push(msg));
  const problem = {
    type: 'urn:bkg:error:echo_odd',
    title: 'Echo odd',
    status: 422,
    detail: 'It is odd.',
    code: 'ECHO_ODD',
    retryable: false,
  };
  const failed = {
    [headerNames.error]: 'ECHO_ODD: It is odd.',
    [headerNames.contentType]: problemContentType,
  };
  await serve(mesh.peer, 'echo', 'fail', (msg) =>
    answer(msg, JSON.stringify(problem), { ...failed, [headerNames.errorCode]: '422' }),
  );
  await serve(mesh.peer, 'echo', 'number', (msg) =>
    answer(msg, JSON.stringify({ ...problem, status: 407 }), { ...failed, [headerNames.errorCode]: '407' }),
  );
  await serve(mesh.peer, 'echo', 'bare', (msg) =>
    answer(msg, '', { [headerNames.error]: 'no such thing', [headerNames.errorCode]: '404' }),
  );
  await serve(mesh.peer, 'echo', 'text', (msg) =>
    answer(msg, 'plain', { [headerNames.contentType]: 'text/plain' }),
  );
  await serve(mesh.peer, 'echo', 'broken', (msg) => msg.respond('{"a":1}, {'));
  await serve(mesh.peer, 'echo', 'latin', (msg) => msg.respond(Uint8Array.of(0x22, 0xe4, 0x22)));
  await serve(mesh.peer, 'echo', 'empty', (msg) => answer(msg, '', { 'X-None': '1' }));
});

afterAll(() => mesh[Symbol.asyncDispose]());

const call = { op: 'invoke', id: 'c', plugin: 'echo', capability: 'say' };

describe('an invocation over /ws', () => {
  it('is answered with the output', async () => {
    await using peer = await connectWs(mesh);
    const { output, invocation_id } = await peer.ask({ ...call, payload: { text: 'hallo' } }, 'result');
    expect(output).toEqual({ text: 'hallo' });
    expect(invocation_id).toMatch(/^[0-9a-f]{32}$/);
  });

  it.each([
    '{"n": 9007199254740993,  "x":1.10}',
    '12345678901234567890.5',
    '"é\\u00e9 \\ud800"',
    'null',
    '[ ]',
    '{}',
  ])('passes payload and output on as they were written: %s', async (payload) => {
    await using peer = await connectWs(mesh);
    peer.socket.send(`{"op":"invoke","payload":${payload},"id":"c","plugin":"echo","capability":"say"}`);
    await eventually(() => peer.of('result').length === 1);
    expect(peer.texts.at(-1)).toContain(`,"output":${payload}}`);
  });

  it('sends {} when there is no payload', async () => {
    await using peer = await connectWs(mesh);
    expect((await peer.ask(call, 'result')).output).toEqual({});
  });

  it('takes the last of two payloads, as JSON parsers do', async () => {
    await using peer = await connectWs(mesh);
    peer.socket.send('{"payload":1,"op":"invoke","id":"c","plugin":"echo","capability":"say","payload":2}');
    await eventually(() => peer.of('result').length === 1);
    expect(peer.of('result')[0]?.output).toBe(2);
  });

  it('carries its id, its time and its trace to the plugin', async () => {
    await using peer = await connectWs(mesh);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    peer.send({
      ...call,
      capability: 'wait',
      invocation_id: 'mine',
      timeout_ms: 1_234,
      traceparent,
      tracestate: 'a=b',
    });
    const msg = await eventually(() =>
      asked.find(({ headers }) => headers?.get(headerNames.invocationId) === 'mine'),
    );
    expect(msg.headers?.get(headerNames.timeoutMs)).toBe('1234');
    expect(msg.headers?.get(headerNames.traceparent)).toBe(traceparent);
    expect(msg.headers?.get(headerNames.tracestate)).toBe('a=b');
    msg.respond('true');
    await eventually(() => peer.of('result').length === 1);
    expect(peer.of('result')[0]).toEqual({ type: 'result', id: 'c', invocation_id: 'mine', output: true });
  });

  it('runs beside others on the same socket; each is answered when it is done', async () => {
    await using peer = await connectWs(mesh);
    const before = asked.length;
    peer.send({ ...call, id: 'slow', capability: 'wait' });
    await eventually(() => asked.length > before);
    await peer.ask({ ...call, id: 'quick' }, 'result');
    expect(peer.of('result', 'slow')).toEqual([]);
    asked.at(-1)?.respond('"done"');
    await eventually(() => peer.of('result', 'slow').length === 1);
    // The id is free again.
    expect((await peer.ask({ ...call, id: 'slow', payload: 2 }, 'result')).output).toBe(2);
  });

  it.each([
    ['fail', { code: 'ECHO_ODD', status: 422, detail: 'It is odd.', retryable: false }],
    ['number', { code: 'ECHO_ODD', status: 400 }],
    ['bare', { code: 'CAPABILITY_NOT_FOUND', status: 404, detail: 'no such thing' }],
    [
      'text',
      { code: 'INVALID_OUTPUT', detail: expect.stringContaining('POST /api/plugins/echo/invoke/text') },
    ],
    [
      'broken',
      { code: 'INVALID_OUTPUT', detail: expect.stringContaining('POST /api/plugins/echo/invoke/broken') },
    ],
    ['latin', { code: 'INVALID_OUTPUT', detail: expect.stringContaining('not UTF-8') }],
    ['empty', { code: 'INVALID_OUTPUT' }],
    ['nothing', { code: 'CAPABILITY_NOT_FOUND', status: 404 }],
    ['>', { code: 'CAPABILITY_NOT_FOUND', status: 404 }],
  ])('of %s fails with an error that ends it', async (capability, problem) => {
    await using peer = await connectWs(mesh);
    const error = await peer.ask({ ...call, capability }, 'error');
    expect(error).toMatchObject({ id: 'c', invocation_id: expect.any(String), problem });
    await peer.ask(call, 'result');
  });

  it.each([
    ['nobody', 'PLUGIN_NOT_FOUND'],
    ['__proto__', 'PLUGIN_NOT_FOUND'],
    ['echo.invoke', 'PLUGIN_NOT_FOUND'],
    ['asleep', 'PLUGIN_UNAVAILABLE'],
  ])('of the plugin %s fails with %s', async (plugin, code) => {
    await using peer = await connectWs(mesh);
    expect((await peer.ask({ ...call, plugin, capability: 'echo' }, 'error')).problem.code).toBe(code);
  });

  it('ends when its time is over, and the plugin is told', async () => {
    const cancels = await cancelsOf(mesh, 'echo');
    await using peer = await connectWs(mesh);
    const error = await peer.ask({ ...call, capability: 'wait', timeout_ms: 100 }, 'error');
    expect(error.problem).toMatchObject({ code: 'DEADLINE_EXCEEDED', status: 504 });
    await eventually(() => cancels.includes(error.invocation_id ?? ''));
  });

  it('ends when it is cancelled, and the plugin is told', async () => {
    const cancels = await cancelsOf(mesh, 'echo');
    await using peer = await connectWs(mesh);
    const before = asked.length;
    peer.send({ ...call, capability: 'wait', invocation_id: 'given-up' });
    await eventually(() => asked.length > before);
    const error = await peer.ask({ op: 'cancel', id: 'c' }, 'error');
    expect(error).toMatchObject({ id: 'c', invocation_id: 'given-up', problem: { code: 'CANCELLED' } });
    expect(error.problem.detail).toContain('cancelled by its caller');
    await eventually(() => cancels.includes('given-up'));
    // What it answers nevertheless goes nowhere.
    asked.at(-1)?.respond('"late"');
    await peer.ask(call, 'result');
    expect(peer.of('result')).toHaveLength(1);
  });

  it('that has ended may be cancelled without harm', async () => {
    await using peer = await connectWs(mesh);
    await peer.ask(call, 'result');
    peer.send({ op: 'cancel', id: 'c' });
    peer.send({ op: 'cancel', id: 'never' });
    await peer.ask({ ...call, id: 'next' }, 'result');
    expect(peer.of('error')).toEqual([]);
  });

  it('is cancelled when its socket closes', async () => {
    const cancels = await cancelsOf(mesh, 'echo');
    const peer = await connectWs(mesh);
    const before = asked.length;
    for (const id of ['a', 'b']) peer.send({ ...call, id, capability: 'wait', invocation_id: `left-${id}` });
    await eventually(() => asked.length === before + 2);
    await peer[Symbol.asyncDispose]();
    await eventually(() => cancels.includes('left-a') && cancels.includes('left-b'));
  });

  it('may have a payload as large as over HTTP, and is told when it is larger', async () => {
    await using peer = await connectWs(mesh);
    const mostBytes = mesh.app.broker.maxPayloadBytes - 64 * 1024;
    const text = 'x'.repeat(mostBytes - 2);
    expect((await peer.ask({ ...call, payload: text }, 'result')).output).toBe(text);
    const error = await peer.ask({ ...call, payload: `${text}x` }, 'error');
    expect(error.problem).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', status: 413 });
    expect(error.problem.detail).toContain(`at most ${mostBytes} are taken`);
    await peer.ask(call, 'result');
  });

  it('is one of 64; one more is refused until one of them ends', async () => {
    await using peer = await connectWs(mesh);
    const before = asked.length;
    for (let i = 0; i < 64; i += 1) peer.send({ ...call, id: `${i}`, capability: 'wait' });
    await eventually(() => asked.length === before + 64);
    const error = await peer.ask({ ...call, id: 'more' }, 'error');
    expect(error).toMatchObject({ id: 'more', problem: { code: 'BUSY', status: 429, retryable: true } });
    expect(error).not.toHaveProperty('invocation_id');
    asked.at(-1)?.respond('1');
    await eventually(() => peer.of('result').length === 1);
    await peer.ask({ ...call, id: 'more' }, 'result');
  });
});
