import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BkgError, configDefaults, problemReply } from '@bkg/sdk';
import type { PluginConfig, PluginInfo, Problem } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { entryOf, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';

let mesh: TestMesh;
/** What the supervisor was asked, as it arrived. */
let asked: { subject: string; text: string }[] = [];
let history: (id: string) => string | BkgError = () => '';
let answer: (id: string) => string | BkgError = () => '';

const address = (id: string) => `${mesh.url}/api/plugins/${id}/config`;
const post = async (
  id: string,
  body: string | Uint8Array<ArrayBuffer> | undefined,
  contentType = 'application/json',
) => {
  const response = await fetch(address(id), {
    method: 'POST',
    ...(body !== undefined && { body, headers: { 'content-type': contentType } }),
  });
  return { status: response.status, body: (await response.json()) as PluginConfig & Problem };
};
const get = async (id: string) => {
  const response = await fetch(address(id));
  return { status: response.status, body: (await response.json()) as PluginConfig & Problem };
};

function replyOf(given: string | BkgError): { data: string; headers?: Record<string, string> } {
  if (typeof given === 'string') return { data: given };
  const { data, headers } = problemReply(given.problem);
  return { data: data as string, headers };
}

beforeAll(async () => {
  mesh = await startMesh();
  mesh.supervisor.control('configure', (msg, id) => {
    asked.push({ subject: msg.subject, text: msg.string() });
    return replyOf(answer(id));
  });
  mesh.supervisor.history((msg, id) => {
    asked.push({ subject: msg.subject, text: msg.string() });
    return replyOf(history(id));
  });
  await mesh.supervisor.connection.nats.flush();
  await mesh.supervisor.put(entryOf('one'));
  await eventually(() => mesh.app.catalog.get('one') !== undefined);
});
afterAll(() => mesh[Symbol.asyncDispose]());

describe('the configuration of a plugin', () => {
  it('is what the registry has of it', async () => {
    expect(await get('one')).toEqual({ status: 200, body: { id: 'one', ...configDefaults } });
  });

  it.each(['nobody', 'NO', 'bkg'])('is 404 when there is no such plugin: %s', async (id) => {
    const { status, body } = await get(id);
    expect([status, body.code]).toEqual([404, 'PLUGIN_NOT_FOUND']);
  });
});

describe('a change of it', () => {
  it('goes to the supervisor byte by byte, and is answered with what came of it', async () => {
    asked = [];
    const config = { id: 'one', ...configDefaults, replicas: 3, revision: 1 };
    answer = () => JSON.stringify(config);
    const change = '{"revision":0, "replicas":3,"settings":{"n":12345678901234567890,"gone":null}}';
    expect(await post('one', change)).toEqual({ status: 200, body: config });
    expect(asked).toEqual([{ subject: 'bkg.control.configure.one.by.nobody', text: change }]);
  });

  it('is seen by whoever asks right after it, although the registry follows later', async () => {
    for (const revision of [2, 3, 4]) {
      answer = () => JSON.stringify({ id: 'one', ...configDefaults, replicas: revision, revision });
      await post('one', `{"revision":${revision - 1}}`);
      expect((await get('one')).body.revision).toBe(revision);
      const info = (await (await fetch(`${mesh.url}/api/plugins/one`)).json()) as PluginInfo;
      expect(info.config.replicas).toBe(revision);
    }
    // And the registry has the last word.
    const config = { id: 'one', ...configDefaults, revision: 9 };
    const observed_at = new Date(Date.now() + 10).toISOString();
    await mesh.supervisor.put(entryOf('one', 'running', { config, observed_at }));
    await eventually(async () => (await get('one')).body.revision === 9);
  });

  it('hides nothing else that the registry says meanwhile, by whatever clock', async () => {
    const { config, observed_at } = mesh.app.catalog.get('one')!;
    const changed = { ...config, revision: config.revision + 1 };
    answer = () => JSON.stringify(changed);
    await post('one', `{"revision":${config.revision}}`);
    expect(mesh.app.catalog.get('one')).toMatchObject({ config: changed, observed_at });
    const later = new Date(Date.parse(observed_at) + 1).toISOString();
    await mesh.supervisor.put(entryOf('one', 'stopped', { config, observed_at: later }));
    await eventually(() => mesh.app.catalog.get('one')?.status === 'stopped');
    expect(mesh.app.catalog.get('one')?.config).toEqual(changed);
  });

  it.each([
    new BkgError('CONFLICT', 'The revision is 4 by now.'),
    new BkgError('INVALID_PAYLOAD', 'It does not fit.', { errors: [{ path: '/replicas', message: 'no' }] }),
    new BkgError('PLUGIN_NOT_FOUND', 'There is no plugin "two".'),
  ])('that the supervisor refuses is refused in its words: %s', async (error) => {
    answer = () => error;
    const { status, body } = await post('two', '{"revision":1}');
    expect([status, body]).toEqual([error.problem.status, error.problem]);
  });

  it.each([
    undefined,
    '{"id":"one"}',
    '{"id":"two","revision":1,"resources":{"timeout_secs":1}}',
    '[',
    'null',
  ])('is a failure of our own when the supervisor answers with %s', async (text) => {
    answer = () => text ?? '';
    const { status, body } = await post('one', '{"revision":1}');
    expect([status, body.code]).toEqual([500, 'INTERNAL']);
  });

  it.each([
    [undefined, 'application/json', 400],
    ['', 'application/json', 400],
    ['{"revision":1', 'application/json', 400],
    [Uint8Array.from(Buffer.from('{"revision":1,"why":"für mich"}', 'latin1')), 'application/json', 400],
    ['{"revision":1}', 'text/plain', 400],
    ['{"revision":1}', 'application/merge-patch+json', 400],
    [`{"why":"${'x'.repeat(256 * 1024)}"}`, 'application/json', 413],
  ])('with the body %.20s of %s never reaches the supervisor', async (body, contentType, expected) => {
    asked = [];
    expect((await post('one', body, contentType)).status).toBe(expected);
    expect(asked).toEqual([]);
  });

  it('waits for the supervisor when that is away: 503', async () => {
    await using other = await startMesh();
    await other.supervisor.put(entryOf('one'));
    await eventually(() => other.app.catalog.get('one') !== undefined);
    const init = { method: 'POST', body: '{"revision":0}', headers: { 'content-type': 'application/json' } };
    const response = await fetch(`${other.url}/api/plugins/one/config`, init);
    const problem = (await response.json()) as Problem;
    expect([response.status, problem.code]).toEqual([503, 'PLUGIN_UNAVAILABLE']);
  });
});

describe('how long a change may take', () => {
  const config = { id: 'one', ...configDefaults, revision: 1 };

  /** What the gateway grants the supervisor, in ms. */
  async function granted(change: string): Promise<number> {
    await using other = await startMesh();
    other.supervisor.control('configure', () => ({ data: JSON.stringify(config) }));
    await other.supervisor.connection.nats.flush();
    const request = vi.spyOn(other.app.broker, 'request');
    const init = { method: 'POST', body: change, headers: { 'content-type': 'application/json' } };
    expect((await fetch(`${other.url}/api/plugins/one/config`, init)).status).toBe(200);
    return request.mock.calls[0]?.[2].timeoutMs ?? 0;
  }

  it.each([
    ['{"revision":0}', 65_000],
    ['{"revision":0,"wait":true}', 65_000],
    ['{"revision":0,"wait":false}', 10_000],
  ])('%s: %i ms', async (change, expected) => {
    expect(await granted(change)).toBe(expected);
  });
});

describe('the history of a configuration', () => {
  const read = async (id: string, query = '') => {
    const response = await fetch(`${address(id)}/history${query}`);
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      text: await response.text(),
    };
  };

  it.each([
    ['', {}],
    ['?before=17', { before: 17 }],
  ])('with %s comes from the supervisor as it is', async (query, expected) => {
    asked = [];
    const text = '{"revisions":[{"revision":3, "why":"é","config":{"n":12345678901234567890}}]}';
    history = () => text;
    expect(await read('one', query)).toEqual({ status: 200, type: 'application/json', text });
    expect(asked).toEqual([{ subject: 'bkg.registry.history.one', text: JSON.stringify(expected) }]);
  });

  it('is refused in the words of the supervisor', async () => {
    const { problem } = new BkgError('PLUGIN_NOT_FOUND', 'There is no plugin "two".');
    history = () => new BkgError('PLUGIN_NOT_FOUND', 'There is no plugin "two".');
    const { status, text } = await read('two');
    expect([status, JSON.parse(text)]).toEqual([404, problem]);
  });

  it.each(['0', '-1', '1.5', 'x', '', '9007199254740993', '1&before=2'])(
    'refuses before=%s',
    async (before) => {
      asked = [];
      const { status, text } = await read('one', `?before=${before}`);
      const problem = JSON.parse(text) as Problem;
      expect([status, problem.code, asked]).toEqual([400, 'INVALID_PAYLOAD', []]);
      expect(problem.detail).toContain('it takes a revision, a whole number from 1');
    },
  );

  it('is 404 for a name that no plugin can have', async () => {
    expect((await read('NO')).status).toBe(404);
  });
});
