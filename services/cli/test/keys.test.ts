import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKey } from '@bkg/sdk/access';
import { processStart } from '@bkg/sdk/host';
import type { ApiKey, AuditList, NewKey } from '@bkg/sdk/protocol';
import { bkg } from './bkg.ts';
import type { Outcome } from './bkg.ts';
import { listening } from './listening.ts';

/** The commands about keys, told to a gateway that answers what the test wants. */
let gateway: Awaited<ReturnType<typeof listening>>;
let home: string;
interface Asked {
  what: string;
  body?: unknown;
  authorization: string | undefined;
}
let asked: Asked[];
/** By method and path. */
let answers: Record<string, unknown>;

const admin = createKey();
const given = createKey();

const key: ApiKey = {
  prefix: given.prefix,
  name: 'ci',
  owner: 'ada',
  scopes: ['invoke:candle'],
  roles: ['viewer'],
  broker: false,
  created_at: '2026-11-24T08:00:00.000Z',
  created_by: admin.prefix,
  revision: 3,
};

beforeEach(async () => {
  home = mkdtempSync(path.join(tmpdir(), 'bkg-cli-'));
  [asked, answers] = [[], {}];
  gateway = await listening((request, response) => void answer(request, response));
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const what = `${request.method} ${request.url}`;
  const body = Buffer.concat(await request.toArray()).toString();
  const { authorization } = request.headers;
  asked.push({ what, authorization, ...(body && { body: JSON.parse(body) as unknown }) });
  const found = answers[what] ?? problem(404, 'APIKEYS_NOT_FOUND', `The test has no ${what}.`);
  const isProblem = typeof found === 'object' && 'detail' in found && 'status' in found;
  response.writeHead(isProblem ? (found.status as number) : 200, {
    'content-type': isProblem ? 'application/problem+json' : 'application/json',
  });
  response.end(JSON.stringify(found));
}

function problem(status: number, code: string, detail: string): object {
  return { type: 'about:blank', title: code, status, code, detail, retryable: false };
}

const run = (...args: string[]): Promise<Outcome> =>
  bkg([...args, '--url', gateway.url], { env: { BKG_HOME: home, BKG_API_KEY: admin.text } });

/** As `bkg up` leaves it: where the gateway is, and the key of who has started it. */
function ownMesh(changes: object = {}): NodeJS.ProcessEnv {
  const { port } = new URL(gateway.url);
  const { pid } = process;
  const url = `http://localhost:${port}`;
  const record = { pid, start: processStart(pid), host: '127.0.0.1', port: Number(port), url, ...changes };
  mkdirSync(path.join(home, 'run'));
  writeFileSync(path.join(home, 'run', 'up.json'), JSON.stringify(record));
  writeFileSync(path.join(home, 'admin.key'), `${admin.text}\n`, { mode: 0o600 });
  return { BKG_HOME: home };
}

describe('the key that a command shows', () => {
  beforeEach(() => (answers['GET /api/plugins'] = []));
  const shown = (): unknown => asked.at(-1)?.authorization;

  it('is the admin key of BKG_HOME for the gateway of its own mesh', async () => {
    const env = ownMesh();
    expect(await bkg(['plugins'], { env })).toMatchObject({ code: 0 });
    expect(shown()).toBe(`Bearer ${admin.text}`);
    const { port } = new URL(gateway.url);
    await bkg(['plugins', '--url', `http://localhost:${port}`], { env });
    expect(shown()).toBe(`Bearer ${admin.text}`);
    await bkg(['plugins'], { env: { ...env, BKG_PORT: port, BKG_HOST: '0.0.0.0' } });
    expect(shown()).toBe(`Bearer ${admin.text}`);
  });

  it('is that of BKG_API_KEY, when there is one', async () => {
    await bkg(['plugins'], { env: { ...ownMesh(), BKG_API_KEY: `${given.text}\n` } });
    expect(shown()).toBe(`Bearer ${given.text}`);
  });

  it('is none for every other gateway, be it on this machine', async () => {
    const env = ownMesh({ port: 1 });
    await bkg(['plugins', '--url', gateway.url], { env });
    expect(shown()).toBe(undefined);
    await bkg(['plugins'], { env: { ...env, BKG_PORT: new URL(gateway.url).port } });
    expect(asked).toHaveLength(2);
    expect(shown()).toBe(undefined);
    writeFileSync(path.join(home, 'run', 'up.json'), '{}');
    await bkg(['plugins', '--url', gateway.url], { env });
    expect(asked).toHaveLength(3);
    expect(shown()).toBe(undefined);
  });

  it('is none for who listens where the gateway was, before its mesh was killed', async () => {
    const env = ownMesh({ start: 'earlier' });
    await bkg(['plugins'], { env });
    expect(asked).toHaveLength(1);
    expect(shown()).toBe(undefined);
  });

  it('is refused when it cannot be one, and not repeated', async () => {
    const { code, stderr } = await bkg(['plugins', '--url', gateway.url], {
      env: { BKG_API_KEY: 'not a\nkey' },
    });
    expect([code, asked]).toEqual([2, []]);
    expect(stderr).toContain('BKG_API_KEY has characters in it that no key has');
    expect(stderr).not.toContain('not a');
  });

  it('is named when it is not taken, with what to do', async () => {
    answers['GET /api/plugins'] = problem(401, 'UNAUTHENTICATED', 'This needs an API key.');
    const refused = async (env: NodeJS.ProcessEnv): Promise<string> =>
      (await bkg(['plugins', '--url', gateway.url], { env })).stderr;
    expect(await refused({ BKG_HOME: home })).toContain(
      'UNAUTHENTICATED (401): This needs an API key.\n  To do: set BKG_API_KEY to a key of this mesh',
    );
    expect(await refused({ BKG_API_KEY: given.text })).toContain(
      `the key ${given.prefix} of BKG_API_KEY was not taken: it was made by another mesh, revoked`,
    );
    const env = ownMesh();
    expect(await refused(env)).toContain(`the key ${admin.prefix} of ${home}/admin.key was not taken`);
    writeFileSync(path.join(home, 'admin.key'), 'two words');
    expect(await refused(env)).toContain(`${home}/admin.key holds no key, so nothing was shown`);
    rmSync(path.join(home, 'admin.key'));
    expect(await refused(env)).toContain(`there is no ${home}/admin.key, so nothing was shown`);
  });

  it('is named when it may not do it, below what it lacks', async () => {
    const lacks = `This needs the scope control:candle, which the key ${given.prefix} does not have.`;
    answers['POST /api/plugins/candle/stop'] = problem(403, 'FORBIDDEN', lacks);
    const { code, stderr } = await bkg(['stop', 'candle', '--url', gateway.url], {
      env: { BKG_API_KEY: given.text },
    });
    expect(code).toBe(1);
    expect(stderr).toContain(`FORBIDDEN (403): ${lacks}`);
    expect(stderr).toContain(
      `asked with was ${given.prefix} of BKG_API_KEY, and \`bkg keys show\` says what that may`,
    );
    expect(stderr).not.toContain(given.secret);
  });
});

describe('bkg keys', () => {
  it('lists them, with what each may and until when', async () => {
    answers['GET /api/keys'] = [
      { ...key, last_used_at: '2026-11-25T09:10:00.000Z' },
      { ...key, name: 'old', broker: true, scopes: ['read'], expires_at: '2026-01-01T00:00:00.000Z' },
      { ...key, name: 'gone', roles: [], scopes: [], revoked_at: '2026-11-26T00:00:00.000Z' },
    ];
    const { code, stdout } = await run('keys');
    expect([code, stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '))]).toEqual([
      0,
      [
        'KEY | NAME | OWNER | MAY | BROKER | LAST USED | STATE',
        `${key.prefix} | ci | ada | role:viewer invoke:candle | - | 2026-11-25 09:10:00 | valid`,
        `${key.prefix} | old | ada | role:viewer read | yes | - | expired 2026-01-01 00:00:00`,
        `${key.prefix} | gone | ada | nothing | - | - | revoked 2026-11-26 00:00:00`,
        '',
      ],
    ]);
    expect((await run('keys', 'list', '--json')).stdout).toBe(
      `${JSON.stringify(answers['GET /api/keys'])}\n`,
    );
    expect(await run('keys', 'destroy')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no "keys destroy"; there are list, show, create') as string,
    });
  });

  it('shows one, or the one that is used', async () => {
    answers[`GET /api/keys/${key.prefix}`] = { ...key, limits: { rate_per_second: 5, burst: 10 } };
    const { stdout } = await run('keys', 'show', key.prefix);
    expect(stdout).toContain('limit       5 invocations a second, 10 at once');
    expect(stdout).toContain(`made        2026-11-24 08:00:00 by ${admin.prefix}`);
    const { prefix } = admin;
    answers['GET /api/session'] = { prefix, name: 'admin', owner: 'bkg', scopes: ['admin'], broker: true };
    const own = await run('keys', 'show');
    expect(own.stdout).toContain(
      `may         admin\n  broker      yes, with the inbox prefix _INBOX.${prefix}\n`,
    );
    expect(own.stdout).toContain('taken from  BKG_API_KEY');
  });

  it('takes no whole key on the command line, and does not repeat it', async () => {
    const { code, stderr } = await run('keys', 'revoke', given.text);
    expect([code, asked]).toEqual([2, []]);
    expect(stderr).toContain(`it takes the public part of a key alone, ${given.prefix}.`);
    expect(stderr).not.toContain(given.secret);
    expect((await run('keys', 'show', 'ada')).stderr).toContain('"ada" is no prefix of a key');
  });

  it('makes one: the secret alone on standard output', async () => {
    const made: NewKey = { key: { ...key, broker: true }, secret: given.text };
    answers['POST /api/keys'] = made;
    const options = ['--owner', 'ada', '--scope', 'invoke:candle', '--scope', 'read', '--role', 'viewer'];
    const before = Date.now();
    const { code, stdout, stderr } = await run(
      ...['keys', 'create', '--name', 'ci', ...options, '--rate', '0.5', '--burst', '3', '--broker'],
      ...['--expires', '90d'],
    );
    expect([code, stdout]).toEqual([0, `${given.text}\n`]);
    expect(stderr).toContain(`bkg: made ${key.prefix} (ci), may role:viewer invoke:candle, valid\n`);
    expect(stderr).toContain(`inbox prefix _INBOX.${key.prefix}`);
    expect(stderr).not.toContain(given.secret);
    const { body } = asked[0] ?? {};
    const { expires_at: until, ...rest } = body as { expires_at: string };
    expect(rest).toEqual({
      name: 'ci',
      owner: 'ada',
      scopes: ['invoke:candle', 'read'],
      roles: ['viewer'],
      broker: true,
      limits: { rate_per_second: 0.5, burst: 3 },
    });
    expect(Date.parse(until) - before).toBeGreaterThanOrEqual(90 * 86_400_000);
    expect(Date.parse(until) - before).toBeLessThan(90 * 86_400_000 + 60_000);
    const json = await run('keys', 'create', '--name', 'ci', '--scope', 'read', '--json');
    expect([JSON.parse(json.stdout), json.stderr]).toEqual([made, '']);
  });

  it.each([
    [['create', '--scope', 'read'], '--name is missing'],
    [['create', '--name', 'a'], '--scope or --role is missing'],
    [['create', '--name', 'a', '--scope', 'fly'], '"fly" is no scope: the verb is one of read, invoke'],
    [
      ['create', '--name', 'a', '--scope', 'read', '--expires', 'soon'],
      '--expires is "soon"; it takes a span',
    ],
    [['create', '--name', 'a', '--scope', 'read', '--expires', '2020-01-01T00:00:00Z'], 'which is over'],
    [['create', '--name', 'a', '--scope', 'read', '--rate', '0'], '--rate is "0"; it takes a number above 0'],
    [['create', '--name', 'a', '--scope', 'read', '--burst', '3'], '--burst goes with --rate'],
    [['update', key.prefix], 'nothing is asked for'],
    [['update', key.prefix, '--broker', '--no-broker'], '--broker and --no-broker are asked for at once'],
    [
      ['update', key.prefix, '--scope', 'read', '--no-scopes'],
      '--scope and --no-scopes are asked for at once',
    ],
    [['update', key.prefix, '--rate', '1', '--no-limits'], '--rate and --no-limits are asked for at once'],
    [['rotate', key.prefix, '--grace', '31d'], '--grace is "31d"; it takes at most 30d'],
  ])('%j asks for nothing: %s', async (words, why) => {
    const { code, stderr } = await run('keys', ...words);
    expect([code, asked]).toEqual([2, []]);
    expect(stderr).toContain(why);
  });

  it('changes what was asked for, of the revision that was seen', async () => {
    answers[`GET /api/keys/${key.prefix}`] = key;
    answers[`PATCH /api/keys/${key.prefix}`] = { ...key, revision: 4 };
    const change = (...words: string[]): Promise<Outcome> => run('keys', 'update', key.prefix, ...words);
    expect((await change('--scope', 'read', '--owner', '', '--expires', 'never')).stdout).toContain(
      'revision    4',
    );
    expect(asked.at(-1)?.body).toEqual({ revision: 3, scopes: ['read'], owner: null, expires_at: null });
    await change('--no-scopes', '--no-roles', '--no-limits', '--no-broker', '--name', 'x');
    expect(asked.at(-1)?.body).toEqual({
      revision: 3,
      name: 'x',
      scopes: [],
      roles: [],
      limits: null,
      broker: false,
    });
    await change('--rate', '10', '--broker');
    expect(asked.at(-1)?.body).toEqual({ revision: 3, broker: true, limits: { rate_per_second: 10 } });
  });

  it('gives a key another secret', async () => {
    answers[`POST /api/keys/${key.prefix}/rotate`] = {
      key: { ...key, old_secret_until: '2026-11-24T09:00:00.000Z' },
      secret: given.text,
    };
    const { stdout, stderr } = await run('keys', 'rotate', key.prefix, '--grace', '90m');
    expect(asked[0]?.body).toEqual({ grace_secs: 5_400 });
    expect(stdout).toBe(`${given.text}\n`);
    expect(stderr).toContain('the old one does until 2026-11-24 09:00:00');
    await run('keys', 'rotate', key.prefix);
    expect(asked[1]?.body).toEqual({});
  });

  it('keeps admin.key up to date when that key is rotated, and no other one', async () => {
    const env = ownMesh();
    const file = path.join(home, 'admin.key');
    chmodSync(file, 0o644);
    const other = createKey();
    const rotated = `bkg_${admin.prefix}_${other.secret}`;
    answers[`POST /api/keys/${admin.prefix}/rotate`] = {
      key: { ...key, prefix: admin.prefix },
      secret: rotated,
    };
    answers[`POST /api/keys/${key.prefix}/rotate`] = { key, secret: given.text };
    await bkg(['keys', 'rotate', key.prefix], { env });
    expect(readFileSync(file, 'utf8')).toBe(`${admin.text}\n`);
    const { stdout, stderr } = await bkg(['keys', 'rotate', admin.prefix], { env });
    expect([stdout, readFileSync(file, 'utf8')]).toEqual([`${rotated}\n`, `${rotated}\n`]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(stderr).toContain(`${file} has the new one`);
  });

  it('shows the new secret also when admin.key cannot be written', async () => {
    // Its own name fits into a path of the system, and that of the file which would replace it does not.
    const long = path.join(home, `${'d'.repeat(200)}/`.repeat(21)).slice(0, 4_070);
    mkdirSync(path.join(long, 'run'), { recursive: true });
    ownMesh();
    for (const file of ['admin.key', 'run/up.json']) cpSync(path.join(home, file), path.join(long, file));
    const rotated = `bkg_${admin.prefix}_${createKey().secret}`;
    answers[`POST /api/keys/${admin.prefix}/rotate`] = {
      key: { ...key, prefix: admin.prefix },
      secret: rotated,
    };
    const env = { BKG_HOME: long };
    const { code, stdout, stderr } = await bkg(['keys', 'rotate', admin.prefix, '--grace', '0s'], { env });
    expect([code, stdout]).toEqual([1, `${rotated}\n`]);
    expect(stderr).toContain('put the key that was just shown into');
    expect(stderr).not.toContain('has the new one');
  });

  it('revokes one', async () => {
    const revoked = { ...key, revoked_at: '2026-11-26T00:00:00.000Z' };
    answers[`DELETE /api/keys/${key.prefix}`] = revoked;
    expect((await run('keys', 'revoke', key.prefix)).stdout).toBe(
      `${key.prefix} (ci), may role:viewer invoke:candle, revoked 2026-11-26 00:00:00\n`,
    );
  });

  it('lists the roles', async () => {
    answers['GET /api/roles'] = [
      { name: 'operator', description: 'Runs it.', scopes: ['read', 'control'], built_in: true },
    ];
    expect((await run('keys', 'roles')).stdout).toMatch(
      /^ROLE .*\noperator {2}read control {2}every mesh {2}Runs it\.\n$/,
    );
  });

  it('prints a link to sign in with, at the address of the dashboard', async () => {
    answers['POST /api/session/tickets'] = { ticket: 'abc', expires_at: '2026-11-24T09:00:00.000Z' };
    const elsewhere = await run('keys', 'sign-in');
    expect(elsewhere.stdout).toBe(`${gateway.url}/sign-in#ticket=abc\n`);
    expect(elsewhere.stderr).toBe('bkg: it works once, until 2026-11-24 09:00:00\n');
    const own = await bkg(['keys', 'sign-in'], { env: ownMesh({ url: 'https://mesh.example' }) });
    expect(own.stdout).toBe('https://mesh.example/sign-in#ticket=abc\n');
    expect(asked.at(-1)?.authorization).toBe(`Bearer ${admin.text}`);
  });
});

describe('bkg audit', () => {
  const list: AuditList = {
    events: [
      {
        seq: 12,
        time: '2026-11-24T08:00:00.000Z',
        who: key.prefix,
        via: 'http',
        from: '10.0.0.7',
        action: 'control.stop',
        target: 'candle',
        result: 'FORBIDDEN',
        detail: 'no \u001b[2J scope',
      },
    ],
    next: 12,
  };

  it('shows the newest events, and how to see older ones', async () => {
    answers['GET /api/audit'] = list;
    const { code, stdout, stderr } = await run('audit');
    expect(code).toBe(0);
    expect(stdout.split('\n')[1]?.replaceAll(/ {2,}/g, ' | ').trim()).toBe(
      `| 12 | 2026-11-24 08:00:00.000 | ${key.prefix} | http | 10.0.0.7 | control.stop | candle | FORBIDDEN | no \\u001b[2J scope`.slice(
        2,
      ),
    );
    expect(stderr).toBe('bkg: there are older ones; `bkg audit --before 12` shows them\n');
  });

  it('asks for those that are wanted', async () => {
    const path = 'GET /api/audit?most=5&before=9&who=%3F&action=key.';
    answers[path] = { events: [] };
    const { stdout } = await run('audit', '-n', '5', '--before', '9', '--who', '?', '--action', 'key.');
    expect([asked[0]?.what, stdout]).toEqual([path, 'There is no such event.\n']);
    expect((await run('audit', '-n', '1001')).stderr).toContain(
      '--lines is "1001"; it takes a whole number from 1',
    );
  });
});
