import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseKey } from '@bkg/sdk/access';
import { eventually } from '@bkg/sdk/testing';
import { bkg, startBkg } from './bkg.ts';
import type { Outcome } from './bkg.ts';
import { testHome } from './test-home.ts';
import type { TestHome, Up } from './test-home.ts';

/** The whole way of a key, through the real mesh: made by `bkg up`, shown by the commands, asked for by the gateway. */
let home: TestHome;
let up: Up;

beforeAll(async () => {
  home = await testHome();
  up = await home.runningMesh({
    BKG_NO_AUTH: '',
    BKG_PLUGINS_PATH: path.join(import.meta.dirname, 'fixtures/plugins'),
  });
  await up.said('sign in: ');
}, 90_000);
afterAll(() => home[Symbol.asyncDispose]());

/** As somebody on the machine of the mesh, who finds its admin key. */
const asAdmin = (...args: string[]): Promise<Outcome> => bkg(args, { env: { BKG_HOME: home.dir } });
/** As somebody who has nothing but a key. */
const withKey = (key: string, ...args: string[]): Promise<Outcome> =>
  bkg([...args, '--url', `http://127.0.0.1:${home.port}`], {
    env: { BKG_HOME: '/nowhere', BKG_API_KEY: key },
  });

async function create(...options: string[]): Promise<{ key: string; prefix: string }> {
  const { code, stdout, stderr } = await asAdmin('keys', 'create', '--name', 'test', ...options);
  expect(code, stderr).toBe(0);
  const key = stdout.trim();
  return { key, prefix: parseKey(key)?.prefix ?? '' };
}

function signIn(link: string): Promise<Response> {
  const [, ticket] = /#ticket=(\S+)/.exec(link) ?? [];
  return fetch(`http://127.0.0.1:${home.port}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ticket }),
  });
}

it('lets whoever has started it sign in by the link, once', async () => {
  const link = /sign in: (\S+)/.exec(up.output)?.[1] ?? '';
  expect(link).toMatch(new RegExp(`^http://localhost:${home.port}/sign-in#ticket=`));
  const first = await signIn(link);
  expect([first.status, await first.json()]).toMatchObject([201, { scopes: ['admin'] }]);
  expect(first.headers.get('set-cookie')).toMatch(/^bkg_session=\S+; .*HttpOnly/);
  expect((await signIn(link)).status).toBe(401);
  const another = await asAdmin('keys', 'sign-in');
  expect((await signIn(another.stdout)).status).toBe(201);
});

it('lets nobody in without a key, and says what to do', async () => {
  const { code, stderr } = await bkg(['plugins', '--url', `http://127.0.0.1:${home.port}`], {
    env: { BKG_HOME: '/nowhere' },
  });
  expect(code).toBe(1);
  expect(stderr).toMatch(/UNAUTHENTICATED \(401\): .+\n {2}To do: set BKG_API_KEY to a key of this mesh/);
});

describe('a key', () => {
  it('may what its scopes say, and hears which one is missing', async () => {
    expect(await asAdmin('start', 'talker')).toMatchObject({ code: 0 });
    const { key, prefix } = await create('--scope', 'invoke:talker', '--role', 'viewer');
    expect(await withKey(key, 'plugins')).toMatchObject({ code: 0 });
    const said = await withKey(key, 'invoke', 'talker', 'say', '{"text": "hello"}');
    expect([said.code, said.stderr]).toEqual([0, '']);
    const refused = await withKey(key, 'stop', 'talker');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('FORBIDDEN (403): ');
    expect(refused.stderr).toContain('control:talker');
    expect(refused.stderr).toContain(`asked with was ${prefix} of BKG_API_KEY`);
    expect((await withKey(key, 'keys', 'show')).stdout).toContain('may         ');
    expect((await withKey(key, 'keys')).stderr).toContain('admin');
  });

  it('follows logs over the socket', async () => {
    const { key } = await create('--scope', 'read', '--scope', 'invoke');
    const url = `http://127.0.0.1:${home.port}`;
    const following = startBkg(['logs', 'talker', '-f', '--url', url], {
      env: { BKG_HOME: '/nowhere', BKG_API_KEY: key },
    });
    try {
      const mark = `over the socket ${Date.now()}`;
      await eventually(
        async () => {
          await withKey(key, 'invoke', 'talker', 'say', JSON.stringify({ text: mark }));
          return following.printed.stdout.includes(mark);
        },
        { withinMs: 15_000 },
      );
      expect(following.printed.stderr).toBe('');
    } finally {
      following.child.kill('SIGTERM');
      await following.ended;
    }
  });

  it('is changed, rotated and revoked, and every step is in the audit', async () => {
    const { key, prefix } = await create('--scope', 'read', '--expires', '90d', '--rate', '5');
    expect((await asAdmin('keys', 'update', prefix, '--scope', 'invoke:talker', '--owner', 'ada')).code).toBe(
      0,
    );
    expect((await asAdmin('keys')).stdout).toMatch(new RegExp(`${prefix} +test +ada +invoke:talker `));
    const rotated = await asAdmin('keys', 'rotate', prefix, '--grace', '0s');
    const next = rotated.stdout.trim();
    expect(parseKey(next)?.prefix).toBe(prefix);
    await eventually(async () => (await withKey(key, 'keys', 'show')).code === 1);
    expect((await withKey(next, 'keys', 'show')).code).toBe(0);
    expect((await asAdmin('keys', 'revoke', prefix)).stdout).toContain('revoked');
    await eventually(async () => (await withKey(next, 'keys', 'show')).code === 1);
    const actions = await eventually(
      async () => {
        const { stdout } = await asAdmin('audit', '--action', 'key.', '--json');
        const { events } = JSON.parse(stdout) as {
          events: { action: string; target: string; result: string }[];
        };
        const ours = events.filter(({ target }) => target === prefix).map(({ action }) => action);
        return ours.length >= 3 && ours;
      },
      { withinMs: 10_000 },
    );
    expect(actions).toEqual(expect.arrayContaining(['key.update', 'key.rotate', 'key.revoke']));
    expect((await asAdmin('audit', '-n', '1')).code).toBe(0);
  });

  it('of the file is kept up to date when it is rotated', async () => {
    const before = home.read('admin.key').trim();
    const prefix = parseKey(before)?.prefix ?? '';
    const { code, stderr } = await asAdmin('keys', 'rotate', prefix, '--grace', '0s');
    expect([code, stderr.includes('admin.key has the new one')]).toEqual([0, true]);
    expect(home.read('admin.key').trim()).not.toBe(before);
    expect(await asAdmin('plugins')).toMatchObject({ code: 0 });
    await eventually(async () => (await withKey(before, 'plugins')).code === 1);
  });
});
