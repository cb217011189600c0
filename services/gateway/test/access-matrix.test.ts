import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prefixOf, strangeKey, withWrongSecret } from './keeper.ts';
import { startAccessMesh, upgrade } from './access-mesh.ts';
import type { AccessMesh } from './access-mesh.ts';
import { routesOf } from './routes-of.ts';

/** Everybody who may come, by the scopes of their key. */
const scopesOf = {
  nothing: [],
  read: ['read'],
  readOne: ['read:one'],
  readTwo: ['read:two'],
  invoke: ['invoke'],
  invokeOne: ['invoke:one'],
  invokeEcho: ['invoke:one:echo'],
  invokeOther: ['invoke:one:other.*'],
  invokeTwo: ['invoke:two'],
  control: ['control'],
  controlOne: ['control:one'],
  controlTwo: ['control:two'],
  serveOne: ['serve:one'],
  everythingButAdmin: ['read', 'invoke', 'control'],
  unheardOf: ['fly:one', 'admin:one'],
  admin: ['admin'],
} as const;
type Holder = keyof typeof scopesOf;
const holders = Object.keys(scopesOf) as Holder[];

/** Who shows something that lets nobody in. */
const strangers = ['malformed', 'basic', 'unknown', 'wrongSecret', 'expired', 'revoked'] as const;
type Stranger = (typeof strangers)[number];

interface Row {
  /** As it is registered. */
  route: string;
  path?: (mesh: AccessMesh) => string;
  body?: unknown;
  /** `open`: nobody is asked. `anyone`: also who shows nothing. */
  lets: 'open' | 'anyone' | 'signed in' | readonly Holder[];
  /** Of those who are let in. */
  status: number;
}

const reads = ['read', 'readOne', 'everythingButAdmin', 'admin'] as const;
const controls = ['control', 'controlOne', 'everythingButAdmin', 'admin'] as const;
const invokesEcho = ['invoke', 'invokeOne', 'invokeEcho', 'everythingButAdmin', 'admin'] as const;
const invokesOther = ['invoke', 'invokeOne', 'invokeOther', 'everythingButAdmin', 'admin'] as const;
const admins = ['admin'] as const;
const any = ['read', 'readOne', 'readTwo', 'everythingButAdmin', 'admin'] as const;

let victims: string[] = [];
const victim = (): string => prefixOf(victims.pop() ?? '');

const rows: Row[] = [
  { route: 'GET /api/plugins', lets: any, status: 200 },
  { route: 'GET /api/plugins/:id', lets: reads, status: 200 },
  { route: 'GET /api/plugins/:id/telemetry', lets: reads, status: 200 },
  { route: 'GET /api/plugins/:id/logs', lets: reads, status: 200 },
  ...['start', 'stop', 'restart', 'rollback'].map((verb) => ({
    route: `POST /api/plugins/:id/${verb}`,
    lets: controls,
    status: 200,
  })),
  { route: 'POST /api/plugins/:id/swap', body: { version: '1.0.0' }, lets: controls, status: 200 },
  { route: 'POST /api/plugins/:id/scale', body: { replicas: 1 }, lets: controls, status: 200 },
  { route: 'GET /api/plugins/:id/config', lets: reads, status: 200 },
  { route: 'POST /api/plugins/:id/config', body: { revision: 0, replicas: 2 }, lets: controls, status: 200 },
  { route: 'POST /api/plugins/:id/config', body: { revision: 0, env: {} }, lets: admins, status: 200 },
  { route: 'POST /api/plugins/:id/config', body: { revision: 0, sandbox: null }, lets: admins, status: 200 },
  { route: 'GET /api/plugins/:id/config/history', lets: reads, status: 200 },
  { route: 'POST /api/plugins/:id/invoke/:capability', body: {}, lets: invokesEcho, status: 200 },
  {
    route: 'POST /api/plugins/:id/invoke/:capability',
    path: () => '/api/plugins/one/invoke/other.way',
    body: {},
    lets: invokesOther,
    status: 200,
  },
  { route: 'POST /api/plugins/:id/invoke', body: { capability: 'echo' }, lets: invokesEcho, status: 200 },
  {
    route: 'POST /api/plugins/:id/invoke',
    body: { capability: 'other.way' },
    lets: invokesOther,
    status: 200,
  },
  {
    route: 'DELETE /api/plugins/:id/invocations/:invocation_id',
    lets: ['invoke', 'invokeOne', 'invokeEcho', 'invokeOther', 'everythingButAdmin', 'admin'],
    status: 204,
  },
  {
    route: 'DELETE /api/plugins/:id/invocations/:invocation_id',
    path: () => '/api/plugins/apikeys/invocations/a1',
    lets: [],
    status: 204,
  },
  // What keeps the keys is nobody's to invoke, and an admin's to control.
  {
    route: 'POST /api/plugins/:id/invoke/:capability',
    path: () => '/api/plugins/apikeys/invoke/key.list',
    body: {},
    lets: [],
    status: 200,
  },
  {
    route: 'POST /api/plugins/:id/invoke',
    path: () => '/api/plugins/apikeys/invoke',
    body: { capability: 'key.list' },
    lets: [],
    status: 200,
  },
  {
    route: 'POST /api/plugins/:id/stop',
    path: () => '/api/plugins/apikeys/stop',
    lets: admins,
    status: 200,
  },
  { route: 'GET /ws', lets: 'signed in', status: 101 },
  { route: 'GET /ws/plugins/:id', lets: reads, status: 101 },
  { route: 'GET /api/keys', lets: admins, status: 200 },
  { route: 'POST /api/keys', body: { name: 'new' }, lets: admins, status: 201 },
  { route: 'GET /api/keys/:prefix', path: () => `/api/keys/${victim()}`, lets: admins, status: 200 },
  {
    route: 'PATCH /api/keys/:prefix',
    path: () => `/api/keys/${victim()}`,
    body: { revision: 1, name: 'other' },
    lets: admins,
    status: 200,
  },
  { route: 'DELETE /api/keys/:prefix', path: () => `/api/keys/${victim()}`, lets: admins, status: 200 },
  {
    route: 'POST /api/keys/:prefix/rotate',
    path: () => `/api/keys/${victim()}/rotate`,
    lets: admins,
    status: 200,
  },
  { route: 'GET /api/roles', lets: admins, status: 200 },
  { route: 'PUT /api/roles/:name', body: { scopes: ['read'] }, lets: admins, status: 200 },
  { route: 'DELETE /api/roles/:name', lets: admins, status: 204 },
  { route: 'GET /api/audit', path: () => '/api/audit?most=10&action=key.', lets: admins, status: 200 },
  { route: 'GET /api/session', lets: 'signed in', status: 200 },
  // It is how one signs in: with nothing in the body nobody does.
  { route: 'POST /api/session', body: {}, lets: 'open', status: 400 },
  // A key is no session to sign out of.
  { route: 'DELETE /api/session', lets: 'signed in', status: 400 },
  { route: 'POST /api/session/tickets', lets: 'signed in', status: 201 },
  { route: 'GET /api/openapi.json', lets: 'anyone', status: 200 },
  { route: 'GET /api/docs', lets: 'anyone', status: 200 },
  {
    route: 'GET /api/docs/:id',
    lets: [...reads, 'invoke', 'invokeOne', 'invokeEcho', 'invokeOther'],
    status: 200,
  },
  { route: 'GET /livez', lets: 'open', status: 200 },
  { route: 'GET /readyz', lets: 'open', status: 200 },
];

let mesh: AccessMesh;
let keys: Record<Holder | Stranger, string>;

beforeAll(async () => {
  // Wrong keys come here by the hundred.
  mesh = await startAccessMesh({ attempts: { most: 100_000 } });
  const { keeper } = mesh;
  const past = new Date(Date.now() - 1_000).toISOString();
  const right = keeper.make(['admin']);
  victims = Array.from({ length: 200 }, () => keeper.make([]));
  keys = {
    ...(Object.fromEntries(
      Object.entries(scopesOf).map(([name, scopes]) => [name, keeper.make([...scopes])]),
    ) as Record<Holder, string>),
    malformed: 'bkg_not-a-key',
    basic: right,
    unknown: strangeKey(),
    wrongSecret: withWrongSecret(right),
    expired: keeper.make(['admin'], { expires_at: past }),
    revoked: keeper.make(['admin'], { revoked_at: past }),
  };
});

afterAll(() => mesh[Symbol.asyncDispose]());

async function statusOf(row: Row, authorization: string | undefined): Promise<number | string> {
  const [method = '', route = ''] = row.route.split(' ');
  const path =
    row.path?.(mesh) ??
    route
      .replace(':id', 'one')
      .replace(':capability', 'echo')
      .replace(':name', 'crew')
      .replace(':invocation_id', 'a1');
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  if (path.startsWith('/ws')) return upgrade(mesh.port, path, { headers });
  return (await mesh.send(method, path, { headers, ...(row.body !== undefined && { body: row.body }) }))
    .status;
}

describe('every route', () => {
  it('has a row here', () => {
    const told = new Set(rows.map(({ route }) => route));
    expect(routesOf(mesh.app.printRoutes({ commonPrefix: false })).filter((one) => !told.has(one))).toEqual(
      [],
    );
  });

  it.each(rows.map((row) => [`${row.route} ${JSON.stringify(row.body ?? '')}`, row] as const))(
    '%s lets in whom it should and nobody else',
    async (_name, row) => {
      const { lets, status } = row;
      const isLetIn = (holder: Holder): boolean => typeof lets === 'string' || lets.includes(holder);
      const expected: Record<string, number> = {
        none: lets === 'open' || lets === 'anyone' ? status : 401,
        ...Object.fromEntries(strangers.map((one) => [one, lets === 'open' ? status : 401])),
        ...Object.fromEntries(holders.map((one) => [one, isLetIn(one) ? status : 403])),
      };
      const got: Record<string, number | string> = { none: await statusOf(row, undefined) };
      for (const one of [...strangers, ...holders]) {
        const text = keys[one];
        got[one] = await statusOf(row, one === 'basic' ? `Basic ${btoa(`key:${text}`)}` : `Bearer ${text}`);
      }
      expect(got).toEqual(expected);
    },
  );

  it('says what is missing, and asks for a key where there is none', async () => {
    const without = await mesh.send('GET', '/api/plugins/one');
    expect(without.headers.get('www-authenticate')).toBe('Bearer');
    expect(without.json()).toMatchObject({ code: 'UNAUTHENTICATED', status: 401 });
    const other = await mesh.send('POST', '/api/plugins/one/invoke/echo', { key: keys.invokeTwo, body: {} });
    expect(other.json()).toMatchObject({
      code: 'FORBIDDEN',
      detail: `This needs the scope invoke:one:echo, which the key ${prefixOf(keys.invokeTwo)} does not have.`,
    });
    const hidden = await mesh.send('GET', '/api/plugins/two', { key: keys.readOne });
    expect((hidden.json() as { detail: string }).detail).toContain('read:two');
  });

  it('does the same of a plugin that does not exist as of one that may not be seen', async () => {
    const answers = await Promise.all(
      ['two', 'nothing-here', '*', 'a.b', '%2e%2e%2f'].map((id) =>
        mesh.send('GET', `/api/plugins/${id}`, { key: keys.readOne }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403]);
  });

  it('never reads a key in an address', async () => {
    for (const name of ['key', 'api_key', 'access_token', 'token', 'authorization']) {
      const { status } = await mesh.send('GET', `/api/plugins?${name}=${keys.admin}`);
      expect([name, status]).toEqual([name, 401]);
    }
  });

  it('carries nothing out for who is not let in', async () => {
    const before = [mesh.invoked.length, mesh.orders.length];
    for (const key of [keys.nothing, keys.revoked, keys.invokeTwo, keys.controlTwo]) {
      await mesh.send('POST', '/api/plugins/one/invoke/echo', { key, body: {} });
      await mesh.send('POST', '/api/plugins/one/invoke', { key, body: { capability: 'echo' } });
      await mesh.send('POST', '/api/plugins/one/stop', { key });
    }
    expect([mesh.invoked.length, mesh.orders.length]).toEqual(before);
  });
});

describe('what is listed', () => {
  it('is what may be seen', async () => {
    const ids = async (key: string): Promise<string[]> =>
      ((await mesh.send('GET', '/api/plugins', { key })).json() as { id: string }[]).map(({ id }) => id);
    expect(await ids(keys.admin)).toEqual(['one', 'two']);
    expect(await ids(keys.read)).toEqual(['one', 'two']);
    expect(await ids(keys.readTwo)).toEqual(['two']);
  });

  it('in the OpenAPI document and its pages is what may be invoked or seen', async () => {
    const pathsOf = async (key?: string): Promise<string[]> => {
      const { text } = await mesh.send('GET', '/api/openapi.json', { ...(key !== undefined && { key }) });
      return Object.keys((JSON.parse(text) as { paths: object }).paths)
        .filter((path) => /^\/api\/plugins\/(one|two)\//.test(path))
        .map((path) => path.slice('/api/plugins/'.length));
    };
    const [echo, other, two] = ['one/invoke/echo', 'one/invoke/other.way', 'two/invoke/echo'];
    expect(await pathsOf()).toEqual([]);
    expect(await pathsOf(keys.nothing)).toEqual([]);
    expect(await pathsOf(keys.invokeEcho)).toEqual([echo]);
    expect(await pathsOf(keys.readOne)).toEqual([echo, other]);
    expect(await pathsOf(keys.invoke)).toEqual([echo, other, two, 'two/invoke/other.way']);
    expect(await pathsOf(keys.admin)).toEqual([echo, other, two, 'two/invoke/other.way']);
    const page = await mesh.send('GET', '/api/docs', { key: keys.readTwo });
    expect([page.text.includes('/api/docs/two'), page.text.includes('/api/docs/one')]).toEqual([true, false]);
    const own = await mesh.send('GET', '/api/docs/one', { key: keys.invokeEcho });
    expect([own.text.includes('one.echo'), own.text.includes('one.other.way')]).toEqual([true, false]);
  });

  it('has another tag for each who sees something else', async () => {
    const tagOf = async (key: string): Promise<string | null> =>
      (await mesh.send('GET', '/api/openapi.json', { key })).headers.get('etag');
    expect(await tagOf(keys.invokeEcho)).not.toBe(await tagOf(keys.admin));
    expect(await tagOf(keys.invokeEcho)).toBe(await tagOf(keys.invokeEcho));
  });
});

describe('an order', () => {
  it('goes to where the broker vouches for who gives it, with the address it came from', async () => {
    mesh.orders.length = 0;
    await mesh.send('POST', '/api/plugins/one/stop', { key: keys.controlOne, body: { by: 'somebody else' } });
    await mesh.send('POST', '/api/plugins/one/config', { key: keys.admin, body: { revision: 0, by: 'x' } });
    expect(mesh.orders).toEqual([
      { subject: `bkg.control.stop.one.by.${prefixOf(keys.controlOne)}`, from: '127.0.0.1', admin: '' },
      { subject: `bkg.control.configure.one.by.${prefixOf(keys.admin)}`, from: '127.0.0.1', admin: '1' },
    ]);
  });

  it('about keys names who has given it', async () => {
    mesh.keeper.ordered.length = 0;
    await mesh.send('POST', '/api/keys', { key: keys.admin, body: { name: 'new' } });
    expect(mesh.keeper.ordered).toEqual([
      { capability: 'key.create', actor: { who: prefixOf(keys.admin), via: 'http', from: '127.0.0.1' } },
    ]);
  });
});
