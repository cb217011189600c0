import { afterEach, beforeEach, expect, it } from 'vitest';
import { homePaths } from '@bkg/sdk/host';
import { silentLogger } from '@bkg/sdk/testing';
import { stopPlugins } from '../src/stop-plugins.ts';
import { manifest, Mesh } from './mesh.ts';

let mesh: Mesh;

beforeEach(async () => {
  mesh = await Mesh.create([
    manifest('echo', 'echo.mjs'),
    manifest('stubborn', 'service.mjs', { env: { SERVICE_IGNORES_TERM: '1' } }),
  ]);
});
afterEach(() => mesh[Symbol.asyncDispose]());

it.each([
  ['a plugin that drains', 'echo', 5_000],
  ['a plugin that ignores SIGTERM', 'stubborn', 100],
  ['a plugin that shall not even drain', 'echo', 0],
])('ends %s without a broker and without a supervisor', async (_, id, graceMs) => {
  const { stop } = await mesh.supervise();
  await mesh.order('start', id);
  await stop();
  await mesh.server.kill();
  expect(mesh.pids(id)).toHaveLength(1);
  expect(await stopPlugins({ paths: homePaths(mesh.home), log: silentLogger, graceMs })).toBe(true);
  expect(mesh.pids(id)).toEqual([]);
});

it('has nothing to do where nothing runs', async () => {
  const { stop } = await mesh.supervise();
  await stop();
  expect(await stopPlugins({ paths: homePaths(mesh.home), log: silentLogger, graceMs: 5_000 })).toBe(true);
});
