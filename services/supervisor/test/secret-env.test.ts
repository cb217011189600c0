import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buckets, secretMask, subjects } from '@bkg/sdk';
import type { ConfigHistory, PluginConfig } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { Kvm } from '@nats-io/kv';
import { environmentOf } from '../src/process-table.ts';
import { heardLogger } from './audit-kit.ts';
import { manifest, Mesh, problemOf } from './mesh.ts';

/** In every secret value of this test and in nothing else. */
const canary = 'canary9f21';
const secret = (name: string): string => `${canary}-${name}`;

const { log, lines } = heardLogger();
/** Everything on the bus but what the broker gives the supervisor to read of its own bucket. */
const heard: { subject: string; text: string }[] = [];
let mesh: Mesh;

beforeAll(async () => {
  const env = { API_TOKEN: secret('manifest'), MODE: 'plain' };
  mesh = await Mesh.create([manifest('echo', 'echo.mjs', { env })]);
  mesh.writeVersion({ ...manifest('echo', 'echo.mjs', { env }), version: '1.1.0' });
  mesh.caller.subscribe('>', {
    callback: (_, msg) => {
      const { subject } = msg;
      const isOwn = subject.startsWith(`$KV.${buckets.desired}.`) || subject.startsWith('_INBOX.supervisor.');
      if (!isOwn) heard.push({ subject, text: msg.string() });
    },
  });
  await mesh.caller.flush();
  await mesh.supervise({}, { log });
});
afterAll(() => mesh[Symbol.asyncDispose]());

const configure = (change: object) => mesh.ask<PluginConfig>(subjects.control('configure', 'echo'), change);
/** What the one process that runs was given. */
async function given(): Promise<Map<string, string>> {
  const { instances } = await mesh.get('echo');
  expect(instances).toHaveLength(1);
  return environmentOf(instances[0]!.pid!) ?? new Map<string, string>();
}
const desired = async () =>
  (await (await new Kvm(mesh.caller.nats).open(buckets.desired)).get('config.echo'))!.json<PluginConfig>();

describe('the value of a variable whose name says that it is secret', () => {
  it('reaches the plugin, and is shown as stars to everybody else', async () => {
    const { config } = await mesh.order('start', 'echo');
    expect(config.env).toMatchObject({ API_TOKEN: secretMask, MODE: 'plain' });
    expect((await given()).get('API_TOKEN')).toBe(secret('manifest'));
    const changed = await configure({
      revision: 1,
      env: { DB_PASSWORD: secret('second') },
      why: 'more of them',
    });
    expect(changed.env).toMatchObject({ API_TOKEN: secretMask, DB_PASSWORD: secretMask });
    expect((await given()).get('DB_PASSWORD')).toBe(secret('second'));
  });

  it('stays as it is when its stars are given back with a whole configuration', async () => {
    const before = (await mesh.get('echo')).config;
    const same = await configure(before);
    expect(same.revision).toBe(before.revision);
    const after = await configure({ ...before, env: { ...before.env, MODE: 'other' } });
    expect(after.revision).toBe(before.revision + 1);
    expect((await desired()).env).toMatchObject({
      API_TOKEN: secret('manifest'),
      DB_PASSWORD: secret('second'),
      MODE: 'other',
    });
    expect((await given()).get('API_TOKEN')).toBe(secret('manifest'));
  });

  it('is not sent along when an instance takes other limits over', async () => {
    const { revision } = (await mesh.get('echo')).config;
    const { pid } = (await mesh.get('echo')).instances[0]!;
    await configure({ revision, limits: { max_queue: 9 } });
    expect((await mesh.get('echo')).instances[0]!.pid).toBe(pid);
    const orders = heard.filter(({ subject }) => /\.ctl\..*\.configure$/.test(subject));
    expect(
      orders.map(({ text }) => (JSON.parse(text) as Partial<PluginConfig>).env?.['API_TOKEN']),
    ).toContain(secretMask);
  });

  it('is not quoted by what refuses it, nor by what fails with it', async () => {
    const { revision } = (await mesh.get('echo')).config;
    const env = { API_TOKEN: secret('refused'), OTHER_SECRET: `${secret('refused')}\0` };
    expect(await problemOf(configure({ revision, env, replicas: 99 }))).toMatchObject({
      code: 'INVALID_PAYLOAD',
    });
    const failing = { API_TOKEN: secret('failing'), ECHO_EXITS: '3' };
    expect(await problemOf(configure({ revision, env: failing }))).toMatchObject({ code: 'PLUGIN_CRASHED' });
    await eventually(async () => (await desired()).env['API_TOKEN'] === secret('manifest'));
  });

  it('comes back with a rollback, and the history tells where it changed', async () => {
    const { revision } = (await mesh.get('echo')).config;
    await configure({ revision, env: { DB_PASSWORD: secret('third') } });
    expect((await given()).get('DB_PASSWORD')).toBe(secret('third'));
    await mesh.order('rollback', 'echo', { to: 2 });
    expect((await given()).get('DB_PASSWORD')).toBe(secret('second'));
    const { revisions } = await mesh.ask<ConfigHistory>(subjects.history('echo'));
    expect(revisions[0]?.secrets).toMatchObject({ API_TOKEN: 1, DB_PASSWORD: 2 });
    expect(revisions[1]?.secrets).toMatchObject({ API_TOKEN: 1, DB_PASSWORD: revision + 1 });
    await mesh.order('swap', 'echo', { version: '1.1.0' });
    expect((await given()).get('DB_PASSWORD')).toBe(secret('second'));
  });

  it('is with its process when another supervisor takes it over', async () => {
    const { pid } = (await mesh.get('echo')).instances[0]!;
    await mesh.stopSupervisors();
    await mesh.supervise({}, { log });
    const after = await eventually(async () => {
      const info = await mesh.get('echo');
      return info.status === 'running' && info;
    });
    expect(after.instances.map((one) => one.pid)).toEqual([pid]);
    expect(after.config.env).toMatchObject({ API_TOKEN: secretMask });
  });

  it('was seen by nobody in all that', async () => {
    await mesh.list();
    await mesh.ask(subjects.logs('echo'), {});
    await mesh.ask(subjects.auditList, { most: 1_000 });
    await mesh.caller.flush();
    // The orders themselves had to say it.
    const seen = heard.filter(({ subject }) => !subject.startsWith('bkg.control.'));
    expect(seen.filter(({ text }) => text.includes(canary)).map(({ subject }) => subject)).toEqual([]);
    for (const expected of [
      `$KV.${buckets.registry}.echo`,
      '_INBOX.caller.',
      'bkg.audit.event',
      'plugin.echo.events.',
    ])
      expect(seen.some(({ subject }) => subject.startsWith(expected))).toBe(true);
    expect(seen.some(({ text }) => text.includes(secretMask))).toBe(true);
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.filter((line) => line.includes(canary))).toEqual([]);
  });

  it('is in no file but that of the plugin’s own process, and on no command line', () => {
    const files = readdirSync(mesh.home, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => path.join(parentPath, name));
    const having = files.filter((file) => readFileSync(file, 'latin1').includes(canary));
    expect(having).toEqual([expect.stringMatching(/\/run\/\w+\.config\.json$/)]);
    expect(files.some((file) => file.includes(`${path.sep}logs${path.sep}`))).toBe(true);
    for (const pid of mesh.pids()) expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(canary);
  });
});
