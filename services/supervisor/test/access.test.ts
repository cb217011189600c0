import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accessPlugin, subjects } from '@bkg/sdk';
import type { Connection, Credentials, Principal } from '@bkg/sdk';
import { createInstanceToken, createKey, hashSecret, keyName, readInstanceToken } from '@bkg/sdk/access';
import { delay } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import type { KeyCheck } from '../src/access/key-check.ts';
import { manifest, Mesh, problemOf } from './mesh.ts';

let mesh: Mesh;

const ask = { needs: ['other:text.say'] };
beforeEach(async () => {
  const manifests = [manifest('echo', 'echo.mjs', ask), manifest('other', 'echo.mjs')];
  mesh = await Mesh.create(manifests, { access: true });
});
afterEach(() => mesh[Symbol.asyncDispose]());

const seed = (): string => mesh.server.credentials.callout?.issuer_seed ?? '';

function credentialsOf(instance: string): Credentials {
  const file = path.join(mesh.home, 'run', `${instance}.credentials.json`);
  return JSON.parse(readFileSync(file, 'utf8')) as Credentials;
}

async function instanceOf(id: string): Promise<string> {
  return (await mesh.get(id)).instances[0]?.instance ?? '';
}

/** Whether the broker lets it in, which takes it a few milliseconds. */
async function isLetIn(credentials: Credentials): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(700);
    await (await mesh.server.connect('probe', { credentials, signal })).close();
    return true;
  } catch {
    return false;
  }
}

/** Somebody who has got hold of it; it comes back as often as it is put out. */
async function stolen(credentials: Credentials): Promise<Connection> {
  return mesh.server.connect('thief', { credentials, identity: ['echo', 'thief'] });
}

describe('an instance', () => {
  it('gets credentials of its own, which do for what it is and what it needs and for nothing else', async () => {
    await mesh.supervise();
    await Promise.all([mesh.order('start', 'echo'), mesh.order('start', 'other')]);
    const instance = await instanceOf('echo');
    const credentials = credentialsOf(instance);
    expect(Object.keys(credentials)).toEqual(['user', 'password']);
    expect(credentials.user).toBe(`echo.${instance}`);
    expect(readInstanceToken(seed(), credentials.password)).toEqual({
      plugin: 'echo',
      instance,
      needs: [{ plugin: 'other', capability: 'text.say' }],
    });
    expect(await mesh.invoke('echo', 'text.say', { text: 'x' })).toEqual({ text: 'x' });
    const nested = { plugin: 'other', capability: 'text.say', payload: { text: 'y' } };
    expect(await mesh.invoke('echo', 'ask', nested)).toEqual({ text: 'y' });
    const beyond = mesh.invoke('echo', 'ask', { ...nested, capability: 'text.shout' });
    expect(await problemOf(beyond)).toMatchObject({
      code: 'FORBIDDEN',
      detail: expect.stringContaining('"needs" of its plugin.json'),
    });
    // Its events and heartbeats come through: it is known as one that speaks for itself.
    expect(await mesh.get('echo')).toMatchObject({ status: 'running' });
    expect((await mesh.get('echo')).capabilities.map(({ id }) => id)).toContain('ask');
    expect(await mesh.ask(subjects.accessInstance, { instance })).toEqual({ ok: true });
    expect(await mesh.ask(subjects.accessInstance, { instance: 'nobody' })).toEqual({ ok: false });
    expect(await problemOf(mesh.ask(subjects.accessInstance, {}))).toMatchObject({ code: 'INVALID_PAYLOAD' });
  });

  it('that has ended is put out, with whoever has its credentials, and comes in no more', async () => {
    const refused: string[] = [];
    await mesh.supervise({}, { audit: ({ detail = '' }) => void refused.push(detail) });
    await mesh.order('start', 'echo');
    const instance = await instanceOf('echo');
    const credentials = credentialsOf(instance);
    const thief = await stolen(credentials);
    expect(await isLetIn(credentials)).toBe(true);
    await mesh.order('stop', 'echo');
    await eventually(() => !thief.connected, { withinMs: 2_000 });
    expect(await isLetIn(credentials)).toBe(false);
    await delay(1_000);
    expect(thief.connected).toBe(false);
    expect(refused).toContain(`the instance echo.${instance} has ended, and its token with it`);
    // Not while it never was, either.
    const made = { plugin: 'echo', instance: 'a'.repeat(22), needs: [] };
    expect(
      await isLetIn({ user: `echo.${made.instance}`, password: createInstanceToken(seed(), made) }),
    ).toBe(false);
    await thief.close();
  });

  it('that ended while nobody watched is put out by the next supervisor', async () => {
    const first = await mesh.supervise();
    await mesh.order('start', 'echo');
    const credentials = credentialsOf(await instanceOf('echo'));
    const thief = await stolen(credentials);
    await first.stop();
    for (const pid of mesh.pids('echo')) process.kill(pid, 'SIGKILL');
    expect(thief.connected).toBe(true);
    await mesh.supervise();
    await eventually(() => !thief.connected, { withinMs: 5_000 });
    expect(await isLetIn(credentials)).toBe(false);
    await thief.close();
  });
});

describe('the mesh comes back', () => {
  /** Its first instance goes on as the same process and answers. */
  async function isBack(pid: number | undefined): Promise<void> {
    await eventually(() => mesh.caller.connected);
    await eventually(() => mesh.invoke('echo', 'text.say', { text: 'x' }), { withinMs: 15_000 });
    expect((await mesh.get('echo')).instances.map((one) => one.pid)).toEqual([pid]);
  }

  it('when the broker is started anew, without whoever keeps the keys', async () => {
    await mesh.supervise();
    const { instances } = await mesh.order('start', 'echo');
    await mesh.server.restart();
    await isBack(instances[0]?.pid);
  });

  it('when the supervisor is started anew while the broker is away, and before or after it', async () => {
    const first = await mesh.supervise();
    const { instances } = await mesh.order('start', 'echo');
    const pid = instances[0]?.pid;
    await first.stop();
    await mesh.server.restart();
    // Nobody says who it is: it waits.
    await delay(1_500);
    expect(mesh.pids('echo')).toHaveLength(1);
    await mesh.supervise();
    await isBack(pid);

    await mesh.server.kill();
    await mesh.stopSupervisors();
    const starting = mesh.supervise();
    await delay(300);
    await mesh.server.restart();
    await starting;
    await isBack(pid);
  });
});

describe('an API key', () => {
  /** One that is kept by the test. */
  function keptKey(): { keys: KeyCheck; prefix: string; credentials: Credentials; forgotten: string[] } {
    const { prefix, secret, text } = createKey();
    const hash = hashSecret(secret);
    const principal: Principal = {
      prefix,
      name: '',
      owner: '',
      scopes: ['invoke:echo'],
      broker: true,
      revision: 1,
    };
    const forgotten: string[] = [];
    const keys: KeyCheck = {
      verify: async (parts) =>
        !forgotten.includes(prefix) && hashSecret(parts.secret) === hash ? principal : { refused: 'revoked' },
      forget: (one) => void forgotten.push(one),
      names: async (one) => (forgotten.includes(one) ? [] : [keyName(principal)]),
      close: () => undefined,
    };
    return { keys, prefix, credentials: { user: prefix, password: text }, forgotten };
  }

  it('invokes what it may, and is put out within two seconds when it has changed', async () => {
    const { keys, prefix, credentials, forgotten } = keptKey();
    await mesh.supervise({}, { keys });
    await mesh.order('start', 'echo');
    const client = await mesh.server.connect('client', { credentials });
    const invoke = () =>
      client.request(subjects.invokeCapability('echo', 'text.say'), '{"text":"x"}', { timeoutMs: 2_000 });
    expect((await invoke()).json()).toEqual({ text: 'x' });
    mesh.caller.publish(
      subjects.keyChanged('any'),
      JSON.stringify({ prefix: 'nonsense', change: 'revoked' }),
    );
    mesh.caller.publish(subjects.keyChanged('any'), 'nonsense');
    mesh.caller.publish(subjects.keyChanged('any'), JSON.stringify({ prefix, change: 'revoked' }));
    await eventually(() => !client.connected, { withinMs: 2_000 });
    expect(forgotten).toEqual([prefix]);
    expect(await isLetIn(credentials)).toBe(false);
    await client.close();
  });

  it('whose end nobody heard of is put out by the next supervisor', async () => {
    const { keys, prefix, credentials, forgotten } = keptKey();
    const first = await mesh.supervise({}, { keys });
    const client = await mesh.server.connect('client', { credentials });
    await first.stop();
    forgotten.push(prefix);
    await mesh.supervise({}, { keys });
    await eventually(() => !client.connected);
    await client.close();
  });

  it('that ended while nobody kept the keys is put out when somebody does again', async () => {
    const { keys, credentials, prefix, forgotten } = keptKey();
    await mesh.supervise({}, { keys });
    const client = await mesh.server.connect('client', { credentials });
    await delay(500);
    forgotten.push(prefix);
    const [id, instance] = [accessPlugin, 'a'.repeat(22)];
    const event = { id, instance, status: 'running', version: '1.0.0', started_at: new Date().toISOString() };
    mesh.caller.publish(`plugin.${id}.events.${instance}.status`, JSON.stringify(event));
    await eventually(() => !client.connected);
    await client.close();
  });

  it('is refused while nobody knows any', async () => {
    await mesh.supervise();
    expect(await isLetIn({ user: 'me', password: createKey().text })).toBe(false);
  });
});

describe('the plugin that keeps the API keys', () => {
  it('is launched from the project’s own folder only, and may answer the broker', async () => {
    await mesh.supervise({}, { ownPluginFolder: mesh.plugins });
    mesh.write(manifest(accessPlugin, 'echo.mjs'));
    await eventually(async () => (await mesh.get(accessPlugin)).status === 'running');
    const instance = await instanceOf(accessPlugin);
    expect(credentialsOf(instance)).toMatchObject({
      user: `apikeys.${instance}`,
      core_inbox: `_CORE.apikeys.${instance}`,
      callout: { issuer_seed: seed() },
    });
  });

  it('lies nowhere else: such a folder is left out, in whichever version', async () => {
    mesh.write(manifest(accessPlugin, 'echo.mjs', { version: '9.9.9', autostart: true }));
    await mesh.supervise({}, { ownPluginFolder: mesh.more });
    await eventually(async () => (await mesh.get('echo')).status === 'stopped');
    await delay(300);
    expect((await mesh.list()).map(({ id }) => id)).toEqual(['echo', 'other']);
    expect(mesh.pids(accessPlugin)).toEqual([]);
  });

  it('is nobody’s to need', async () => {
    mesh.write(manifest('curious', 'echo.mjs', { needs: ['other:*', 'apikeys:key.create'] }));
    await mesh.supervise();
    await eventually(async () => (await mesh.get('curious')).status === 'error');
    expect((await mesh.get('curious')).error).toBe(
      'plugin.json: needs may not name apikeys, which answers to bkg itself only',
    );
  });
});

it('a broker that asks nobody gets the same credentials from everybody', async () => {
  await using plain = await Mesh.create([manifest('echo', 'echo.mjs')]);
  await plain.supervise();
  await plain.order('start', 'echo');
  const run = path.join(plain.home, 'run');
  const [file = ''] = readdirSync(run).filter((name) => name.endsWith('.credentials.json'));
  expect(JSON.parse(readFileSync(path.join(run, file), 'utf8'))).toEqual(plain.server.credentials);
});
