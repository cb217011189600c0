import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BkgError, configDefaults, problemReply } from '@bkg/sdk';
import type { PluginInfo, Problem, Status } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { entryOf, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';

let mesh: TestMesh;

async function call<T = Problem>(
  method: string,
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; body: T; headers: Headers }> {
  const response = await fetch(mesh.url + path, { method, ...init });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text ? JSON.parse(text) : undefined) as T,
  };
}

const json = { 'content-type': 'application/json' };

beforeAll(async () => {
  mesh = await startMesh();
  await mesh.supervisor.put(entryOf('one'));
  await mesh.supervisor.put(entryOf('two', 'stopped'));
  await eventually(() => mesh.app.catalog.size === 2);
});

afterAll(() => mesh[Symbol.asyncDispose]());

describe('what exists', () => {
  it('is listed by id, in full; on the broker nothing but telemetry is asked for', async () => {
    const asked: string[] = [];
    const onlooker = mesh.peer.subscribe('>', { callback: (_error, msg) => void asked.push(msg.subject) });
    await mesh.peer.nats.flush();
    const { status, body, headers } = await call<PluginInfo[]>('GET', '/api/plugins');
    await mesh.peer.nats.flush();
    onlooker.unsubscribe();
    expect(status).toBe(200);
    expect(headers.get('content-type')).toContain('application/json');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body.map(({ id, status }) => [id, status])).toEqual([
      ['one', 'running'],
      ['two', 'stopped'],
    ]);
    expect(body[0]).toHaveProperty('telemetry.request_count', 0);
    expect(body[0]).not.toHaveProperty('unknown_since');
    expect(asked.filter((subject) => /^(plugin|bkg|\$JS\.API)\./.test(subject))).toEqual([
      'bkg.registry.list',
    ]);
  });

  it('has the defaults of what its configuration lacks, as an older supervisor has written it', async () => {
    const { config, ...entry } = entryOf('old');
    const { sandbox: _, ...older } = { ...config, revision: 3 };
    const written = { ...older, resources: { timeout_secs: 7 } } as unknown as typeof config;
    await mesh.supervisor.put({ ...entry, config: written });
    await eventually(() => mesh.app.catalog.get('old'));
    const { body } = await call<PluginInfo>('GET', '/api/plugins/old');
    await mesh.supervisor.remove('old');
    await eventually(() => !mesh.app.catalog.get('old'));
    const resources = { ...configDefaults.resources, timeout_secs: 7 };
    expect(body.config).toEqual({ ...config, resources, revision: 3 });
    expect(body.config.sandbox).toBe('off');
  });

  it.each(['/api/plugins/nobody', '/api/plugins/nobody/telemetry', '/api/plugins/NO', '/api/plugins/bkg'])(
    'and what does not is 404: %s',
    async (path) => {
      const { status, body, headers } = await call('GET', path);
      expect([status, body.code]).toEqual([404, 'PLUGIN_NOT_FOUND']);
      expect(headers.get('content-type')).toBe('application/problem+json');
    },
  );

  it('follows the registry: changes, deletions, and entries that are none', async () => {
    await mesh.supervisor.put(entryOf('three', 'starting'));
    await eventually(() => mesh.app.catalog.get('three')?.status === 'starting');
    await mesh.supervisor.put({ id: 'three' } as never);
    await mesh.supervisor.put(entryOf('three', 'running'));
    await eventually(() => mesh.app.catalog.get('three')?.status === 'running');
    await mesh.supervisor.remove('three');
    await eventually(async () => (await call('GET', '/api/plugins/three')).status === 404);
  });
});

describe('control', () => {
  let asked: { subject: string; body: unknown }[] = [];
  let status: Status = 'running';
  let failure: BkgError | undefined;

  beforeAll(async () => {
    for (const verb of ['start', 'stop', 'restart', 'swap', 'scale', 'rollback']) {
      mesh.supervisor.control(verb, (msg, id) => {
        asked.push({ subject: msg.subject, body: msg.json() });
        if (failure) {
          const { data, headers } = problemReply(failure.problem);
          return { data: data as string, headers };
        }
        return { data: JSON.stringify(entryOf(id, status)) };
      });
    }
    await mesh.supervisor.connection.nats.flush();
  });

  it.each([
    ['start', 'running'],
    ['stop', 'stopped'],
    ['restart', 'running'],
  ] as const)('%s asks the supervisor and answers with the plugin', async (verb, reached) => {
    asked = [];
    status = reached;
    const { status: httpStatus, body } = await call<PluginInfo>('POST', `/api/plugins/one/${verb}`);
    expect([httpStatus, body.id, body.status]).toEqual([200, 'one', reached]);
    // The dashboard reads it whenever it shows a plugin.
    expect(body.telemetry.plugin_id).toBe('one');
    expect(asked).toEqual([{ subject: `bkg.control.${verb}.one.by.nobody`, body: { wait: true } }]);
  });

  const by = { by: 'ada', why: 'a try' };
  it.each([
    ['start', by],
    ['stop', by],
    ['restart', by],
    ['swap', { version: '2.0.0' }],
    ['swap', { version: '2.0.0', force: true, ...by }],
    ['scale', { replicas: 0, ...by }],
    ['rollback', undefined],
    ['rollback', { to: 3, force: true, ...by }],
  ])('%s hands on what its body says: %o', async (verb, order) => {
    asked = [];
    status = 'running';
    const send = (more: object, query = '') =>
      call('POST', `/api/plugins/one/${verb}${query}`, {
        ...(order && { body: JSON.stringify({ ...order, ...more }), headers: json }),
      });
    expect((await send({})).status).toBe(200);
    expect((await send({ wait: true }, '?wait=false')).status).toBe(202);
    const subject = `bkg.control.${verb}.one.by.nobody`;
    expect(asked).toEqual([
      { subject, body: { ...order, wait: true } },
      { subject, body: { ...order, wait: false } },
    ]);
  });

  it.each([
    ['swap', undefined, 'The body must have required property \'version\'. swap takes {"version", "force"?,'],
    ['swap', { version: 2 }, '"version" must be string, and is 2. swap takes {"version", "force"?,'],
    ['swap', { version: '' }, '"version" must NOT have fewer than 1 characters, and is "". swap takes'],
    ['swap', { version: '2', now: 1 }, 'The body must NOT have additional properties: "now". swap takes'],
    ['scale', {}, 'The body must have required property \'replicas\'. scale takes {"replicas", "wait"?,'],
    ['scale', { replicas: 65 }, '"replicas" must be <= 64, and is 65. scale takes'],
    [
      'scale',
      { replicas: 1.5, by: 1 },
      '"replicas" must be integer, and is 1.5; "by" must be string, and is 1.',
    ],
    ['rollback', { to: 0 }, '"to" must be >= 1, and is 0. rollback takes {"to"?, "force"?,'],
    ['start', { why: 'x'.repeat(501) }, '"why" must NOT have more than 500 characters, and is "xxx'],
    [
      'stop',
      { version: '2' },
      'additional properties: "version". stop takes {"wait"?, "by"?, "why"?}, or nothing.',
    ],
  ])('%s with the body %o is refused with what was given and what is allowed', async (verb, order, words) => {
    asked = [];
    const init = order ? { body: JSON.stringify(order), headers: json } : {};
    const { status: httpStatus, body } = await call('POST', `/api/plugins/one/${verb}`, init);
    expect([httpStatus, body.code, asked]).toEqual([400, 'INVALID_PAYLOAD', []]);
    expect(body.detail).toContain(words);
    expect(body.errors?.length).toBeGreaterThan(0);
  });

  it('is seen by whoever asks right after it, although the registry follows later', async () => {
    status = 'stopped';
    await call('POST', '/api/plugins/one/stop');
    expect((await call<PluginInfo>('GET', '/api/plugins/one')).body.status).toBe('stopped');
    status = 'running';
    await call('POST', '/api/plugins/one/start');
    expect((await call<PluginInfo>('GET', '/api/plugins/one')).body.status).toBe('running');
  });

  it.each([
    ['?wait=false', undefined, 202, false],
    ['?wait=true', undefined, 200, true],
    ['', '{"wait":false}', 202, false],
    ['', '{}', 200, true],
    ['?wait=true', '{"wait":false}', 200, true],
  ])('with %s and the body %s answers when it is due', async (query, body, expected, wait) => {
    asked = [];
    const init = body === undefined ? {} : { body, headers: json };
    const { status: httpStatus } = await call('POST', `/api/plugins/one/start${query}`, init);
    expect([httpStatus, asked[0]?.body]).toEqual([expected, { wait }]);
  });

  it.each([
    ['?wait=maybe', undefined, json],
    ['?wait=true&wait=false', undefined, json],
    ['', '{"wait":"no"}', json],
    ['', '{"version":"2"}', json],
    ['', '[]', json],
    ['', '{', json],
    ['', Buffer.from('{"ä":1}', 'latin1'), json],
    ['', '{}', { 'content-type': 'text/plain' }],
  ])('with %s and the body %s is refused', async (query, body, headers) => {
    asked = [];
    const init = body === undefined ? {} : { body, headers };
    const { status: httpStatus, body: problem } = await call('POST', `/api/plugins/one/start${query}`, init);
    expect([httpStatus, problem.code, asked]).toEqual([400, 'INVALID_PAYLOAD', []]);
  });

  it('passes on why it failed', async () => {
    failure = new BkgError('CONFLICT', 'A later stop won.');
    const { status: httpStatus, body } = await call('POST', '/api/plugins/one/start');
    failure = undefined;
    expect([httpStatus, body]).toEqual([409, new BkgError('CONFLICT', 'A later stop won.').problem]);
  });

  it('never lets a name become another subject', async () => {
    asked = [];
    for (const id of ['%3e', '*', 'a.b', '%20', 'BIG']) {
      expect((await call('POST', `/api/plugins/${id}/stop`)).status).toBe(404);
    }
    expect(asked).toEqual([]);
  });
});

describe('logs', () => {
  let query: unknown;
  const text =
    '{"lines":[{"time":"2026-01-01T00:00:00.000Z","level":"info","message":"hello", "n":12345678901234567890}]}';

  beforeAll(async () => {
    mesh.supervisor.logs((msg, id) => {
      query = msg.json();
      if (id !== 'nobody') return { data: text };
      const { data, headers } = problemReply(
        new BkgError('PLUGIN_NOT_FOUND', 'There is no plugin "nobody".').problem,
      );
      return { data: data as string, headers };
    });
    await mesh.supervisor.connection.nats.flush();
  });

  it('come from the supervisor as they are', async () => {
    const response = await fetch(`${mesh.url}/api/plugins/two/logs?lines=50&level=warn&since=15m`);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await response.text()).toBe(text);
    expect(query).toEqual({ lines: 50, level: 'warn', since: '15m' });
  });

  it('need no query', async () => {
    expect((await call('GET', '/api/plugins/two/logs')).status).toBe(200);
    expect(query).toEqual({});
    await call('GET', '/api/plugins/two/logs?since=2026-11-24T15:00:00.000Z');
    expect(query).toEqual({ since: '2026-11-24T15:00:00.000Z' });
  });

  it('of a plugin that does not exist are 404', async () => {
    const { status, body } = await call('GET', '/api/plugins/nobody/logs');
    expect([status, body.code]).toEqual([404, 'PLUGIN_NOT_FOUND']);
  });

  it('refuse a query that does not fit, with everything that is wrong', async () => {
    const { status, body } = await call('GET', '/api/plugins/two/logs?lines=0&level=loud&since=yesterday');
    expect([status, body.code]).toEqual([400, 'INVALID_PAYLOAD']);
    expect(body.errors?.map(({ path }) => path)).toEqual(['/lines', '/level', '/since']);
  });

  it.each([
    'lines=10001',
    'lines=-5',
    'lines=1.5',
    'lines=',
    'lines=5&lines=6',
    'level=',
    'since=15',
    'since=2026',
  ])('refuse %s', async (search) => {
    expect((await call('GET', `/api/plugins/two/logs?${search}`)).status).toBe(400);
  });
});

describe('what only the supervisor can do', () => {
  it('is 503 that says so while the supervisor is away', async () => {
    await using other = await startMesh();
    await other.supervisor.put(entryOf('one'));
    for (const [method, path] of [
      ['POST', '/api/plugins/one/start'],
      ['GET', '/api/plugins/one/logs'],
    ] as const) {
      const response = await fetch(other.url + path, { method });
      const problem = (await response.json()) as Problem;
      expect([response.status, problem.code]).toEqual([503, 'PLUGIN_UNAVAILABLE']);
      expect(problem.detail).toMatch(/^The supervisor is away/);
    }
  });

  it('fails when the answer is no plugin', async () => {
    await using other = await startMesh();
    other.supervisor.control('start', () => ({ data: 'hello' }));
    await other.supervisor.connection.nats.flush();
    const response = await fetch(`${other.url}/api/plugins/one/start`, { method: 'POST' });
    expect([response.status, ((await response.json()) as Problem).code]).toEqual([500, 'INTERNAL']);
  });
});

describe('what no route takes', () => {
  it.each([
    ['GET', '/api', undefined],
    ['GET', '/api/', undefined],
    ['GET', '/api/nothing', undefined],
    ['GET', '/ws/', undefined],
    ['GET', '/ws/nothing', undefined],
    ['DELETE', '/api/plugins', 'GET, HEAD'],
    ['GET', '/api/plugins/one/start', 'POST'],
    ['PUT', '/api/plugins/one', 'GET, HEAD'],
    ['POST', '/api/plugins/one', 'GET, HEAD'],
    ['GET', '/api/plugins/one/invoke/echo', 'POST'],
    ['POST', '/livez', 'GET, HEAD'],
    ['POST', '/anything', undefined],
  ])('%s %s is a problem that names what there is', async (method, path, allowed) => {
    const { status, body, headers } = await call(method, path);
    expect([status, body.code]).toEqual([404, 'CAPABILITY_NOT_FOUND']);
    expect(headers.get('allow')).toBe(allowed ?? null);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body.detail).toContain(`${method} ${path}`);
  });

  it('is a problem too when the address is garbage', async () => {
    for (const path of ['/api/plugins/%', '/api/plugins/%ff', `/api/plugins/${'x'.repeat(200)}`]) {
      const { status, headers } = await call('GET', path);
      expect([status < 500, headers.get('content-type')]).toEqual([true, 'application/problem+json']);
    }
  });
});

describe('health', () => {
  it('is live and ready', async () => {
    expect((await call('GET', '/livez')).body).toEqual({ status: 'live' });
    expect((await call('GET', '/readyz')).body).toMatchObject({ status: 'ready' });
  });
});
