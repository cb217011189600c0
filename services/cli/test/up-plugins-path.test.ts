import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PluginInfo } from '@bkg/sdk/protocol';
import { eventually } from '@bkg/sdk/testing';
import { testHome } from './test-home.ts';
import type { TestHome, Up } from './test-home.ts';

/** BKG_PLUGINS_PATH through the real `bkg up`, supervisor and gateway. */
let home: TestHome;
let up: Up;
const place = (...names: string[]): string => home.file('places', ...names);

beforeAll(async () => {
  home = await testHome();
  mkdirSync(place('one'), { recursive: true });
  const env = { INIT_CWD: place(), BKG_PLUGINS_PATH: 'one:two' };
  up = home.up(env, [path.join(import.meta.dirname, '../dist/main.js'), 'up']);
  await up.said('bkg is up');
});
afterAll(() => home[Symbol.asyncDispose]());

async function shown(id: string): Promise<PluginInfo | undefined> {
  const response = await fetch(`http://127.0.0.1:${home.port}/api/plugins`);
  return ((await response.json()) as PluginInfo[]).find((plugin) => plugin.id === id);
}

/** @returns ms until it is so */
async function until(check: () => Promise<boolean>): Promise<number> {
  const started = performance.now();
  await eventually(check, { everyMs: 10 });
  return performance.now() - started;
}

it('says once that a folder is not there yet', () => {
  expect(up.lines.filter((line) => line.includes('does not exist yet'))).toEqual([
    expect.stringContaining(place('two')),
  ]);
});

it.each(['one', 'two'])(
  'shows a plugin that is dropped into %s within two seconds, and its end',
  // What it promises is no promise of a machine that is busy with something else.
  { retry: 2 },
  async (name) => {
    const id = `dropped-${name}`;
    const made = home.file('made', id);
    mkdirSync(made, { recursive: true });
    const manifest = { id, version: '1.2.3', command: ['node', 'main.mjs'] };
    writeFileSync(path.join(made, 'plugin.json'), JSON.stringify(manifest));
    writeFileSync(path.join(made, 'main.mjs'), 'setInterval(() => undefined, 1_000);');
    cpSync(made, place(name, id), { recursive: true });
    const dropMs = await until(async () => (await shown(id))?.version === '1.2.3');
    expect((await shown(id))?.status).toBe('stopped');
    rmSync(place(name, id), { recursive: true });
    const removeMs = await until(async () => (await shown(id)) === undefined);
    expect(
      [dropMs, removeMs].every((ms) => ms < 2_000),
      `${dropMs} and ${removeMs} ms`,
    ).toBe(true);
  },
);

it('shows the telemetry of one that knows nothing of bkg', async () => {
  const service = path.join(import.meta.dirname, '../../supervisor/test/fixtures/service.mjs');
  mkdirSync(place('one', 'plain'));
  const manifest = { id: 'plain', version: '1.0.0', command: ['node', service], autostart: true };
  writeFileSync(place('one', 'plain', 'plugin.json'), JSON.stringify(manifest));
  await until(async () => (await shown('plain'))?.status === 'running');
  for (let i = 0; i < 3; i += 1) {
    const response = await fetch(`http://127.0.0.1:${home.port}/api/plugins/plain/invoke/do`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(response.status).toBe(200);
  }
  await until(async () => (await shown('plain'))?.telemetry.request_count === 3);
  expect((await shown('plain'))?.telemetry).toMatchObject({ instances: 1, latency_ms: { p50: 3.2 } });
});
