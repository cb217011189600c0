import { describe, expect, it } from 'vitest';
import { getConfigHistory, saveConfig } from '../src/lib/config/config-api.ts';
import { invoke } from '../src/lib/invocation.ts';
import { getLogs } from '../src/lib/logs.ts';
import { actOnPlugin, listPlugins } from '../src/lib/plugins.ts';
import { rollBackPlugin, scalePlugin, swapPlugin } from '../src/lib/rollout/orders.ts';
import { ProblemError, problemOfReply, request, UnreachableError, type Fetch } from '../src/lib/request.ts';

/** Answers every request the same and remembers what was asked. */
function answering(body: string, init: ResponseInit = {}) {
  const asked: { path: string; init: RequestInit }[] = [];
  const fetch: Fetch = async (path, options = {}) => {
    asked.push({ path: path instanceof Request ? path.url : String(path), init: options });
    return new Response(body, init);
  };
  return { fetch, asked };
}

const never: Fetch = (_, init) =>
  new Promise((_, reject) => {
    init?.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error));
  });

describe('request', () => {
  it('gives up after its deadline and says so', async () => {
    await expect(request('/x', { timeoutMs: 20, fetch: never })).rejects.toThrow(
      new UnreachableError('The gateway did not answer within 0.02 s.'),
    );
  });

  it('gives the reason of the caller back when the caller aborts', async () => {
    const controller = new AbortController();
    const asked = request('/x', { timeoutMs: 5_000, fetch: never, signal: controller.signal });
    controller.abort(new Error('not wanted any more'));
    await expect(asked).rejects.toThrow('not wanted any more');
  });

  it('tells a dead gateway from one that answers with a failure', async () => {
    const dead: Fetch = () => Promise.reject(new TypeError('fetch failed'));
    await expect(listPlugins({ fetch: dead })).rejects.toBeInstanceOf(UnreachableError);
    const { fetch } = answering('{"code":"BUSY","detail":"later"}', {
      status: 429,
      headers: { 'content-type': 'application/problem+json' },
    });
    await expect(listPlugins({ fetch })).rejects.toMatchObject({ name: 'ProblemError', message: 'later' });
  });

  it('refuses a page of HTML where JSON should be', async () => {
    const { fetch } = answering('<html>', { headers: { 'content-type': 'text/html' } });
    await expect(listPlugins({ fetch })).rejects.toBeInstanceOf(ProblemError);
  });
});

describe('problemOfReply', () => {
  it('keeps the problem that bkg sent', () => {
    const text =
      '{"code":"INVALID_PAYLOAD","detail":"no","status":400,"errors":[{"path":"/a","message":"m"}]}';
    expect(problemOfReply({ status: 400, contentType: 'application/problem+json', text })).toMatchObject({
      code: 'INVALID_PAYLOAD',
      errors: [{ path: '/a', message: 'm' }],
    });
  });

  it('makes one of what a proxy sent', () => {
    expect(
      problemOfReply({ status: 502, contentType: 'text/html', text: '<h1>Bad gateway</h1>' }),
    ).toMatchObject({
      status: 502,
      code: 'HTTP_502',
      detail: '<h1>Bad gateway</h1>',
    });
    expect(problemOfReply({ status: 500, contentType: 'application/json', text: '{' }).code).toBe('HTTP_500');
  });
});

describe('the resources', () => {
  it('start a plugin with POST', async () => {
    const { fetch, asked } = answering('{"id":"candle"}');
    await actOnPlugin('candle', 'start', { fetch });
    expect(asked[0]).toMatchObject({ path: '/api/plugins/candle/start', init: { method: 'POST' } });
  });

  it('order what replaces a plugin, and say who does', async () => {
    const { fetch, asked } = answering('{"id":"candle"}');
    await swapPlugin('candle', { version: '1.1.0', why: 'Faster.', force: true }, { fetch });
    await scalePlugin('candle', { replicas: 0 }, { fetch });
    await rollBackPlugin('candle', { to: 3 }, { fetch });
    const body = (i: number) => JSON.parse(asked[i]?.init.body as string) as object;
    expect(asked.map(({ path }) => path.replace('/api/plugins/candle/', ''))).toEqual([
      'swap',
      'scale',
      'rollback',
    ]);
    expect(body(0)).toEqual({ version: '1.1.0', why: 'Faster.', force: true, by: 'dashboard' });
    expect(body(1)).toEqual({ replicas: 0, by: 'dashboard' });
    expect(body(2)).toEqual({ to: 3, by: 'dashboard' });
  });

  it('save a configuration with the revision that it changes, and read what was before', async () => {
    const { fetch, asked } = answering('{"revisions":[]}');
    await saveConfig('candle', { revision: 4, patch: { replicas: null }, why: '' }, { fetch });
    await getConfigHistory('candle', undefined, { fetch });
    await getConfigHistory('candle', 7, { fetch });
    expect(JSON.parse(asked[0]?.init.body as string)).toEqual({
      replicas: null,
      revision: 4,
      why: '',
      by: 'dashboard',
    });
    expect(asked[1]?.path).toBe('/api/plugins/candle/config/history');
    expect(asked[2]?.path).toBe('/api/plugins/candle/config/history?before=7');
  });

  it('ask for log lines after a time', async () => {
    const { fetch, asked } = answering('{"lines":[]}');
    await getLogs('candle', { lines: 200, since: '2026-01-01T00:00:00.000Z' }, { fetch });
    expect(asked[0]?.path).toBe('/api/plugins/candle/logs?lines=200&since=2026-01-01T00%3A00%3A00.000Z');
  });

  it('send the payload as typed and give the answer back as it came', async () => {
    const answer = '{"n": 9007199254740993}';
    const { fetch, asked } = answering(answer, { headers: { 'content-type': 'application/json' } });
    const payload = '{ "n": 18446744073709551615 }';
    const result = await invoke('candle', 'model.infer', payload, { timeoutSecs: 30, fetch });
    expect(asked[0]?.path).toBe('/api/plugins/candle/invoke/model.infer');
    expect(asked[0]?.init.body).toBe(payload);
    expect(asked[0]?.init.headers).toEqual({ 'content-type': 'application/json' });
    expect(result).toMatchObject({ status: 200, text: answer, bytes: 23 });
    expect(result.problem).toBeUndefined();
  });
});
