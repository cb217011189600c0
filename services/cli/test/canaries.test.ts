import { chmodSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NewKey, PluginInfo, Ticket } from '@bkg/sdk';
import { parseKey } from '@bkg/sdk/access';
import { eventually } from '@bkg/sdk/testing';
import { exceptions } from './canary-exceptions.ts';
import { ask, filesBelow, follow, isOpen, knock, processTexts, Spy } from './canary-mesh.ts';
import type { Answer, Ask, Said } from './canary-mesh.ts';
import { Canaries } from './canary-search.ts';
import { testHome } from './test-home.ts';
import type { TestHome, Up } from './test-home.ts';

/** A whole mesh, all of its secrets, and all that it says: none of them is in it. */
const canaries = new Canaries();
const envValue = `canary-env "7f3a" & <é> 52b80c1d`;
const payload = 'canary-payload-0b6e4d2f9a';
let home: TestHome;
let up: Up;
let spy: Spy;
let admin: string;
let viewer: string;
let link: string;
/** Every answer over HTTP, and every frame. */
const answers: Said[] = [];
let frames: Said[][] = [];
/** Of mesh and of processes that are gone meanwhile. */
let seen: ReturnType<typeof processTexts> = [];

/** @param isGiven it brings somebody a secret that is asked for */
async function http(target: string, options: Ask = {}, isGiven = false): Promise<Answer> {
  const answer = await ask(home.port, target, options);
  const { 'set-cookie': cookie, ...headers } = answer.headers;
  const shown = isGiven ? headers : { ...headers, cookie };
  const text = `${answer.status}\n${JSON.stringify(shown)}\n${isGiven ? '' : answer.text}`;
  answers.push({ where: `${options.method ?? 'GET'} ${target}`, text });
  return answer;
}
const post = (target: string, body?: unknown, key = admin, isGiven = false): Promise<Answer> =>
  http(target, { method: 'POST', key, body }, isGiven);

async function created(target: string, body: unknown): Promise<NewKey> {
  const { status, text } = await post(target, body, admin, true);
  expect([200, 201], text).toContain(status);
  return JSON.parse(text) as NewKey;
}

/** Signs in, and keeps the session. */
async function session(name: string, body: object): Promise<string> {
  const { status, headers } = await http('/api/session', { method: 'POST', body }, true);
  expect(status).toBe(201);
  const [, value = ''] = /=([a-z2-7]{52});/.exec(String(headers['set-cookie'])) ?? [];
  canaries.add(name, value);
  return value;
}

/** A key, and its secret part alone. */
function addKey(name: string, text: string): void {
  canaries.add(name, text);
  canaries.add(`secret of ${name}`, parseKey(text)?.secret ?? '');
}

const blabber = async (): Promise<PluginInfo> =>
  JSON.parse((await http('/api/plugins/blabber', { key: admin })).text) as PluginInfo;
const look = (): void => void (seen = [...seen, ...processTexts(home.processes())]);

beforeAll(async () => {
  home = await testHome();
  // As somebody's folder is: what keeps others out shall not be the folder that this test was given.
  chmodSync(home.dir, 0o755);
  up = await home.runningMesh({
    BKG_NO_AUTH: '',
    BKG_PLUGINS_PATH: path.join(import.meta.dirname, 'fixtures/canaries'),
  });
  await up.said('sign in: ');
  spy = await Spy.in(home);
  link = /sign in: \S+#ticket=(\S+)/.exec(up.output)?.[1] ?? '';
  admin = home.read('admin.key').trim();
  addKey('admin key', admin);
  canaries.add('ticket of the link', link);
  const secrets = JSON.parse(home.read('run', 'access.json')) as Record<string, string>;
  for (const [name, value] of Object.entries(secrets)) canaries.add(`${name} of access.json`, value);
  canaries.add('value of env', envValue);
  canaries.add('payload', payload);
  const one = await created('/api/keys', { name: 'viewer', roles: ['viewer'], broker: true });
  viewer = one.secret;
  addKey('created key', one.secret);
  const other = await created('/api/keys', { name: 'other', scopes: ['read'] });
  addKey('key before', other.secret);
  addKey('rotated key', (await created(`/api/keys/${other.key.prefix}/rotate`, { grace_secs: 60 })).secret);
  await session('session of a key', { key: admin });
  await session('session of a ticket', { ticket: link });
  const { text } = await post('/api/session/tickets', undefined, admin, true);
  canaries.add('ticket', (JSON.parse(text) as Ticket).ticket);
  frames = await Promise.all([
    follow(`ws://127.0.0.1:${home.port}/ws`, admin, [
      ...['plugins', 'telemetry', 'logs'].map((topic) => ({ op: 'subscribe', id: topic, topic })),
      { op: 'subscribe', id: 'one', topic: 'plugin', plugins: ['blabber'] },
    ]),
    follow(`ws://127.0.0.1:${home.port}/ws`, viewer, [{ op: 'subscribe', id: 'logs', topic: 'logs' }]),
    follow(`ws://127.0.0.1:${home.port}/ws/plugins/blabber`, admin, []),
  ]);
}, 60_000);
afterAll(async () => {
  await spy?.close();
  await home?.[Symbol.asyncDispose]();
});

describe('what a mesh does with its secrets', () => {
  it('configures a plugin with one, and starts it', async () => {
    const { revision } = (await blabber()).config;
    const wrong = { revision, env: { CANARY_TOKEN: [envValue] } };
    expect((await post('/api/plugins/blabber/config', wrong)).status).toBe(400);
    const broken = `{"revision": ${revision}, "env": {"CANARY_TOKEN": ${JSON.stringify(envValue)}x}}`;
    expect((await post('/api/plugins/blabber/config', broken)).status).toBe(400);
    const { status, text } = await post('/api/plugins/blabber/config', {
      revision,
      env: { CANARY_TOKEN: envValue },
    });
    expect([status, text.includes('********')]).toEqual([200, true]);
    expect((await post('/api/plugins/blabber/start')).status).toBe(200);
    const instance = await eventually(async () => (await blabber()).instances[0]);
    const file = home.file('run', `${instance.instance}.credentials.json`);
    canaries.add(
      'token of an instance',
      (JSON.parse(readFileSync(file, 'utf8')) as { password: string }).password,
    );
    look();
  });

  it('invokes it, and it fails and prints all that it has', async () => {
    const invoke = async (capability: string, body: unknown): Promise<number> =>
      (await post(`/api/plugins/blabber/invoke/${capability}`, body)).status;
    expect(await invoke('take', { text: payload })).toBe(200);
    expect(await invoke('take', { text: [payload] })).toBe(400);
    expect(await invoke('take', { [payload.slice(0, 5)]: payload })).toBe(400);
    expect(await invoke('fail', { text: payload })).toBe(500);
    await eventually(async () =>
      (await http('/api/plugins/blabber/logs', { key: admin })).text.includes('no luck'),
    );
  });

  it('tells how it ended when it has died of them', async () => {
    expect((await post('/api/plugins/blabber/invoke/crash', {})).status).toBe(502);
    const ends = await eventually(async () => {
      const { ends: all = [] } = await blabber();
      return all[0]?.output?.length ? all : undefined;
    });
    expect(JSON.stringify(ends)).toContain('dying with');
    expect(JSON.stringify(ends)).toContain('********');
    // The spy hears invocations, too: one that nobody else hears would not be refused, but wait until its time is over.
    await eventually(async () => (await blabber()).instances.some(({ status }) => status === 'running'));
  });

  it('answers whoever puts them where they do not belong', async () => {
    const before = answers.length;
    const inPath = [
      'admin key',
      'secret of admin key',
      'created key',
      'session of a key',
      'ticket',
      'issuer_seed of access.json',
      'token of an instance',
    ];
    for (const secret of inPath.map((name) => canaries.all.get(name) ?? '')) {
      expect(secret).not.toBe('');
      const targets = [
        '/api/plugins',
        '/api/plugins/x/invoke',
        '/api/keys',
        '/api/roles',
        '/api',
        '/ws',
        '/x',
      ];
      for (const target of targets) await http(`${target}/${secret}`, { key: admin });
      await http(`/api/plugins?key=${secret}`, { key: admin });
      await http(`/api/${'x'.repeat(180)}/${secret}`, { key: admin });
      await http(`/api/%zz${secret}`, { key: admin });
      await http(`http://127.0.0.1/${secret}`, { key: admin });
      await http('/api/plugins', { key: admin, headers: { host: `${secret}.example` } });
      await http('/api/plugins', { key: admin, headers: { origin: `http://${secret}.example` } });
      await http(`/api/plugins/blabber/logs?since=${secret}&level=${secret}`, { key: admin });
      await http(`/api/plugins/blabber/config/history?before=${secret}`, { key: admin });
      await http(`/api/audit?who=${secret}&action=${secret}&most=${secret}`, { key: admin });
      await http(`/api/keys/${secret}`, { method: 'DELETE', key: viewer });
      await http(`/api/plugins/blabber/start?token=${secret}`, { method: 'POST', key: viewer });
      await post(`/api/plugins/${secret}/start`);
      await post(`/api/keys/${secret}/rotate`, {});
      await post('/api/keys', { name: 'x', scopes: [`read:${secret}`], roles: [secret] });
      await post('/api/keys', { [secret]: 1, name: [secret] });
      await post('/api/keys', `{"name": "x", ${secret}}`);
      await post('/api/plugins/blabber/swap', { version: secret });
      await post('/api/plugins/blabber/invoke', { capability: secret });
      await post('/api/plugins/blabber/config', { revision: secret, replicas: secret });
      await http(`/api/roles/${secret}`, { method: 'PUT', key: admin, body: { scopes: [secret] } });
      await http(`/api/session`, { method: 'POST', body: `{"key": "${secret}" x` });
      await http(`/api/session`, { method: 'POST', body: { key: `${secret}x` } });
      for (const authorization of [
        secret,
        `Basic ${Buffer.from(`:${secret}`).toString('base64')}`,
        `Bearer ${secret}x`,
      ])
        await http('/api/plugins', { headers: { authorization } });
      await http('/api/plugins', { headers: { cookie: `bkg_session=${secret}x` } });
      frames.push(
        await follow(`ws://127.0.0.1:${home.port}/ws`, viewer, [
          { op: secret, id: '1' },
          { op: 'subscribe', id: '2', topic: secret },
          { op: 'subscribe', id: '3', topic: 'plugin', plugins: [secret] },
          { op: 'invoke', id: '4', plugin: secret, capability: 'x' },
          { op: 'invoke', id: '5', plugin: 'blabber', capability: secret, payload: {} },
          { op: 'invoke', id: '6', plugin: 'blabber', capability: 'take', payload: {}, [secret]: secret },
        ]),
      );
    }
    // Not as the user: nats-server writes into its log who was refused.
    for (const name of [
      'admin key',
      'issuer_seed of access.json',
      'token of an instance',
      'supervisor of access.json',
    ]) {
      const secret = canaries.all.get(name) ?? '';
      for (const wrong of [{ auth_token: `${secret}x` }, { user: 'x', pass: `${secret}x` }, { name: secret }])
        expect(await knock(home.busPort, wrong)).toBe(false);
    }
    for (const { where, text } of answers.slice(before)) expect(text, where).not.toMatch(/^500/);
  }, 30_000);

  it('shows everything that can be read, to admins and to viewers', async () => {
    const targets = [
      ...[
        '/api/plugins',
        '/api/keys',
        '/api/roles',
        '/api/audit?most=1000',
        '/api/session',
        '/livez',
        '/readyz',
      ],
      ...['/api/openapi.json', '/api/docs', '/api/docs/blabber', '/', '/sign-in', '/nothing', '/api/nothing'],
      ...['', '/telemetry', '/logs?lines=500', '/config', '/config/history'].flatMap((part) =>
        ['apikeys', 'blabber', 'nobody'].map((id) => `/api/plugins/${id}${part}`),
      ),
    ];
    for (const target of targets)
      for (const options of [{ key: admin }, { key: viewer }, {}]) await http(target, options);
    const statuses = answers.map(({ text }) => text.slice(0, 3));
    for (const status of ['200', '400', '401', '403', '404']) expect(statuses).toContain(status);
  });

  it('survives the crash of its supervisor and its gateway', async () => {
    look();
    for (const part of ['supervisor', 'gateway'] as const) {
      process.kill(home.pid(part), 'SIGABRT');
      await up.said(new RegExp(`! ${part} [^]*✓ ${part} +back`));
    }
    await eventually(async () => (await blabber()).unknown_since === undefined, { withinMs: 15_000 });
    expect(home.read('logs', 'supervisor.log')).toContain('adopted');
    // What an adopted one prints is looked through as well.
    await eventually(
      async () => (await post('/api/plugins/blabber/invoke/fail', { text: payload })).status === 500,
    );
    // Telemetry and the audit come a moment later.
    await wait(2_500);
    look();
  }, 40_000);
});

describe('none of them is', () => {
  const in_ = (said: readonly Said[]): string[] =>
    said.flatMap(({ where, text }) => canaries.in(text).map((found) => `${where}: ${found}`));

  it('in an answer over HTTP, unless it was made by that', () => {
    expect(answers.length).toBeGreaterThan(200);
    expect(in_(answers)).toEqual([]);
  });

  it('in a frame of a socket', () => {
    const all = frames.flat();
    for (const topic of ['plugins', 'telemetry', 'logs', 'plugin'])
      expect(
        all.some(({ text }) => text.includes(`"type":"data","id":"${topic === 'plugin' ? 'one' : topic}"`)),
      ).toBe(true);
    expect(all.some(({ text }) => text.includes('no luck with'))).toBe(true);
    expect(in_(all)).toEqual([]);
  });

  it('on the broker, but where it has to be', () => {
    const subjects = spy.messages.map(({ subject }) => subject);
    for (const heard of [
      /^plugin\.blabber\.events\..*\.log$/,
      /\.telemetry$/,
      /^bkg\.audit\.event$/,
      /^\$KV\.bkg_registry\./,
    ])
      expect(subjects).toContainEqual(expect.stringMatching(heard));
    const { leaks, needed } = spy.judge(canaries, exceptions);
    expect(leaks).toEqual([]);
    // One that is not needed any more would hide what comes next.
    expect(exceptions.filter((one) => !needed.has(one)).map(({ why }) => why)).toEqual([]);
  });

  it('on a command line or in an environment, but that of the plugin’s own process', () => {
    expect(seen.length).toBeGreaterThanOrEqual(15);
    for (const { command, environment } of seen) {
      expect(canaries.in(command), command).toEqual([]);
      const isOwn = environment.includes('\0BKG_PLUGIN_ID=blabber\0');
      const found = canaries.in(environment).filter((what) => !(isOwn && what.startsWith('value of env')));
      expect(found, command).toEqual([]);
    }
  });

  it('in what `bkg up` prints, but the ticket of the link, once', () => {
    expect(up.output.split(link)).toHaveLength(2);
    expect(canaries.in(up.output.replace(link, ''))).toEqual([]);
  });

  it('in a log, and where one was printed there are stars', () => {
    const logs = filesBelow(home.file('logs'));
    for (const name of ['supervisor.log', 'gateway.log', 'nats-server.log', 'blabber/', 'apikeys/'])
      expect(logs.some((file) => file.includes(`/logs/${name}`))).toBe(true);
    expect(in_(logs.map((file) => ({ where: file, text: readFileSync(file, 'utf8') })))).toEqual([]);
    const printed = logs
      .filter((file) => file.includes('/logs/blabber/'))
      .map((file) => readFileSync(file, 'utf8'));
    expect(printed.join('')).toContain("CANARY_TOKEN: '********'");
  });

  it('in a file that anybody but its owner can read', () => {
    const files = filesBelow(home.dir);
    const holding = files.filter((file) => canaries.in(readFileSync(file)).length > 0);
    expect(holding.filter((file) => isOpen(home.dir, file))).toEqual([]);
    for (const name of [
      'admin.key',
      'run/access.json',
      'run/credentials.json',
      'run/gateway-credentials.json',
      'run/nats-server.conf',
    ]) {
      expect(holding).toContain(home.file(name));
      expect((statSync(home.file(name)).mode & 0o777).toString(8)).toBe('600');
    }
    expect(canaries.in(home.read('run', 'up.json'))).toEqual([]);
  });
});
