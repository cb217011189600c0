/** What nats-server itself lets through, whatever the program at the other end would do with it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection.ts';
import { AccessMesh } from './access-mesh.ts';

let mesh: AccessMesh;
beforeAll(async () => void (mesh = await AccessMesh.start()));
afterAll(() => mesh[Symbol.asyncDispose]());

async function publishes(
  connection: Connection,
  subjects: readonly string[],
  isAllowed: boolean,
): Promise<void> {
  for (const subject of subjects)
    expect([subject, await mesh.mayPublish(connection, subject)]).toEqual([subject, isAllowed]);
}

async function subscribes(
  connection: Connection,
  subscriptions: Record<string, string>,
  isAllowed: boolean,
): Promise<void> {
  await Promise.all(
    Object.entries(subscriptions).map(async ([subscription, example]) =>
      expect([subscription, await mesh.maySubscribe(connection, subscription, example)]).toEqual([
        subscription,
        isAllowed,
      ]),
    ),
  );
}

describe('an instance', () => {
  let echo: Connection;
  beforeAll(async () => {
    const needs = [
      { plugin: 'other', capability: 'text.say' },
      { plugin: 'third', capability: 'model.*' },
    ];
    echo = await mesh.connectInstance({ plugin: 'echo', instance: 'one', needs });
  });

  it('publishes its own events, answers, and what it needs of others', async () => {
    const allowed = [
      'plugin.echo.events.one.status',
      '_INBOX.somebody.1',
      'plugin.other.invoke.text.say',
      'plugin.other.cancel',
      'plugin.third.invoke.model.load',
    ];
    await publishes(echo, allowed, true);
  });

  it('publishes nothing in the name of others, and nothing that it does not need', async () => {
    const refused = [
      'plugin.echo.events.two.status',
      'plugin.other.events.one.status',
      'plugin.other.invoke.text.shout',
      'plugin.other.invoke',
      'plugin.other.at.one.invoke.text.say',
      'plugin.third.invoke.train',
      'plugin.fourth.invoke.text.say',
      'plugin.apikeys.invoke.key.create',
      'plugin.other.ctl.one.drain',
      'plugin.echo.ctl.two.drain',
      'bkg.control.stop.other',
      'bkg.registry.list',
      'bkg.audit.event',
      'bkg.access.instance',
      '$SRV.PING',
      '$JS.API.STREAM.DELETE.KV_bkg_desired',
      '$KV.bkg_desired.config.other',
      '$SYS._INBOX.server.1',
      '_CORE.gateway.1',
    ];
    await publishes(echo, refused, false);
  });

  it('listens to what is meant for it, in the queue of its plugin', async () => {
    const allowed = {
      'plugin.echo.invoke q': 'plugin.echo.invoke',
      'plugin.echo.invoke.> q': 'plugin.echo.invoke.text.say',
      'plugin.echo.at.one.>': 'plugin.echo.at.one.invoke.text.say',
      'plugin.echo.status': 'plugin.echo.status',
      'plugin.echo.ctl.one.drain': 'plugin.echo.ctl.one.drain',
      '$SRV.PING': '$SRV.PING',
      '$SRV.INFO.echo': '$SRV.INFO.echo',
      '$SRV.STATS.echo.one': '$SRV.STATS.echo.one',
      '_INBOX.echo.one.>': '_INBOX.echo.one.a.b',
    };
    await subscribes(echo, allowed, true);
  });

  it('takes no invocation, question, order or answer of another, also not of another of its own plugin', async () => {
    const refused = {
      '>': 'plugin.other.invoke',
      'plugin.>': 'plugin.other.invoke',
      // Outside of the queue it would get a copy of each.
      'plugin.echo.invoke': 'plugin.echo.invoke',
      'plugin.echo.invoke.>': 'plugin.echo.invoke.text.say',
      'plugin.echo.invoke.> z': 'plugin.echo.invoke.text.say',
      'plugin.other.invoke q': 'plugin.other.invoke',
      'plugin.other.invoke.> q': 'plugin.other.invoke.text.say',
      'plugin.*.invoke.> q': 'plugin.other.invoke.text.say',
      'plugin.echo.at.two.>': 'plugin.echo.at.two.invoke.text.say',
      'plugin.other.status': 'plugin.other.status',
      'plugin.echo.ctl.two.>': 'plugin.echo.ctl.two.drain',
      '$SRV.PING.other': '$SRV.PING.other',
      '$SRV.INFO.echo.two': '$SRV.INFO.echo.two',
      'plugin.fourth.events.>': 'plugin.fourth.events.one.log',
      '_INBOX.>': '_INBOX.other.one.a.b',
      '_INBOX.other.one.>': '_INBOX.other.one.a.b',
      '_INBOX.echo.two.>': '_INBOX.echo.two.a.b',
      '_INBOX.gateway.>': '_INBOX.gateway.a.b',
      '_CORE.>': '_CORE.gateway.a',
      'bkg.control.stop.*': 'bkg.control.stop.other',
      '$KV.bkg_desired.>': '$KV.bkg_desired.config.other',
    };
    await subscribes(echo, refused, false);
  });

  it('is not asked who a client is', async () => {
    const heard: string[] = [];
    const spy = echo.nats.subscribe('$SYS.REQ.USER.AUTH', {
      queue: 'bkg',
      callback: (error, msg) => {
        if (!error) heard.push(msg.string());
      },
    });
    await echo.flush();
    for (let i = 0; i < 10; i += 1) await (await mesh.dial({ token: mesh.key([]).text })).close();
    expect(heard).toEqual([]);
    expect(spy.isClosed()).toBe(true);
  });
});

describe('a key', () => {
  const inbox = (prefix: string): Record<string, string> => ({
    [`_INBOX.${prefix}.>`]: `_INBOX.${prefix}.a`,
  });

  it('without scopes has its own inbox and nothing else: the server takes an empty list for everything', async () => {
    const key = mesh.key([]);
    const client = await mesh.connectKey(key);
    await subscribes(client, inbox(key.prefix), true);
    await publishes(client, [`_INBOX.${key.prefix}.a`], true);
    await publishes(
      client,
      ['a', 'plugin.echo.invoke', 'bkg.registry.list', '_INBOX.other.a', '$SRV.PING'],
      false,
    );
    await subscribes(
      client,
      { '>': 'a', a: 'a', '_INBOX.>': '_INBOX.other.a', 'plugin.>': 'plugin.a.status' },
      false,
    );
  });

  it('invokes what its scope says, and no more', async () => {
    const client = await mesh.connectKey(mesh.key(['invoke:echo:text.say', 'invoke:other:model.*']));
    const allowed = ['plugin.echo.invoke.text.say', 'plugin.echo.cancel', 'plugin.other.invoke.model.a.b'];
    await publishes(client, allowed, true);
    const refused = [
      'plugin.echo.invoke.text.shout',
      'plugin.echo.invoke.text.say.more',
      'plugin.echo.invoke',
      'plugin.other.invoke.model',
      'plugin.third.invoke.text.say',
      'plugin.echo.events.one.status',
      'bkg.control.stop.echo',
    ];
    await publishes(client, refused, false);
    await subscribes(client, { 'plugin.echo.invoke.> q': 'plugin.echo.invoke.text.say' }, false);
    await subscribes(client, { 'plugin.echo.events.*.log': 'plugin.echo.events.one.log' }, false);
  });

  it('for everything may still not ask the keeper of the keys, and stop it as an admin only', async () => {
    const client = await mesh.connectKey(mesh.key(['read', 'invoke', 'control']));
    await publishes(
      client,
      ['plugin.echo.invoke', 'plugin.echo.invoke.a', 'bkg.control.stop.echo', '$SRV.PING'],
      true,
    );
    const keeper = ['plugin.apikeys.invoke', 'plugin.apikeys.invoke.key.create'];
    const byAdmin = 'bkg.control.configure.echo.by.Kaaaaaaaaa';
    await publishes(client, [...keeper, 'bkg.control.stop.apikeys', 'bkg.control.shutdown', byAdmin], false);
    const key = mesh.key(['admin']);
    const admin = await mesh.connectKey(key);
    await publishes(
      admin,
      ['bkg.control.stop.apikeys', `bkg.control.stop.echo.by.${key.prefix}`, 'bkg.audit.list'],
      true,
    );
    await publishes(
      admin,
      [...keeper, byAdmin, 'bkg.control.shutdown', 'bkg.audit.event', '$JS.API.INFO'],
      false,
    );
  });

  it('serves the plugin that it is for, and no other', async () => {
    const server = await mesh.connectKey(mesh.key(['serve:echo']));
    await publishes(server, ['plugin.echo.events.mine.status', '_INBOX.anybody.a'], true);
    await subscribes(
      server,
      { 'plugin.echo.invoke.> q': 'plugin.echo.invoke.a', '$SRV.PING.echo': '$SRV.PING.echo' },
      true,
    );
    await publishes(server, ['plugin.other.events.mine.status', 'plugin.echo.invoke.a'], false);
    await subscribes(
      server,
      { 'plugin.other.invoke.> q': 'plugin.other.invoke.a', '_INBOX.echo.>': '_INBOX.echo.a' },
      false,
    );
  });

  it('reads, and changes nothing', async () => {
    const reader = await mesh.connectKey(mesh.key(['read:echo']));
    await publishes(reader, ['plugin.echo.status', 'bkg.registry.get.echo', '$SRV.INFO.echo'], true);
    await subscribes(reader, { 'plugin.echo.events.>': 'plugin.echo.events.one.log' }, true);
    await publishes(
      reader,
      ['bkg.registry.list', 'bkg.registry.get.other', '$SRV.INFO', 'bkg.control.stop.echo'],
      false,
    );
    await subscribes(reader, { 'plugin.other.events.>': 'plugin.other.events.one.log' }, false);
  });
});

describe('a gateway', () => {
  it('invokes and orders, and cannot stop the mesh, speak for a plugin, or touch what JetStream keeps', async () => {
    const { gatewayCredentials: credentials } = mesh.server;
    const gateway = await mesh.server.connect('gateway', { credentials });
    await publishes(
      gateway,
      ['plugin.echo.invoke.a', 'bkg.control.stop.echo.by.Kaaaaaaaaa', 'bkg.audit.event'],
      true,
    );
    const refused = [
      'bkg.control.shutdown',
      'plugin.echo.events.one.status',
      'plugin.echo.ctl.one.drain',
      '_INBOX.echo.one.a',
      '$JS.API.STREAM.DELETE.KV_bkg_keys',
      '$KV.bkg_keys.key.Kaaaaaaaaa',
      'bkg.access.instance',
    ];
    await publishes(gateway, refused, false);
    await subscribes(
      gateway,
      { 'plugin.*.events.>': 'plugin.echo.events.one.log', '_CORE.gateway.>': '_CORE.gateway.a' },
      true,
    );
    await subscribes(
      gateway,
      {
        '_INBOX.>': '_INBOX.echo.one.a',
        '_CORE.>': '_CORE.supervisor.a',
        'plugin.echo.invoke q': 'plugin.echo.invoke',
      },
      false,
    );
  });
});
