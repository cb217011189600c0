import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definePlugin, Instance, problemOfMsg, subjects } from '@bkg/sdk';
import type { PluginInfo, StatusEvent } from '@bkg/sdk';
import { eventually, silentLogger } from '@bkg/sdk/testing';
import { manifest, Mesh, problemOf } from './mesh.ts';

let mesh: Mesh;

beforeAll(async () => {
  mesh = await Mesh.create([manifest('echo', 'echo.mjs')]);
  await mesh.supervise({
    heartbeatMs: 200,
    pingEveryMs: 400,
    pollEveryMs: 300,
    answerMs: 150,
    forgetAfterMs: 1_500,
  });
});
afterAll(() => mesh[Symbol.asyncDispose]());

const capability = { description: 'd', input: {}, output: {}, handler: () => ({}) };

async function byHand(id: string, version: string, capabilities: string[]) {
  const connection = await mesh.server.connect(`${id}-${version}`);
  const plugin = definePlugin({
    id,
    version,
    description: `version ${version}`,
    capabilities: Object.fromEntries(capabilities.map((name) => [name, capability])),
  });
  const instance = new Instance(plugin, { connection, log: silentLogger, heartbeatMs: 150 });
  await instance.start();
  return { instance, connection };
}

const shows = (id: string, check: (info: PluginInfo) => boolean) =>
  eventually(async () => {
    const info = await mesh.get(id);
    return check(info) && info;
  });
const publish = (subject: string, body: unknown) => mesh.caller.publish(subject, JSON.stringify(body));
const status = (id: string, instance: string, more = {}): StatusEvent => ({
  id,
  instance,
  status: 'running',
  version: '1.0.0',
  started_at: new Date().toISOString(),
  ...more,
});

describe('an instance that nobody here has started', () => {
  it('is shown with what it can do, as not managed', async () => {
    const { instance } = await byHand('hand', '1.0.0', ['a', 'b']);
    const info = await shows('hand', ({ capabilities }) => capabilities.length === 2);
    expect(info).toMatchObject({ status: 'running', version: '1.0.0', description: 'version 1.0.0' });
    expect(info.instances).toMatchObject([{ instance: instance.id, managed: false, pid: process.pid }]);
    await shows('hand', ({ telemetry }) => telemetry.instances === 1);
    for (const verb of ['start', 'stop', 'restart'] as const) {
      expect(await problemOf(mesh.order(verb, 'hand'))).toMatchObject({
        code: 'CONFLICT',
        detail: expect.stringContaining('not managed'),
      });
    }
    await instance.drain();
    const gone = await shows('hand', (one) => one.status === 'stopped' && one.instances.length === 0);
    // What it said of itself is still known.
    const { name, description, version, capabilities } = info;
    expect(gone).toMatchObject({ name, description, version, capabilities });
  });

  it('of another version leaves what both can do, while both run', async () => {
    const old = await byHand('mixed', '1.0.0', ['a', 'b']);
    const young = await byHand('mixed', '1.1.0', ['b', 'c']);
    const ids = (info: PluginInfo) => info.capabilities.map(({ id }) => id).join();
    expect(await shows('mixed', (info) => ids(info) === 'b')).toMatchObject({ version: '1.1.0' });
    await old.instance.drain();
    await shows('mixed', (info) => ids(info) === 'b,c');
    await young.instance.drain();
  });

  it('has its log kept for as long as it is known', async () => {
    const { instance } = await byHand('logger', '1.0.0', ['a']);
    await shows('logger', () => true);
    publish(subjects.event('logger', instance.id, 'log'), {
      time: new Date().toISOString(),
      level: 'warn',
      message: 'by hand',
      source: 'sdk',
    });
    expect(await eventually(async () => (await mesh.logs('logger'))[0])).toMatchObject({
      message: 'by hand',
      plugin_id: 'logger',
      instance: instance.id,
    });
    expect(await mesh.logs('logger', { level: 'error' })).toEqual([]);
    await instance.drain();
  });

  it('that falls silent is in error, and forgotten after a while', async () => {
    const { connection } = await byHand('silent', '1.0.0', ['a']);
    const { name, description, version, capabilities } = await shows(
      'silent',
      (info) => info.status === 'running' && info.capabilities.length > 0,
    );
    await connection.nats.close();
    const info = await shows('silent', (one) => one.status === 'error');
    expect(info.error).toMatch(/^no heartbeat since/);
    // What it said of itself is still known.
    expect(info).toMatchObject({ name, description, version, capabilities });
    await eventually(async () => (await problemOf(mesh.get('silent'))).code === 'PLUGIN_NOT_FOUND');
  });

  it('is believed when it answers, although its heartbeats are lost', async () => {
    const { instance } = await byHand('answers', '1.0.0', ['a']);
    await shows('answers', (info) => info.status === 'running');
    const heartbeats = mesh.caller.subscribe(subjects.events('telemetry', 'answers'), {
      callback: () => undefined,
    });
    await wait(1_000);
    heartbeats.unsubscribe();
    expect(await mesh.get('answers')).toMatchObject({ status: 'running' });
    await instance.drain();
  });
});

describe('a service without events', () => {
  it('is found by asking who is there, followed, and missed when it does not answer any more', async () => {
    const connection = await mesh.server.connect('service');
    const identity = { name: 'service', id: 'one', version: '3.0.0', metadata: {} };
    const endpoints = [{ name: 'do', subject: 'plugin.service.invoke.do', queue_group: 'q', metadata: {} }];
    const answers = { PING: identity, INFO: { ...identity, description: 'A service.', endpoints } };
    for (const [verb, answer] of Object.entries(answers)) {
      for (const rest of ['', '.service', '.service.one']) {
        connection.subscribe(`$SRV.${verb}${rest}`, {
          callback: (_, msg) => void msg.respond(JSON.stringify(answer)),
        });
      }
    }
    const info = await shows('service', () => true);
    expect(info).toMatchObject({ status: 'running', version: '3.0.0', description: 'A service.' });
    expect(info.instances).toMatchObject([{ instance: 'one', managed: false }]);
    expect(info.capabilities.map(({ id }) => id)).toEqual(['do']);
    await wait(1_000);
    expect(await mesh.get('service')).toMatchObject({ status: 'running' });
    await connection.close();
    await shows('service', (one) => one.status === 'error');
  });

  it('is no plugin when it has no endpoint to be invoked, or answers in another’s name', async () => {
    const connection = await mesh.server.connect('liar');
    const answer = (subject: string, body: object) =>
      connection.subscribe(subject, { callback: (_, msg) => void msg.respond(JSON.stringify(body)) });
    const info = (name: string, id: string, endpoints: object[] = []) => ({
      name,
      id,
      version: '1.0.0',
      endpoints,
    });
    answer('$SRV.PING', { name: 'weather', id: 'w' });
    answer('$SRV.INFO.weather.w', info('weather', 'w', [{ subject: 'weather.now' }]));
    const liar = await mesh.server.connect('liar2');
    liar.subscribe('$SRV.PING', { callback: (_, msg) => void msg.respond('{"name":"victim","id":"v"}') });
    answer('$SRV.INFO.victim.v', info('other', 'v', [{ subject: 'plugin.other.invoke.x' }]));
    await wait(1_200);
    for (const id of ['weather', 'victim', 'other']) {
      expect(await problemOf(mesh.get(id))).toMatchObject({ code: 'PLUGIN_NOT_FOUND' });
    }
    await liar.close();
    await connection.close();
  });
});

describe('an event that anybody may have published', () => {
  it('does not count when it is not what it says, or speaks of another', async () => {
    publish('plugin.bkg-x.events.i.status', status('bkg-x', 'i'));
    publish('plugin.sdk.events.i.status', status('sdk', 'i'));
    publish('plugin.ghost.events.i.status', status('other', 'i'));
    publish('plugin.ghost.events.i.status', status('ghost', 'j'));
    publish('plugin.ghost.events.i.status', { ...status('ghost', 'i'), status: 'fine' });
    publish('plugin.ghost.events.i.telemetry', { seq: 1 });
    mesh.caller.publish('plugin.ghost.events.i.status', '{');
    mesh.caller.publish('plugin.ghost.events.i.status', 'x'.repeat(200_000));
    publish('plugin.real.events.i.status', status('real', 'i'));
    await shows('real', () => true);
    const list = await mesh.ask<PluginInfo[]>(subjects.registryList);
    expect(list.map(({ id }) => id)).not.toContain('ghost');
    expect(list.some(({ id }) => id === 'sdk' || id.startsWith('bkg'))).toBe(false);
  });

  it('in a flood of names takes a bounded place, and leaves the others theirs', async () => {
    for (let i = 0; i < 3_000; i += 1) {
      publish(`plugin.crowd.events.i${i}.status`, status('crowd', `i${i}`));
      publish(`plugin.name${i}.events.i.status`, status(`name${i}`, 'i'));
    }
    await shows('crowd', ({ instances }) => instances.length > 200);
    const list = await mesh.ask<PluginInfo[]>(subjects.registryList);
    // Besides those whose code lies here.
    const others = list.filter(({ versions }) => versions.length === 0);
    expect(others.length).toBeLessThanOrEqual(1_000);
    expect((await mesh.get('crowd')).instances.length).toBeLessThanOrEqual(256);
    mesh.write(manifest('late', 'echo.mjs'));
    await shows('late', () => true);
    expect(await mesh.order('start', 'echo')).toMatchObject({ status: 'running' });
    await mesh.order('stop', 'echo');
    await eventually(async () => (await mesh.ask<PluginInfo[]>(subjects.registryList)).length < 20);
  });

  it('does not bring back an instance that has ended', async () => {
    const { instances } = await mesh.order('start', 'echo');
    const instance = instances[0]!.instance;
    await mesh.order('stop', 'echo');
    publish(subjects.event('echo', instance, 'status'), status('echo', instance));
    publish('plugin.marker.events.i.status', status('marker', 'i'));
    await shows('marker', () => true);
    expect(await mesh.get('echo')).toMatchObject({ status: 'stopped', instances: [] });
  });
});

describe('plugin.<id>.status and .telemetry', () => {
  const ask = async (subject: string) => {
    const replies = await mesh.caller.requestMany(subject, '', { forMs: 250 });
    return replies.map((msg) => problemOfMsg(msg) ?? msg.json<Record<string, unknown>>());
  };

  it('are answered for a plugin that is stopped', async () => {
    expect(await ask(subjects.status('echo'))).toEqual([
      { id: 'echo', instance: '', status: 'stopped', version: '1.0.0', started_at: '' },
    ]);
    expect(await ask(subjects.telemetry('echo'))).toMatchObject([{ plugin_id: 'echo', instances: 0 }]);
  });

  it('are left to the instances of one that runs', async () => {
    const { instances } = await mesh.order('start', 'echo');
    expect(await ask(subjects.status('echo'))).toMatchObject([
      { instance: instances[0]?.instance, status: 'running' },
    ]);
    expect(await ask(subjects.telemetry('echo'))).toMatchObject([{ plugin_id: 'echo', instances: 1 }]);
    await mesh.order('stop', 'echo');
  });

  it('are answered with a problem for one that nobody knows, and never outside of _INBOX', async () => {
    expect(await ask(subjects.status('none'))).toMatchObject([{ code: 'PLUGIN_NOT_FOUND' }]);
    expect(await ask(subjects.telemetry('none'))).toMatchObject([{ code: 'PLUGIN_NOT_FOUND' }]);
    const elsewhere: string[] = [];
    mesh.caller.subscribe('elsewhere', { callback: (_, msg) => void elsewhere.push(msg.subject) });
    mesh.caller.nats.publish(subjects.status('none'), '', { reply: 'elsewhere' });
    await ask(subjects.status('none'));
    expect(elsewhere).toEqual([]);
  });
});
