import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { headers as createHeaders } from '@nats-io/nats-core';
import type { Msg } from '@nats-io/nats-core';
import { Type } from 'typebox';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  capability,
  definePlugin,
  errorTable,
  Instance,
  PluginError,
  problemOf,
  problemReply,
} from '@bkg/sdk';
import type { Problem } from '@bkg/sdk';
import { eventually, silentLogger } from '@bkg/sdk/testing';
import { entryOf, serve, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';

let mesh: TestMesh;
/** What the responder got last. */
let last: Msg;

interface Invoked {
  status: number;
  headers: Headers;
  body: Buffer;
  problem: Problem;
}

async function post(
  path: string,
  body?: string | Buffer,
  headers: Record<string, string> = {},
): Promise<Invoked> {
  const response = await fetch(`${mesh.url}${path}`, {
    method: 'POST',
    ...(body !== undefined && { body: new Uint8Array(Buffer.from(body)) }),
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const isProblem = response.headers.get('content-type') === 'application/problem+json';
  return {
    status: response.status,
    headers: response.headers,
    body: bytes,
    problem: (isProblem ? JSON.parse(bytes.toString()) : {}) as Problem,
  };
}

/** Messages on a subject while `act` runs. */
async function heard(subject: string, act: () => Promise<unknown>): Promise<Msg[]> {
  const messages: Msg[] = [];
  const subscription = mesh.peer.subscribe(subject, { callback: (_error, msg) => void messages.push(msg) });
  await mesh.peer.nats.flush();
  await act();
  // First what the gateway has sent, then what the broker sends on.
  await mesh.app.broker.nats?.flush();
  await mesh.peer.nats.flush();
  subscription.unsubscribe();
  return messages;
}

beforeAll(async () => {
  mesh = await startMesh();
  await mesh.supervisor.put(entryOf('raw', 'running', { capabilities: ['echo', 'silent', 'fail'] }));
  await serve(mesh.peer, 'raw', 'echo', (msg) => {
    last = msg;
    const headers = createHeaders();
    const contentType = msg.headers?.get('Content-Type');
    if (contentType) headers.set('Content-Type', contentType);
    msg.respond(msg.data, { headers });
  });
  await serve(mesh.peer, 'raw', 'silent', (msg) => (last = msg));
  await eventually(() => mesh.app.catalog.get('raw'));
});

afterAll(() => mesh[Symbol.asyncDispose]());

describe('an invocation by path', () => {
  it('is exactly one message on the broker, and one reply', async () => {
    await post('/api/plugins/raw/invoke/echo', '{}');
    const messages = await heard('>', () => post('/api/plugins/raw/invoke/echo', '{}'));
    const subjects = messages.map(({ subject }) => subject);
    // The watches of the buckets have inboxes of another form, and the fake supervisor renews its lease.
    expect(subjects.filter((subject) => /^(plugin|bkg|\$SRV|\$JS\.API)\./.test(subject))).toEqual([
      'plugin.raw.invoke.echo',
    ]);
    expect(
      subjects.filter((subject) => /^_INBOX\.gateway\.\w{16}\.[\w-]{22}\.[\w-]{22}\d+$/.test(subject)),
    ).toHaveLength(1);
  });

  it('passes bodies of any kind through byte by byte', async () => {
    const binary = randomBytes(100_000);
    const answer = await post('/api/plugins/raw/invoke/echo', binary, { 'content-type': 'image/png' });
    expect(answer.status).toBe(200);
    expect(answer.body.equals(binary)).toBe(true);
    expect(answer.headers.get('content-type')).toBe('image/png');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('keeps numbers beyond 2^53, white space and invalid UTF-8', async () => {
    const text = '{ "id" : 9223372036854775807,\n"x":1e400 }';
    expect((await post('/api/plugins/raw/invoke/echo', text)).body.toString()).toBe(text);
    const bytes = Buffer.from([0x22, 0xff, 0xfe, 0x22]);
    expect((await post('/api/plugins/raw/invoke/echo', bytes)).body.equals(bytes)).toBe(true);
  });

  it('answers JSON as JSON when the plugin does not say what it is', async () => {
    const { headers } = await post('/api/plugins/raw/invoke/echo', '{}');
    expect(headers.get('content-type')).toBe('application/json');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('does not let an answer act as a page of the gateway', async () => {
    const page = '<script>alert(1)</script>';
    const { headers } = await post('/api/plugins/raw/invoke/echo', page, { 'content-type': 'text/html' });
    expect(headers.get('content-type')).toBe('text/html');
    expect(headers.get('content-security-policy')).toContain('sandbox');
  });

  it('takes no body as an empty one', async () => {
    const { status, body } = await post('/api/plugins/raw/invoke/echo');
    expect([status, body.length, last.data.length]).toEqual([200, 0, 0]);
  });

  it('takes a body of unknown length', async () => {
    const chunks = async function* (): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 10; i += 1) {
        yield Buffer.from(`${i}`.repeat(1_000));
        await wait(1);
      }
    };
    const response = await fetch(`${mesh.url}/api/plugins/raw/invoke/echo`, {
      method: 'POST',
      body: ReadableStream.from(chunks()),
      duplex: 'half',
      headers: { 'content-type': 'text/plain' },
    });
    expect((await response.text()).length).toBe(10_000);
  });

  it('gives the plugin the invocation id, the budget, the trace and the content type', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const { headers } = await post('/api/plugins/raw/invoke/echo', 'x', {
      'content-type': 'text/plain',
      'bkg-invocation-id': 'my-own-id',
      'bkg-timeout-ms': '1234',
      traceparent,
      tracestate: 'a=1',
    });
    const got = (name: string): string | undefined => last.headers?.get(name);
    expect(got('Bkg-Invocation-Id')).toBe('my-own-id');
    expect(headers.get('bkg-invocation-id')).toBe('my-own-id');
    expect(got('Bkg-Timeout-Ms')).toBe('1234');
    expect(got('traceparent')).toBe(traceparent);
    expect(got('tracestate')).toBe('a=1');
    expect(got('Content-Type')).toBe('text/plain');
  });

  it('makes what the caller leaves out, and caps the budget by the configuration of the plugin', async () => {
    const { headers } = await post('/api/plugins/raw/invoke/echo', '{}');
    expect(last.headers?.get('Bkg-Invocation-Id')).toMatch(/^[0-9a-f]{32}$/);
    expect(headers.get('bkg-invocation-id')).toBe(last.headers?.get('Bkg-Invocation-Id'));
    expect(last.headers?.get('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(last.headers?.get('Bkg-Timeout-Ms')).toBe('30000');
    await post('/api/plugins/raw/invoke/echo', '{}', { 'bkg-timeout-ms': '999999' });
    expect(last.headers?.get('Bkg-Timeout-Ms')).toBe('30000');
  });

  it.each([
    ['Bkg-Invocation-Id', 'a b'],
    ['Bkg-Timeout-Ms', '0'],
    ['Content-Encoding', 'gzip'],
  ])('refuses %s: %s', async (name, value) => {
    const { status, problem } = await post('/api/plugins/raw/invoke/echo', '{}', { [name]: value });
    expect([status, problem.code]).toEqual([400, 'INVALID_PAYLOAD']);
    expect(problem.detail).toContain(value);
  });

  it('wants to know what a body is', async () => {
    const path = '/api/plugins/raw/invoke/echo';
    const absent = await fetch(mesh.url + path, { method: 'POST', body: new Uint8Array([1]) });
    const answers = [
      (await absent.json()) as Problem,
      (await post(path, '{}', { 'content-type': '' })).problem,
      (await post(path, '{}', { 'content-type': 'json' })).problem,
    ];
    for (const { status, code, detail } of answers) {
      expect([status, code]).toEqual([400, 'INVALID_PAYLOAD']);
      expect(detail).toContain('"Content-Type: application/json"');
    }
  });
});

describe('the size of a body', () => {
  const limit = 1024 * 1024 - 64 * 1024;

  it('may be max_payload less 64 KiB, both ways', async () => {
    const body = randomBytes(limit);
    const answer = await post('/api/plugins/raw/invoke/echo', body, {
      'content-type': 'application/octet-stream',
    });
    expect([answer.status, answer.body.equals(body)]).toEqual([200, true]);
  });

  it.each([1, 100_000, 8_000_000, 40_000_000])(
    'may not be %d bytes more: 413 that names limit and remedy',
    async (more) => {
      const { status, problem, headers } = await post(
        '/api/plugins/raw/invoke/echo',
        Buffer.alloc(limit + more),
        {
          'content-type': 'application/octet-stream',
        },
      );
      expect([status, problem.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
      expect(problem.detail).toContain(String(limit));
      expect(problem.detail).toContain('max_payload');
      expect(headers.get('bkg-invocation-id')).toMatch(/^[0-9a-f]{32}$/);
    },
  );

  it('is also counted when it was not announced', async () => {
    const response = await fetch(`${mesh.url}/api/plugins/raw/invoke/echo`, {
      method: 'POST',
      body: ReadableStream.from([Buffer.alloc(limit), Buffer.alloc(1)]),
      duplex: 'half',
      headers: { 'content-type': 'text/plain' },
    });
    expect(response.status).toBe(413);
  });
});

describe('an invocation by body', () => {
  it('goes to the subject of its capability, with the payload as it was written', async () => {
    const body = '{"capability":"echo","payload":{ "id" : 9223372036854775807 }}';
    const { status, body: answer } = await post('/api/plugins/raw/invoke', body);
    expect([status, answer.toString()]).toEqual([200, '{ "id" : 9223372036854775807 }']);
    expect(last.subject).toBe('plugin.raw.invoke.echo');
  });

  it.each([
    ['{"capability":"echo"', 'INVALID_PAYLOAD', 400],
    ['{"payload":{}}', 'INVALID_PAYLOAD', 400],
    ['[]', 'INVALID_PAYLOAD', 400],
    ['{"capability":"echo.>","payload":{}}', 'CAPABILITY_NOT_FOUND', 404],
    ['{"capability":"a b","payload":{}}', 'CAPABILITY_NOT_FOUND', 404],
    ['{"capability":"other","payload":{}}', 'CAPABILITY_NOT_FOUND', 404],
  ])('fails for %s with %s', async (body, code, status) => {
    const answer = await post('/api/plugins/raw/invoke', body);
    expect([answer.status, answer.problem.code]).toEqual([status, code]);
    expect(answer.headers.get('bkg-invocation-id')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('takes JSON only, and names the route that takes more', async () => {
    const { status, problem } = await post('/api/plugins/raw/invoke', 'capability=echo', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect([status, problem.code]).toEqual([400, 'INVALID_PAYLOAD']);
    expect(problem.detail).toContain('/invoke/<capability>');
  });

  it('takes application/json with parameters', async () => {
    const type = { 'content-type': 'application/json; charset=utf-8' };
    expect(
      (await post('/api/plugins/raw/invoke', '{"capability":"echo","payload":1}', type)).body.toString(),
    ).toBe('1');
  });
});

describe('a failed reply', () => {
  let answer: (msg: Msg) => void;
  beforeAll(() => serve(mesh.peer, 'raw', 'fail', (msg) => answer(msg)));

  function failWith(headers: Record<string, string>, body = ''): void {
    answer = (msg) => {
      const encoded = createHeaders();
      for (const [name, value] of Object.entries(headers)) encoded.set(name, value);
      msg.respond(body, { headers: encoded });
    };
  }

  it.each(Object.entries(errorTable))(
    '%s has its status and its problem object unchanged',
    async (code, entry) => {
      const { data, headers } = problemReply(
        problemOf(code, entry, 'It went wrong.', [{ path: '/a', message: 'b' }]),
      );
      failWith(headers, data as string);
      const invoked = await post('/api/plugins/raw/invoke/fail', '{}');
      expect(invoked.status).toBe(entry.number);
      expect(invoked.headers.get('content-type')).toBe('application/problem+json');
      expect(invoked.body.toString()).toBe(data);
    },
  );

  it('with a code of the plugin’s own keeps that code', async () => {
    const problem = problemOf('RAW_DATA_LOSS', { number: 422, retryable: false }, 'Lost.');
    const { data, headers } = problemReply(problem);
    failWith(headers, data as string);
    const invoked = await post('/api/plugins/raw/invoke/fail', '{}');
    expect([invoked.status, invoked.problem]).toEqual([422, problem]);
  });

  it('of a plugin without the SDK becomes a problem object', async () => {
    failWith({ 'Nats-Service-Error': 'no such row', 'Nats-Service-Error-Code': '404' }, 'a body of its own');
    const { status, problem } = await post('/api/plugins/raw/invoke/fail', '{}');
    expect(status).toBe(404);
    expect(problem).toMatchObject({ status: 404, detail: 'no such row', code: 'CAPABILITY_NOT_FOUND' });
  });

  it.each([
    ['418', 400],
    ['408', 400],
    ['200', 500],
    ['1000', 500],
    ['what', 500],
  ])('with the number %s is never a status that means something else', async (number, status) => {
    failWith({ 'Nats-Service-Error': 'x', 'Nats-Service-Error-Code': number });
    const invoked = await post('/api/plugins/raw/invoke/fail', '{}');
    expect([invoked.status, invoked.problem.status]).toEqual([status, status]);
  });

  it('does not break the answer with a content type that no header can have', async () => {
    failWith({ 'Content-Type': 'text/plain; x=ü' }, 'hello');
    const invoked = await post('/api/plugins/raw/invoke/fail', '{}');
    expect([invoked.status, invoked.headers.get('content-type')]).toEqual([200, 'application/octet-stream']);
  });
});

describe('time', () => {
  it('runs out with 504, half a second after the plugin’s own deadline, and the plugin is told to give up', async () => {
    const startedAt = performance.now();
    let invoked: Invoked | undefined;
    const cancels = await heard('plugin.raw.cancel', async () => {
      invoked = await post('/api/plugins/raw/invoke/silent', '{}', { 'bkg-timeout-ms': '100' });
    });
    const durationMs = performance.now() - startedAt;
    expect([invoked?.status, invoked?.problem.code]).toEqual([504, 'DEADLINE_EXCEEDED']);
    expect(invoked?.problem.detail).toBe('silent of raw did not answer within 100 ms.');
    expect(durationMs).toBeGreaterThan(595);
    expect(durationMs).toBeLessThan(2_000);
    expect(cancels.map((msg) => msg.json())).toEqual([
      { invocation_id: invoked?.headers.get('bkg-invocation-id') },
    ]);
  });

  it('that the client does not have is given back: the plugin is told to give up', async () => {
    const leaving = new AbortController();
    const cancels = await heard('plugin.raw.cancel', async () => {
      const invoked = fetch(`${mesh.url}/api/plugins/raw/invoke/silent`, {
        method: 'POST',
        headers: { 'bkg-invocation-id': 'left-alone' },
        signal: leaving.signal,
      });
      await eventually(() => last.headers?.get('Bkg-Invocation-Id') === 'left-alone');
      leaving.abort();
      await invoked.catch(() => undefined);
      await wait(100);
    });
    expect(cancels.map((msg) => msg.json())).toEqual([{ invocation_id: 'left-alone' }]);
  });

  it('is not spent on a request whose client left before it was complete', async () => {
    const messages = await heard('plugin.raw.invoke.>', async () => {
      const socket = connect(mesh.port, '127.0.0.1');
      socket.write(
        `POST /api/plugins/raw/invoke/echo HTTP/1.1\r\nHost: 127.0.0.1:${mesh.port}\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nhalf`,
      );
      await wait(50);
      socket.destroy();
      await wait(100);
    });
    expect(messages).toEqual([]);
  });
});

describe('nobody listens', () => {
  it.each([
    ['stopped', 'start it with POST /api/plugins/away/start'],
    ['starting', 'is starting'],
    ['stopping', 'is stopping'],
    ['error', 'has failed: out of luck'],
    ['running', 'nobody answers'],
  ] as const)('to a plugin that is %s: 503 that says so', async (status, words) => {
    const observedAt = new Date().toISOString();
    await mesh.supervisor.put(entryOf('away', status, { error: 'out of luck', observed_at: observedAt }));
    await eventually(() => mesh.app.catalog.get('away')?.observed_at === observedAt);
    const startedAt = performance.now();
    const invoked = await post('/api/plugins/away/invoke/echo', '{}');
    expect([invoked.status, invoked.problem.code, invoked.problem.retryable]).toEqual([
      503,
      'PLUGIN_UNAVAILABLE',
      true,
    ]);
    expect(invoked.problem.detail).toContain(words);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it('to a capability that a running plugin does not have: 404 that lists those it has', async () => {
    const { status, problem } = await post('/api/plugins/raw/invoke/nothing', '{}');
    expect([status, problem.code]).toEqual([404, 'CAPABILITY_NOT_FOUND']);
    expect(problem.detail).toContain('echo, silent, fail');
  });

  it('to a plugin that the registry does not know: 404', async () => {
    const { status, problem } = await post('/api/plugins/nobody/invoke/echo', '{}');
    expect([status, problem.code]).toEqual([404, 'PLUGIN_NOT_FOUND']);
  });

  it('does not matter for a plugin that answers before the registry knows it', async () => {
    await serve(mesh.peer, 'newcomer', 'echo', (msg) => msg.respond('1'));
    expect((await post('/api/plugins/newcomer/invoke/echo', '{}')).body.toString()).toBe('1');
  });

  it.each(['A', '.', '%2e%2e', 'a.b', '*', '%3e', 'a%20b', 'bkg-x', 'sdk', '%00', 'x'.repeat(64)])(
    'to a name that no plugin can have: %s',
    async (id) => {
      const messages = await heard('plugin.>', async () => {
        const { status } = await post(`/api/plugins/${id}/invoke/echo`, '{}');
        expect(status).toBe(404);
      });
      expect(messages.filter(({ subject }) => subject.includes('.invoke'))).toEqual([]);
    },
  );

  it.each(['A', 'a..b', '%3e', '*', 'a%20b', '.', 'x'.repeat(65)])(
    'to a name that no capability can have: %s',
    async (name) => {
      expect((await post(`/api/plugins/raw/invoke/${name}`, '{}')).status).toBe(404);
    },
  );
});

describe('a plugin with the SDK', () => {
  const plugin = definePlugin({
    id: 'sums',
    version: '1.0.0',
    description: 'Adds.',
    capabilities: {
      'math.add': capability({
        description: 'Adds two numbers.',
        input: Type.Object({ a: Type.Number(), b: Type.Number() }),
        output: Type.Object({ sum: Type.Number() }),
        errors: { SUMS_TOO_LARGE: { number: 422, retryable: false, description: 'The sum is too large.' } },
        handler: ({ a, b }) => {
          if (a + b > 100) throw new PluginError('SUMS_TOO_LARGE', 'More than 100.');
          return { sum: a + b };
        },
      }),
      wait: capability({
        description: 'Waits until it is cancelled or late.',
        input: Type.Object({}),
        output: Type.Object({}),
        handler: (_input, { signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              ended.push((signal.reason as { code: string }).code);
              reject(signal.reason as Error);
            });
          }),
      }),
    },
  });
  let ended: string[] = [];
  let instance: Instance;

  beforeAll(async () => {
    instance = new Instance(plugin, { connection: await mesh.nats.connect('sums'), log: silentLogger });
    await instance.start();
    await mesh.supervisor.put(entryOf('sums', 'running', { capabilities: ['math.add', 'wait'] }));
    await eventually(() => mesh.app.catalog.get('sums'));
  });
  beforeEach(() => (ended = []));
  afterAll(() => instance.drain());

  it('answers by path and by body', async () => {
    const byPath = await post('/api/plugins/sums/invoke/math.add', '{"a":1,"b":2}');
    expect(byPath.body.toString()).toBe('{"sum":3}');
    const byBody = await post(
      '/api/plugins/sums/invoke',
      '{"capability":"math.add","payload":{"a":1,"b":2}}',
    );
    expect(byBody.body.toString()).toBe('{"sum":3}');
  });

  it('says what is wrong with a payload, and where', async () => {
    const { status, problem } = await post('/api/plugins/sums/invoke/math.add', '{"a":1,"b":"2"}');
    expect([status, problem.code, problem.errors?.[0]?.path]).toEqual([400, 'INVALID_PAYLOAD', '/b']);
  });

  it('fails with a code of its own', async () => {
    const { status, problem } = await post('/api/plugins/sums/invoke/math.add', '{"a":99,"b":2}');
    expect([status, problem.code]).toEqual([422, 'SUMS_TOO_LARGE']);
  });

  it('keeps the deadline itself, and its answer comes before the gateway’s', async () => {
    const { status, problem } = await post('/api/plugins/sums/invoke/wait', '{}', { 'bkg-timeout-ms': '50' });
    expect([status, problem.code]).toEqual([504, 'DEADLINE_EXCEEDED']);
    expect(problem.detail).toContain('wait did not answer within 50 ms');
    expect(ended).toEqual(['DEADLINE_EXCEEDED']);
  });

  it('stops working when the client leaves', async () => {
    const leaving = new AbortController();
    const invoked = fetch(`${mesh.url}/api/plugins/sums/invoke/wait`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
      signal: leaving.signal,
    });
    await eventually(() => instance.telemetry().in_flight === 1);
    leaving.abort();
    await invoked.catch(() => undefined);
    await eventually(() => ended.length > 0);
    expect(ended).toEqual(['CANCELLED']);
  });
});
