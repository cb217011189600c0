import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { createLogger } from '@bkg/sdk';
import { FailureStore } from '../src/failure-store.ts';
import { noSetback } from '../src/plugin.ts';
import { Plugins } from '../src/plugins.ts';

const root = mkdtempSync(path.join(tmpdir(), 'bkg-failures-'));
const log = createLogger({}, { level: 'silent' });
let run: string;
beforeEach(() => void (run = mkdtempSync(path.join(root, 'run-'))));
afterAll(() => rmSync(root, { recursive: true }));

const folder = (): string => path.join(run, 'failures');
const files = (): string[] => (existsSync(folder()) ? readdirSync(folder()) : []);
const successor = () => {
  const plugins = new Plugins();
  const store = new FailureStore(run, log);
  store.load(plugins);
  return { plugins, store };
};
const end = {
  instance: 'a1',
  version: '1.0.0',
  at: '2026-01-01T00:00:00.000Z',
  verdict: 'crashed',
  text: 'x',
} as const;

it('a plugin that was given up is given up for the next supervisor, too, which knows why', () => {
  const { plugins, store } = successor();
  const plugin = plugins.ensure('bad');
  plugin.setback = { failures: 6, launchFrom: Infinity, failedAt: 17 };
  plugin.failed = { instance: 'a1', version: '1.0.0', startedAt: '', error: 'it failed 6 times' };
  plugin.ends = [{ ...end, output: ['last words'] }];
  store.keep(plugin);

  const next = successor().plugins.get('bad');
  expect(next).toMatchObject({ setback: plugin.setback, failed: plugin.failed, ends: plugin.ends });
});

it('one that is started again has not failed', () => {
  const { plugins, store } = successor();
  const plugin = plugins.ensure('bad');
  plugin.setback = { failures: 2, launchFrom: 5, failedAt: 17 };
  store.keep(plugin);
  expect(files()).toEqual(['bad.json']);
  plugin.setback = noSetback;
  store.keep(plugin);
  expect(files()).toEqual([]);
  expect(successor().plugins.get('bad')).toBeUndefined();
});

it('all are tried anew when the mesh was stopped in order', () => {
  const { plugins, store } = successor();
  const plugin = plugins.ensure('bad');
  plugin.setback = { failures: 6, launchFrom: Infinity, failedAt: 17 };
  store.keep(plugin);
  store.forgetAll();
  expect(successor().plugins.all()).toEqual([]);
});

it.each([
  ['half a file', '{"failures": 6'],
  ['another thing', '[]'],
  ['a number that is none', '{"failures":"6","failed_at":1,"ends":[]}'],
  ['ends that are none', '{"failures":6,"failed_at":1,"ends":[{"output":7}]}'],
  ['a failed instance that is none', '{"failures":6,"failed_at":1,"failed":{"error":7},"ends":[]}'],
  ['a plan for the far future', '{"failures":1,"failed_at":1,"launch_from":9e15,"ends":[]}'],
])('%s in its place is nothing, and goes', (_, text) => {
  mkdirSync(folder());
  writeFileSync(path.join(folder(), 'odd.json'), text);
  writeFileSync(path.join(folder(), 'No Id!.json'), text);
  expect(successor().plugins.all()).toEqual([]);
  expect(files()).toEqual([]);
});

it('a folder in its place, or of any name, is nothing, and goes', () => {
  for (const name of ['odd.json', 'x']) mkdirSync(path.join(folder(), name, 'in it'), { recursive: true });
  expect(successor().plugins.all()).toEqual([]);
  expect(files()).toEqual([]);
});
