import type { IncomingMessage, ServerResponse } from 'node:http';
import { userInfo } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configDefaults } from '@bkg/sdk/protocol';
import type { ConfigRevision, PluginInfo, Problem, Rollout } from '@bkg/sdk/protocol';
import { orderedBy } from '../src/order.ts';
import { bkg } from './bkg.ts';
import type { Outcome } from './bkg.ts';
import { listening } from './listening.ts';
import { instance, plugin } from './plugin-info.ts';
import { rollout } from './rollout.ts';

/** The commands that replace instances, told to a gateway that answers what the test wants. */
let gateway: Awaited<ReturnType<typeof listening>>;
/** What was asked of it, `POST` with its body. */
let asked: (string | [string, unknown])[];
/** By method and path. */
let answers: Record<string, unknown>;

const candle: PluginInfo = plugin('candle', { versions: ['1.1.0', '1.0.0'] });
const old = rollout({ started_at: '2026-11-23T08:00:00.000Z' });
const by = userInfo().username;

beforeEach(async () => {
  [asked, answers] = [[], { 'GET /api/plugins/candle': { ...candle, rollout: old } }];
  gateway = await listening((request, response) => void answer(request, response));
});
afterEach(() => gateway[Symbol.asyncDispose]());

/** Answers what the test wants, and notes what was asked. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const what = `${request.method} ${request.url}`;
  const body = Buffer.concat(await request.toArray()).toString();
  asked.push(body ? [what, JSON.parse(body)] : what);
  const given = answers[what] ?? problem(404, 'PLUGIN_NOT_FOUND', `The test has no ${what}.`);
  const isProblem = typeof given === 'object' && 'detail' in given;
  response.writeHead(isProblem ? (given as Problem).status : 200, {
    'content-type': isProblem ? 'application/problem+json' : 'application/json',
  });
  response.end(JSON.stringify(given));
}

const run = (...args: string[]): Promise<Outcome> => bkg([...args, '--url', gateway.url]);

/** The receipt comes with the answer to this order. */
function answered(order: string, receipt?: Rollout, changes: Partial<PluginInfo> = {}): void {
  answers[`POST /api/plugins/candle/${order}`] = { ...candle, rollout: receipt ?? old, ...changes };
}

function problem(status: number, code: string, detail: string, errors?: Problem['errors']): Problem {
  return {
    type: 'about:blank',
    title: code,
    status,
    code,
    detail,
    retryable: false,
    ...(errors && { errors }),
  };
}

const orders = (): unknown[] => asked.filter((one) => Array.isArray(one));

describe('bkg swap', () => {
  it('orders the version in the name of the user, and prints the receipt', async () => {
    answered('swap', rollout());
    const { code, stdout, stderr } = await run('swap', 'candle', '1.1.0', '--why', 'faster');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.replace(/\(\d+\.\d s\)/, '(t)').split('\n')).toEqual([
      '  ✓ candle       1.0.0 → 1.1.0, 2 new instances, 340 invocations answered, 1 failed, 0 lost (t)',
      '      c  1.1.0, ready in 812 ms, self-test in 35 ms, for a, drained in 1.2 s',
      '      d  1.1.0, ready in 790 ms, for b',
      '',
    ]);
    expect(orders()).toEqual([['POST /api/plugins/candle/swap', { version: '1.1.0', why: 'faster', by }]]);
  });

  it('takes no receipt of before for its own', async () => {
    answered('swap', undefined, { status: 'stopped' });
    const { code, stdout } = await run('swap', 'candle', '1.1.0');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^ {2}✓ candle +1\.1\.0, stopped \(.*\)\n$/)]);
  });

  it('does not wait with --no-wait', async () => {
    answered('swap', rollout({ state: 'running', step: 'starting' }));
    const { code, stdout } = await run('swap', 'candle', '1.1.0', '--no-wait', '--force');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}… candle +ordered; `bkg plugins candle` shows how far it is \(.*\)\n$/);
    expect(asked).toEqual([
      ['POST /api/plugins/candle/swap', { version: '1.1.0', force: true, wait: false, by }],
    ]);
  });

  it('ends with 1 when the receipt says that it failed', async () => {
    answered('swap', rollout({ state: 'failed', error: 'its self-test failed' }));
    const { code, stdout } = await run('swap', 'candle', '1.1.0');
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/^ {2}✗ candle +1\.0\.0 → 1\.1\.0, failed: its self-test failed /),
    ]);
  });

  it('without a version says which there are, and which runs', async () => {
    const { code, stdout, stderr } = await run('swap', 'candle');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(
      'bkg: swap: a version is missing; of candle there are\n    1.1.0 (with the next start)\n    1.0.0 (runs)\n\nUsage: bkg swap <plugin> <version> [options]\n',
    );
    answers['GET /api/plugins/candle'] = { ...candle, versions: [], instances: [instance(false)] };
    expect((await run('swap', 'candle')).stderr).toContain(
      'bkg: swap: a version is missing, and no version of candle lies in a folder of plugins\n    1.0.0 (runs, but does not lie here)\n\nUsage',
    );
    expect((await run('swap', 'nobody')).code).toBe(1);
  });

  it('lists what breaks the contract, and says how to do it nevertheless', async () => {
    answers['POST /api/plugins/candle/swap'] = problem(
      409,
      'CONFLICT',
      '1.1.0 breaks the contract of 1.0.0.',
      [
        { path: '/infer/input/text', message: 'is required now (input_required)' },
        { path: '/train', message: 'is gone (capability_gone)' },
      ],
    );
    const lines = [
      'bkg: CONFLICT (409): 1.1.0 breaks the contract of 1.0.0.',
      '    /infer/input/text  is required now (input_required)',
      '    /train  is gone (capability_gone)',
    ];
    expect(await run('swap', 'candle', '1.1.0')).toEqual({
      code: 1,
      stdout: '',
      stderr: [
        ...lines,
        '  To do: mend it, or `bkg swap candle 1.1.0 --force` when no caller relies on it.\n',
      ].join('\n'),
    });
    const forced = await run('swap', 'candle', '1.1.0', '--force');
    expect(forced.stderr).toBe([...lines, '  To do: look at `bkg plugins candle`.\n'].join('\n'));
  });

  it.each([
    ['CONFLICT', 409, 'look at `bkg plugins candle`.'],
    ['PLUGIN_CRASHED', 502, '`bkg logs candle` says why.'],
    ['INVALID_PAYLOAD', 400, 'correct it; `bkg help swap` shows what it takes.'],
    ['DEADLINE_EXCEEDED', 504, '`bkg plugins candle` shows how far it is; it may still be reached.'],
  ])('refused with %s it says what to do', async (code, status, remedy) => {
    answers['POST /api/plugins/candle/swap'] = problem(status, code, 'No.\nlast line of output');
    expect(await run('swap', 'candle', '1.1.0')).toEqual({
      code: 1,
      stdout: '',
      stderr: `bkg: ${code} (${status}): No.\nlast line of output\n  To do: ${remedy}\n`,
    });
  });
});

describe('bkg rollback', () => {
  it('brings back a revision, by default the one before', async () => {
    const config = { id: 'candle', ...configDefaults, revision: 8 };
    answered('rollback', rollout({ verb: 'rollback', from: '1.1.0', to: '1.0.0' }), { config });
    const { code, stdout } = await run('rollback', 'candle', '5', '--force', '--why', 'too slow');
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^ {2}✓ candle +revision 8, 1\.1\.0 → 1\.0\.0, 2 new instances, /),
    ]);
    answered('rollback', undefined, { config });
    expect((await run('rollback', 'candle')).stdout).toMatch(/^ {2}✓ candle +revision 8, running \(/);
    expect(orders()).toEqual([
      ['POST /api/plugins/candle/rollback', { to: 5, force: true, why: 'too slow', by }],
      ['POST /api/plugins/candle/rollback', { by }],
    ]);
  });

  it('names the same revision with --force when the contract breaks', async () => {
    const errors = [{ path: '/infer', message: 'is gone' }];
    answers['POST /api/plugins/candle/rollback'] = problem(409, 'CONFLICT', 'No.', errors);
    expect((await run('rollback', 'candle', '5')).stderr).toContain('`bkg rollback candle 5 --force`');
  });
});

describe('bkg scale', () => {
  it('orders so many instances, and says what has come of it', async () => {
    answered('scale');
    const { code, stdout } = await run('scale', 'candle', '3', '--why', 'a fair');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^ {2}✓ candle +3 instances, running \(/)]);
    expect((await run('scale', 'candle', '1', '--no-wait')).stdout).toMatch(/^ {2}… candle +ordered; /);
    expect(asked).toEqual([
      ['POST /api/plugins/candle/scale', { replicas: 3, why: 'a fair', by }],
      ['POST /api/plugins/candle/scale', { replicas: 1, wait: false, by }],
    ]);
  });
});

describe('bkg start, stop and restart', () => {
  it('a restart prints its receipt, and none of before', async () => {
    answered('restart', rollout({ verb: 'restart', to: '1.0.0' }));
    expect((await run('restart', 'candle')).stdout).toMatch(
      /^ {2}✓ candle +running, 2 new instances, 340 invocations answered, 1 failed, 0 lost \(/,
    );
    answered('restart');
    expect((await run('restart', 'candle')).stdout).toMatch(/^ {2}✓ candle +running \(/);
  });

  it('are in the name of the user', async () => {
    for (const verb of ['start', 'stop', 'restart']) answered(verb);
    await run('start', 'candle');
    await run('stop', 'candle', '--no-wait');
    await run('restart', 'candle', '--no-wait');
    expect(asked).toEqual([
      ['POST /api/plugins/candle/start', { by }],
      ['POST /api/plugins/candle/stop', { wait: false, by }],
      ['POST /api/plugins/candle/restart', { wait: false, by }],
    ]);
  });

  it('name nobody where the system has no name for the user', () => {
    const nameless = (): string => {
      throw new Error('uv_os_get_passwd returned ENOENT');
    };
    expect([orderedBy(nameless), orderedBy(() => ''), orderedBy(() => 'a'.repeat(300))?.length]).toEqual([
      undefined,
      undefined,
      100,
    ]);
  });
});

describe('bkg config', () => {
  const revision = (n: number, changes: Partial<ConfigRevision> = {}): ConfigRevision => ({
    revision: n,
    version: '1.0.0',
    by: 'ada',
    at: `2026-11-24T08:00:0${n}.000Z`,
    why: '',
    config: { id: 'candle', ...configDefaults, replicas: n, revision: n },
    ...changes,
  });
  const history = '/api/plugins/candle/config/history';

  it('--set names the user, and with --no-wait does not wait', async () => {
    const { config } = candle;
    answers['GET /api/plugins/candle/config'] = config;
    answers['POST /api/plugins/candle/config'] = config;
    const { code } = await run('config', 'candle', '--set', 'replicas=2', '--no-wait');
    expect(code).toBe(0);
    expect(orders()).toEqual([
      ['POST /api/plugins/candle/config', { revision: config.revision, replicas: 2, wait: false, by }],
    ]);
  });

  it('history lists what was written, the newest first, and says when there is more', async () => {
    const revisions = [
      revision(3, { restores: 1, why: 'too slow' }),
      revision(2, { version: '1.1.0', by: 'dashboard', why: 'faster\u001b[2J' }),
      revision(1, { version: undefined, by: '', at: '' }),
    ];
    answers[`GET ${history}?before=4`] = { revisions, truncated: true };
    const { code, stdout, stderr } = await run('config', 'history', 'candle', '--before', '4');
    expect([code, stdout.split('\n')]).toEqual([
      0,
      [
        'REVISION  VERSION  WHEN                 WHO        WHY',
        '       3  1.0.0    2026-11-24 08:00:03  ada        that of revision 1 again: too slow',
        '       2  1.1.0    2026-11-24 08:00:02  dashboard  faster\\u001b[2J',
        '       1  -        -                    -',
        '',
      ],
    ]);
    expect(stderr).toBe(
      'bkg: older ones are left out, because one answer cannot hold them; `bkg config history candle --before 1` shows them\n',
    );
    const json = await run('config', 'history', 'candle', '--before', '4', '--json');
    expect([JSON.parse(json.stdout), json.stderr]).toEqual([
      JSON.parse(JSON.stringify(answers[`GET ${history}?before=4`])),
      '',
    ]);
  });

  it('history says that nothing is kept, and that there is no such plugin', async () => {
    answers[`GET ${history}`] = { revisions: [] };
    expect((await run('config', 'history', 'candle')).stdout).toBe('No revision is kept.\n');
    const { code, stderr } = await run('config', 'history', 'nobody');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^bkg: PLUGIN_NOT_FOUND \(404\): /)]);
  });

  it('diff shows what differs between two revisions, or one and the one in force', async () => {
    answers[`GET ${history}`] = { revisions: [revision(3, { version: '1.1.0' }), revision(1)] };
    answers[`GET ${history}?before=2`] = { revisions: [revision(1)] };
    answers[`GET ${history}?before=3`] = { revisions: [revision(1)] };
    expect(await run('config', 'diff', 'candle', '1')).toEqual({
      code: 0,
      stdout: 'version: "1.0.0" → "1.1.0"\nreplicas: 1 → 3\n',
      stderr: '',
    });
    expect((await run('config', 'diff', 'candle', '1', '1')).stdout).toBe(
      'Revisions 1 and 1 do not differ.\n',
    );
    expect(await run('config', 'diff', 'candle', '1', '2')).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'bkg: Of the configuration of candle no revision 2 is kept.\n  To do: `bkg config history candle` lists those that are.\n',
    });
  });

  it('shows a plugin that is called history after --', async () => {
    answers['GET /api/plugins/history/config'] = { id: 'history' };
    const { code, stdout } = await bkg(['config', '--', 'history'], {
      env: { BKG_PORT: new URL(gateway.url).port },
    });
    expect([code, stdout]).toEqual([0, '{"id":"history"}\n']);
  });
});
