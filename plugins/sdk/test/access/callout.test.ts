import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAccountSeed, createInstanceToken, createKey, prefixOfName } from '../../src/access/index.ts';
import { delay } from '../../src/host/delay.ts';
import type { Principal } from '../../src/protocol/access.ts';
import { BkgError } from '../../src/protocol/errors.ts';
import { subjects } from '../../src/protocol/subjects.ts';
import { eventually, startNatsServer } from '../../src/testing.ts';
import { AccessMesh } from './access-mesh.ts';

let mesh: AccessMesh;
beforeEach(async () => void (mesh = await AccessMesh.start()));
afterEach(() => mesh[Symbol.asyncDispose]());

const echo = { plugin: 'echo', instance: 'one', needs: [] };

/** The reasons that nats-server was given, and writes to its log. */
function reasons(): string[] {
  const said: string[] = [];
  const { supervisor } = mesh;
  const publish = supervisor.publish.bind(supervisor);
  vi.spyOn(supervisor, 'publish').mockImplementation((subject, data, headers) => {
    const body = String(data).split('.')[1] ?? '';
    const { nats } = JSON.parse(Buffer.from(body, 'base64url').toString()) as { nats: { error?: string } };
    if (nats.error) said.push(nats.error);
    return publish(subject, data, headers);
  });
  return said;
}

describe('who connects', () => {
  it('is let in with a key as the password of any user or as the token, and is listed by its prefix', async () => {
    const { prefix, text } = mesh.key([]);
    const kicker = await mesh.kicker();
    for (const shown of [{ user: prefix, pass: text }, { user: 'anybody', pass: text }, { token: text }]) {
      const client = await mesh.dial(shown);
      expect([...(await kicker.names())].map(prefixOfName)).toContain(prefix);
      await client.close();
    }
    expect(mesh.refusals).toEqual([]);
  });

  it('is refused with anything else, is told nothing, and the reason never repeats a secret', async () => {
    const said = reasons();
    const key = mesh.key([]);
    const other = mesh.key([]);
    const httpOnly = mesh.key(['read'], { broker: false });
    const stranger = createKey();
    const token = createInstanceToken(mesh.seed, echo);
    mesh.ended.add('gone');
    const cases: [Parameters<AccessMesh['dial']>[0], string][] = [
      [{}, 'UNAUTHENTICATED: it shows no API key; a key is given as the password or as the token'],
      [{ user: 'me', pass: 'sesame' }, 'UNAUTHENTICATED: what it shows is no API key; a key is given'],
      [{ token: `${key.text}x` }, 'UNAUTHENTICATED: what it shows is no API key'],
      [{ user: key.text, pass: 'sesame' }, 'UNAUTHENTICATED: what it shows is no API key'],
      [{ token: stranger.text }, `UNAUTHENTICATED: the key ${stranger.prefix} is unknown`],
      [
        { token: `bkg_${key.prefix}_${stranger.secret}` },
        `UNAUTHENTICATED: the key ${key.prefix} is unknown`,
      ],
      [
        { user: other.prefix, pass: key.text },
        `UNAUTHENTICATED: the key ${key.prefix} comes with another one as its user`,
      ],
      [
        { token: httpOnly.text },
        `FORBIDDEN: the key ${httpOnly.prefix} is not for the broker, only for HTTP`,
      ],
      [
        { user: 'echo.one', pass: createInstanceToken(createAccountSeed(), echo) },
        'UNAUTHENTICATED: its token was not made by this mesh',
      ],
      [{ user: 'other.one', pass: token }, 'UNAUTHENTICATED: the token of echo.one comes with another user'],
      [
        { token: createInstanceToken(mesh.seed, { ...echo, instance: 'gone' }) },
        'UNAUTHENTICATED: the instance echo.gone has ended, and its token with it',
      ],
      // Those whom the server knows itself are none of ours.
      [{ user: 'gateway', pass: key.text }, ''],
    ];
    for (const [shown, reason] of cases) {
      said.length = 0;
      await expect(mesh.dial(shown), reason).rejects.toThrow(/^Authorization Violation$/i);
      expect(said.join()).toContain(reason);
      for (const secret of ['sesame', key.text, stranger.secret, token])
        expect(said.join()).not.toContain(secret);
    }
    expect(mesh.refusals).toHaveLength(cases.length - 1);
    for (const refusal of mesh.refusals)
      expect(refusal).toMatchObject({ via: 'broker', action: 'connect', from: '127.0.0.1' });
    expect(mesh.refusals.map(({ who }) => who).filter((who) => who !== '?')).toEqual([httpOnly.prefix]);
    expect(mesh.refusals[4]).toMatchObject({ target: stranger.prefix, result: 'UNAUTHENTICATED' });
    expect(JSON.stringify(mesh.refusals)).not.toContain('sesame');
  });

  it('is refused in time when nobody can say whose its key is, and instances come in meanwhile', async () => {
    await mesh.callout.close();
    mesh.serve({ verifyKey: () => new Promise(() => undefined), deadlineMs: 1_500, most: 3 });
    const said = reasons();
    const clients = Array.from({ length: 6 }, () => mesh.dial({ token: createKey().text }).catch(String));
    await eventually(() => said.length === 3);
    expect(said).toEqual(Array(3).fill('BUSY: 3 others are just being checked; try again'));
    await (await mesh.dial({ token: createInstanceToken(mesh.seed, echo) })).close();
    expect(said).toHaveLength(3);
    expect(await Promise.all(clients)).toEqual(
      Array(6).fill(expect.stringMatching(/authorization violation/i)),
    );
    expect(said.slice(3)).toEqual(
      Array(3).fill('DEADLINE_EXCEEDED: it could not be found out within 1500 ms who it is'),
    );
  });

  it('is refused with the reason of who checks keys when that fails, and not with what nobody foresaw', async () => {
    await mesh.callout.close();
    const failures = [new BkgError('PLUGIN_UNAVAILABLE', 'apikeys is away.'), new Error('sesame')];
    mesh.serve({ verifyKey: () => Promise.reject(failures.shift()!) });
    const said = reasons();
    for (let i = 0; i < 2; i += 1)
      await expect(mesh.dial({ token: createKey().text })).rejects.toThrow(/authorization violation/i);
    expect(said).toEqual([
      'PLUGIN_UNAVAILABLE: apikeys is away.',
      'INTERNAL: it could not be found out who it is; the log of who checks it says why',
    ]);
  });

  it('is refused at once when what it may do is more than the broker takes in one message', async () => {
    const said = reasons();
    const { text } = mesh.key(Array.from({ length: 2_000 }, (_, i) => `read:plugin-${i}`));
    await expect(mesh.dial({ token: text })).rejects.toThrow(/authorization violation/i);
    expect(said).toEqual([expect.stringMatching(/^PAYLOAD_TOO_LARGE: \d+ bytes were given/)]);
  });

  it('is answered by whoever of several is there', async () => {
    const second = await mesh.server.connect('second');
    const other = mesh.serveOver(second);
    await second.flush();
    await mesh.callout.close();
    await (await mesh.dial({ token: createInstanceToken(mesh.seed, echo) })).close();
    await other.close();
  });
});

describe('a question that no nats-server asks', () => {
  it('cannot be sent by a client', async () => {
    const asker = await mesh.server.connect('asker');
    const refused = (async () => {
      for await (const status of asker.nats.status())
        if (status.type === 'error') return String(status.error);
      return '';
    })();
    asker.nats.publish(subjects.authorization, 'nonsense', { reply: '_INBOX.asker.1' });
    expect(await refused).toMatch(/permissions violation for publish/i);
  });

  it('is not answered where it can, neither a forged one nor one with another reply subject', async () => {
    const real: string[] = [];
    const spy = mesh.supervisor.nats.subscribe(subjects.authorization, {
      callback: (_, msg) => void real.push(msg.string()),
    });
    await mesh.supervisor.flush();
    await (await mesh.dial({ token: createInstanceToken(mesh.seed, echo) })).close();
    spy.unsubscribe();
    const [question = ''] = real;
    await using open = await startNatsServer();
    const [asker, answerer] = [await open.connect('asker'), await open.connect('answerer')];
    const callout = mesh.serveOver(answerer);
    const heard: string[] = [];
    for (const subject of ['stolen.>', '$SYS._INBOX.stolen.>'])
      asker.nats.subscribe(subject, { callback: (_, msg) => void heard.push(msg.subject) });
    await answerer.flush();
    asker.nats.publish(subjects.authorization, question, { reply: 'stolen.1' });
    asker.nats.publish(subjects.authorization, 'nonsense', { reply: '$SYS._INBOX.stolen.2' });
    asker.nats.publish(subjects.authorization, question);
    // What a nats-server has asked may be repeated by who hears it: the answer is for that one connection.
    asker.nats.publish(subjects.authorization, question, { reply: '$SYS._INBOX.stolen.3' });
    await eventually(() => heard.length > 0);
    await callout.close();
    expect(heard).toEqual(['$SYS._INBOX.stolen.3']);
  });
});

describe('connections that are closed by their name', () => {
  it('are all of that name, over as many pages as it takes, and no other', async () => {
    const kicker = await mesh.kicker({ pageSize: 3 });
    const [key, other] = [mesh.key([]), mesh.key([])];
    const meant = await Promise.all(
      Array.from({ length: 7 }, () => mesh.dial({ user: 'me', pass: key.text })),
    );
    const spared = await mesh.dial({ user: key.prefix.toLowerCase(), pass: other.text });
    const closed = Promise.all(meant.map((one) => one.closed()));
    const startedAt = performance.now();
    expect(await kicker.kickKeys(new Set([key.prefix]))).toBe(7);
    await closed;
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    expect(spared.isClosed()).toBe(false);
    const names = [...(await kicker.names())].map((name) => prefixOfName(name) ?? name);
    expect(names.sort()).toEqual(['test', 'sys', other.prefix].sort());
    expect(await kicker.kickKeys(new Set([key.prefix, '']))).toBe(0);
    for (const name of [key.prefix, '']) expect(await kicker.kick(name)).toBe(0);
    await spared.close();
  });

  it('are also those that were just being let in', async () => {
    const { prefix, text } = createKey();
    const { promise, resolve } = Promise.withResolvers<Principal>();
    await mesh.callout.close();
    mesh.serve({ verifyKey: () => promise });
    const kicker = await mesh.kicker();
    const coming = mesh.dial({ user: 'me', pass: text });
    const kicked = kicker.kickKeys(new Set([prefix]));
    // The first look has found nobody.
    await delay(30);
    resolve({ prefix, name: 'test', owner: '', scopes: [], broker: true, revision: 1 });
    const nats = await coming;
    expect(await kicked).toBe(1);
    await nats.closed();
  });

  it('stay out once what they show has ended, and come back while it has not', async () => {
    const kicker = await mesh.kicker();
    const [one, two] = [
      await mesh.connectInstance(echo),
      await mesh.connectInstance({ ...echo, instance: 'two' }),
    ];
    mesh.ended.add('two');
    const lost: string[] = [];
    one.onStatus((connected) => lost.push(`one ${connected ? 'back' : 'away'}`));
    expect([await kicker.kick('echo.one'), await kicker.kick('echo.two')]).toEqual([1, 1]);
    await eventually(() => lost.includes('one back'));
    await eventually(() => mesh.refusals.length >= 2);
    expect(two.connected).toBe(false);
    expect(two.nats.isClosed()).toBe(false);
    expect(mesh.refusals[0]).toMatchObject({ target: 'echo', detail: expect.stringContaining('has ended') });
  });
});

describe('a broker that is started anew', () => {
  it('takes everybody back as soon as somebody answers it', async () => {
    const instances = await Promise.all(
      Array.from({ length: 20 }, (_, i) => mesh.connectInstance({ ...echo, instance: `i${i}` })),
    );
    await mesh.server.restart();
    await eventually(() => instances.every(({ connected }) => connected), { withinMs: 15_000 });
    await mesh.callout.close();
    await mesh.server.restart();
    await eventually(() => mesh.supervisor.connected);
    // Longer than nats.js would try without being told to.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(instances.some(({ connected }) => connected)).toBe(false);
    mesh.serve();
    await eventually(() => instances.every(({ connected }) => connected), { withinMs: 15_000 });
  });
});
