/** Every subject × everybody × to publish and to subscribe: what nats-server itself lets through is what the table says. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createAccountSeed,
  createInstanceToken,
  createKey,
  createSecret,
  instanceName,
} from '../../src/access/index.ts';
import type { KeyParts } from '../../src/access/index.ts';
import type { Principal } from '../../src/protocol/access.ts';
import { scopeVerbs } from '../../src/protocol/scopes.ts';
import { patterns, subjects } from '../../src/protocol/subjects.ts';
import { eventually } from '../../src/testing.ts';
import { AccessMesh } from './access-mesh.ts';
import { RawClient } from './raw-client.ts';
import { instances, keys, rowsOfOthers, rowsOfPatterns, rowsOfSubjects, strangers } from './subject-table.ts';
import type { KeyName, Row } from './subject-table.ts';

type Way = keyof Omit<Row, 'subject'>;
type Found = Record<Way, string[]>;

const friends: string[] = [...(Object.keys(keys) as KeyName[]), ...instances, 'gateway'];
const rows = [rowsOfSubjects, rowsOfPatterns, { others: rowsOfOthers }].flatMap((one) =>
  Object.values<Row[]>(one).flat(),
);
const servesKeys = { prefix: 'Kservekeys', scopes: ['serve:apikeys'] };
const secrets = new Map<string, string>();
const ends = new Map<string, 'expired' | 'revoked'>();

let mesh: AccessMesh;
/** What the server refused, and what arrived all the same, each as `<who> <way> <subject>`. */
const refused = new Set<string>();
const arrived = new Set<string>();
const turnedAway: Record<string, string[]> = {};

beforeAll(async () => {
  mesh = await AccessMesh.start({ verifyKey: async (parts) => judge(parts) });
  const spy = mesh.supervisor.nats.subscribe('>', {
    callback: (_, msg) => {
      const [mark, who] = msg.string().split(' ');
      if (mark === 'matrix') arrived.add(`${who} publish ${msg.subject}`);
    },
  });
  await mesh.supervisor.flush();
  const clients = [...friends, ...strangers].map((who) => ({
    who,
    client: new RawClient(mesh.server.port, shownBy(who)),
  }));
  // First all who subscribe, and nobody stays: what is published then comes to nobody but the spy.
  for (const way of ['subscribe', 'publish'] as const) {
    const said = await Promise.all(
      clients.map(({ who, client }) => client.say(way === 'publish' ? publications(who) : subscriptions())),
    );
    for (const [i, errors] of said.entries()) note(clients[i]!.who, errors);
  }
  for (const { who, client } of clients) {
    if (friends.includes(who)) expect([who, client.isOver]).toEqual([who, false]);
    else expect([who, client.isOver]).toEqual([who, true]);
    client.close();
  }
  await mesh.supervisor.flush();
  spy.unsubscribe();
});
afterAll(() => mesh[Symbol.asyncDispose]());

function judge({ prefix, secret }: KeyParts): Principal | { refused: string } {
  if (secrets.get(prefix) !== secret) return { refused: 'unknown' };
  const end = ends.get(prefix);
  if (end) return { refused: end };
  const known = [...Object.values(keys), servesKeys].find((one) => one.prefix === prefix);
  // Those that are no use are an admin's otherwise.
  const scopes = known ? [...known.scopes] : ['admin'];
  return { prefix, name: '', owner: '', scopes, broker: known !== undefined, revision: 1 };
}

function keyOf(prefix: string): Record<string, string> {
  const secret = createSecret();
  secrets.set(prefix, secret);
  return { user: prefix, pass: `bkg_${prefix}_${secret}` };
}

/** What somebody shows in a CONNECT. */
function shownBy(who: string): Record<string, string> {
  if (who in keys) return keyOf(keys[who as KeyName].prefix);
  switch (who) {
    case 'gateway':
      return { user: 'gateway', pass: mesh.server.gatewayCredentials.password };
    case 'nobody':
      return {};
    case 'malformed':
      return { auth_token: 'bkg_not-a-key' };
    case 'unknown':
      return { auth_token: createKey().text };
    case 'wrong':
      return { auth_token: `bkg_${keys.admin.prefix}_${createSecret()}` };
    case 'serve:apikeys':
      return keyOf(servesKeys.prefix);
    case 'http':
      return keyOf(createKey().prefix);
    case 'expired':
    case 'revoked': {
      const { prefix } = createKey();
      ends.set(prefix, who);
      return keyOf(prefix);
    }
    default: {
      const [plugin = '', instance = ''] = who.split('.');
      const needs = who === 'a.j' ? [{ plugin: 'b', capability: 'say' }] : [];
      const identity = { plugin, instance, needs };
      return { user: instanceName(identity), pass: createInstanceToken(mesh.seed, identity) };
    }
  }
}

function publications(who: string): string[] {
  const body = `matrix ${who}`;
  return rows.flatMap(({ subject }) => [`PUB ${subject} ${body.length}`, body]);
}

function subscriptions(): string[] {
  const queues = ['', ' q', ' bkg'];
  return rows.flatMap(({ subject }, i) =>
    queues.flatMap((queue, j) => [`SUB ${subject}${queue} ${i}-${j}`, `UNSUB ${i}-${j}`]),
  );
}

function note(who: string, errors: readonly string[]): void {
  for (const error of errors) {
    const [, kind, subject, queue] =
      /^Permissions Violation for (Publish|Subscription) to "([^"]+)"(?: using queue "(\w+)")?$/.exec(
        error,
      ) ?? [];
    if (kind === undefined) (turnedAway[who] ??= []).push(error);
    else refused.add(`${who} ${kind === 'Publish' ? 'publish' : (queue ?? 'subscribe')} ${subject}`);
  }
}

function found(subject: string): Found {
  const may = (way: Way): string[] =>
    friends.filter((who) => {
      const isRefused = refused.has(`${who} ${way} ${subject}`);
      // What the server says and what it does is the same.
      if (way === 'publish')
        expect([who, subject, isRefused]).toEqual([who, subject, !arrived.has(`${who} publish ${subject}`)]);
      return !isRefused;
    });
  return { publish: may('publish'), subscribe: may('subscribe'), q: may('q'), bkg: may('bkg') };
}

function told({ publish, subscribe, q, bkg }: Row): Found {
  const named = (...texts: (string | undefined)[]): string[] => {
    const names = texts.flatMap((text) => text?.split(' ') ?? []);
    const strange = names.filter((name) => !friends.includes(name));
    if (strange.length > 0) throw new Error(`the table names ${strange.join()}, and nobody is called so`);
    return friends.filter((who) => names.includes(who));
  };
  return {
    publish: named(publish),
    subscribe: named(subscribe),
    q: named(subscribe, q),
    bkg: named(subscribe, bkg),
  };
}

function compare(rowsOf: readonly Row[]): void {
  expect(rowsOf.length).toBeGreaterThan(0);
  for (const row of rowsOf)
    expect({ [row.subject]: found(row.subject) }).toEqual({ [row.subject]: told(row) });
}

describe('the table', () => {
  it('has rows of every subject and pattern that there is, and of no other', () => {
    expect(Object.keys(rowsOfSubjects).sort()).toEqual(Object.keys(subjects).sort());
    expect(Object.keys(rowsOfPatterns).sort()).toEqual(Object.keys(patterns).sort());
  });

  it('has no subject twice, and a key of every scope', () => {
    const all = rows.map(({ subject }) => subject);
    expect(all.filter((subject, i) => all.indexOf(subject) !== i)).toEqual([]);
    const verbs = new Set(
      Object.values(keys).flatMap(({ scopes }) => scopes.map((one) => one.split(':')[0])),
    );
    expect([...verbs].sort()).toEqual([...scopeVerbs].sort());
  });
});

describe('the server lets through what the table says, and nothing else', () => {
  it.each(Object.entries(rowsOfSubjects))('at %s', (_name, of) => compare(of));

  it.each(Object.entries(rowsOfPatterns))('at the pattern of %s', (_name, of) => compare(of));

  it('at what nobody builds', () => compare(rowsOfOthers));

  it.each(strangers)('and to %s nothing at all', (who) => {
    expect(turnedAway[who]).toEqual(['Authorization Violation']);
    expect([...arrived].filter((one) => one.startsWith(`${who} `))).toEqual([]);
  });

  it('and says nothing else to anybody', () => {
    expect(Object.keys(turnedAway).sort()).toEqual([...strangers].sort());
  });
});

it('a wildcard in what is published reaches nobody whom it could be meant for', async () => {
  const identity = { plugin: 'apikeys', instance: 'i', needs: [] };
  const keeper = await mesh.connectInstance(identity);
  const heard: string[] = [];
  keeper.nats.subscribe(subjects.invokeAny('apikeys'), {
    queue: 'q',
    callback: (_, msg) => void heard.push(`${msg.subject} ${msg.string()}`),
  });
  await keeper.flush();
  const client = new RawClient(mesh.server.port, shownBy('admin'));
  const tried = ['plugin.*.invoke.>', 'plugin.*.invoke.*', 'plugin.*.invoke.key.create'];
  expect(await client.say(tried.flatMap((subject) => [`PUB ${subject} 1`, 'x']))).toEqual([]);
  // What it does hear comes after that.
  const honest = subjects.invokeCapability('apikeys', 'key.list');
  mesh.supervisor.nats.publish(honest, 'y');
  await eventually(() => heard.length > 0);
  expect(heard).toEqual([`${honest} y`]);
  client.close();
});

it('an instance of another mesh is a stranger', async () => {
  const password = createInstanceToken(createAccountSeed(), { plugin: 'a', instance: 'i', needs: [] });
  const client = new RawClient(mesh.server.port, { user: 'a.i', pass: password });
  expect(await client.say(publications('stranger'))).toEqual(['Authorization Violation']);
  client.close();
});
