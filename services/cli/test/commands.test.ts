import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, readCredentials } from '@bkg/sdk';
import type { PluginConfig, PluginInfo } from '@bkg/sdk';
import { processStart } from '@bkg/sdk/host';
import { eventually, silentLogger } from '@bkg/sdk/testing';
import { bkg, startBkg } from './bkg.ts';
import type { BkgOptions, Outcome } from './bkg.ts';
import { listening } from './listening.ts';
import { testHome } from './test-home.ts';
import type { TestHome } from './test-home.ts';

/** Every command as a user types it, told to a real mesh with a plugin that talks. */
let home: TestHome;
const program = path.join(import.meta.dirname, '../dist/main.js');

beforeAll(async () => {
  home = await testHome();
  await home.runningMesh({ BKG_PLUGINS_PATH: path.join(import.meta.dirname, 'fixtures/plugins') });
  expect(await run(['start', 'talker'])).toMatchObject({ code: 0 });
}, 60_000);
afterAll(() => home[Symbol.asyncDispose]());

/** The home alone is enough to find the mesh. */
function run(args: readonly string[], options: BkgOptions = {}): Promise<Outcome> {
  return bkg(args, { ...options, env: { BKG_HOME: home.dir, ...options.env } });
}

const lastLines = async (lines = 20): Promise<string> =>
  (await run(['logs', 'talker', '-n', String(lines)])).stdout;

describe('without a mesh', () => {
  it.each([[['plugins']], [['stop', 'a']], [['invoke', 'a', 'b']], [['logs', 'a']], [['logs', '-f']]])(
    '%j says what to do',
    async (args) => {
      const elsewhere = await testHome();
      const { code, stdout, stderr } = await bkg(args, {
        env: { BKG_PORT: String(elsewhere.port), BKG_HOME: elsewhere.dir },
      });
      await elsewhere[Symbol.asyncDispose]();
      expect([code, stdout.replace(/^ .*\n/gm, '')]).toEqual([1, '']);
      expect(stderr).toBe(
        `bkg: No mesh runs at http://127.0.0.1:${elsewhere.port}.\n  To do: start one with \`npm start\` in the folder of bkg, or say where it is with --url, or with BKG_HOST and BKG_PORT.\n`,
      );
    },
  );

  it('says that one is up whose gateway does not answer, after it was waited for', async () => {
    await using elsewhere = await testHome();
    mkdirSync(elsewhere.file('run'));
    const { pid } = process;
    const record = { pid, start: processStart(pid), state: 'up', port: elsewhere.port, parts: {} };
    writeFileSync(elsewhere.file('run', 'up.json'), JSON.stringify(record));
    const startedAt = performance.now();
    const { code, stderr } = await bkg(['plugins'], { env: { BKG_HOME: elsewhere.dir } });
    expect(performance.now() - startedAt).toBeLessThan(8_000);
    expect([code, stderr.split('\n')]).toEqual([
      1,
      [
        `bkg: the mesh of ${elsewhere.dir} is up, its gateway does not answer yet; waiting for it`,
        `bkg: The mesh of ${elsewhere.dir} is up (process ${pid}), but its gateway does not answer at http://127.0.0.1:${elsewhere.port}.`,
        `  To do: try again in a moment: \`bkg up\` starts its gateway again when that ends. ${elsewhere.file('logs', 'gateway.log')} says what became of it.`,
        '',
      ],
    ]);
  });

  it('tells another program from a gateway', async () => {
    await using server = await listening((_, response) => response.end('<p>Hello</p>'));
    const { code, stderr } = await bkg(['plugins', '--url', server.url]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `bkg: ${server.url} is no gateway of bkg: its answer to /api/plugins is not JSON.\n  To do: name the right address with --url, or with BKG_HOST and BKG_PORT.\n`,
    );
  });

  it('sends BKG_API_KEY as a bearer token, below the path of the address', async () => {
    const seen: unknown[] = [];
    await using server = await listening((request, response) => {
      seen.push([request.url, request.headers.authorization]);
      response.end('[]');
    });
    const { code } = await bkg(['plugins', '--url', `${server.url}/mesh/`], {
      env: { BKG_API_KEY: 'secret' },
    });
    expect([code, seen]).toEqual([0, [['/mesh/api/plugins', 'Bearer secret']]]);
  });
});

describe('bkg plugins', () => {
  it('lists them, and finds the mesh by its home, its port or its address', async () => {
    const { stdout } = await run(['plugins']);
    expect(stdout).toMatch(
      /^PLUGIN +STATUS +VERSION +INST [^]*\ncandle +stopped [^]*\ntalker +running +1\.0\.0 +1 /,
    );
    const url = `localhost:${home.port}`;
    for (const other of [
      await bkg(['plugins'], { env: { BKG_PORT: String(home.port) } }),
      await bkg(['plugins', '--url', url]),
    ]) {
      expect(other).toMatchObject({ code: 0, stderr: '' });
      expect(other.stdout).toMatch(/^talker +running /m);
    }
  });

  it('gives what the gateway says to programs', async () => {
    const { stdout } = await run(['plugins', '--json']);
    const plugins = JSON.parse(stdout) as PluginInfo[];
    expect(plugins.map(({ id, status }) => [id, status])).toEqual([
      ['apikeys', 'running'],
      ['candle', 'stopped'],
      ['talker', 'running'],
    ]);
    const one = JSON.parse((await run(['plugins', 'talker', '--json'])).stdout) as PluginInfo;
    expect(one.capabilities.map(({ id }) => id).sort()).toEqual(['refuse', 'say', 'tick', 'wait']);
  });

  it('shows one, with what it can do and how to call it', async () => {
    const { stdout } = await run(['plugins', 'talker']);
    expect(stdout).toMatch(
      /^talker {2}1\.0\.0 {2}running\n {2}Talker\n {2}Says what it is told, in its log\.\n/,
    );
    expect(stdout).toMatch(/\ninstances\n {2}\S+ {2}running {2}1\.0\.0 {2}managed {2}process \d+ on /);
    expect(stdout).toContain(
      '    takes  {text: string, level?: "info" | "warn" | "error"}\n    gives  {said: string}\n',
    );
    expect(stdout).toContain('    fails  TALKER_REFUSES (422): It does not want to.\n');
    expect(stdout).toContain(`    bkg invoke talker say '{"text":"hello"}'\n`);
  });

  it('says that there is none of this name', async () => {
    expect(await run(['plugins', 'nobody'])).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'bkg: PLUGIN_NOT_FOUND (404): There is no plugin "nobody".\n  To do: `bkg plugins` lists those that there are.\n',
    });
  });

  it('goes on showing them until it is stopped', async () => {
    const { child, printed, ended } = startBkg(['plugins', '--watch'], { env: { BKG_HOME: home.dir } });
    await eventually(() => printed.stdout.split('talker').length > 2);
    child.kill('SIGINT');
    await ended;
    expect(child.signalCode).toBe('SIGINT');
  });
});

describe('while the gateway is started again', () => {
  it('a command waits for it, and says so', async () => {
    process.kill(home.pid('gateway'), 'SIGKILL');
    const { code, stdout, stderr } = await run(['plugins']);
    expect([code, stderr]).toEqual([
      0,
      `bkg: the mesh of ${home.dir} is up, its gateway does not answer yet; waiting for it\n`,
    ]);
    expect(stdout).toMatch(/^talker /m);
  });
});

describe('bkg start, stop and restart', () => {
  it('say how it went, for each of several', async () => {
    const first = await run(['restart', 'talker', 'nobody']);
    expect(first.code).toBe(1);
    expect(first.stdout).toMatch(/^ {2}✓ talker +running[ ,]/);
    expect(first.stderr).toContain('PLUGIN_NOT_FOUND (404): There is no plugin "nobody".');
    const stopped = await run(['stop', 'talker']);
    expect(stopped.stdout).toMatch(/✓ talker +stopped/);
    expect((await run(['start', 'talker', '--no-wait'])).code).toBe(0);
    await eventually(async () => /^talker +running/m.test((await run(['plugins'])).stdout));
  });
});

describe('bkg invoke', () => {
  it('takes the payload as a word, from a file or from standard input, and prints the output and nothing else', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'bkg-cli-'));
    writeFileSync(path.join(folder, 'payload.json'), '{"text": "from a file"}\n');
    const said = (text: string): Outcome => ({ code: 0, stdout: JSON.stringify({ said: text }), stderr: '' });
    expect(await run(['invoke', 'talker', 'say', '{"text": "a word"}'])).toEqual(said('a word'));
    expect(await run(['invoke', 'talker', 'say', '-f', 'payload.json'], { cwd: folder })).toEqual(
      said('from a file'),
    );
    for (const input of [['-'], ['--file', '-']])
      expect(await run(['invoke', 'talker', 'say', ...input], { input: '{"text": "ä 漢 😀"}' })).toEqual(
        said('ä 漢 😀'),
      );
    rmSync(folder, { recursive: true });
  });

  it('changes no byte of the payload and of the output', async () => {
    const connection = await connect({
      servers: [`nats://127.0.0.1:${home.busPort}`],
      credentials: readCredentials(home.file('run', 'credentials.json')),
      name: 'test',
      identity: ['test'],
      log: silentLogger,
      signal: AbortSignal.timeout(10_000),
    });
    connection.nats.subscribe('plugin.bytes.invoke.echo', {
      callback: (error, msg) => {
        if (!error) msg.respond(msg.data);
      },
    });
    await connection.nats.flush();
    const payload = ' { "n" : 12345678901234567890.10 , "n" : 1E+2 ,\t"u" : "\\u0041" }\r\n';
    expect(await run(['invoke', 'bytes', 'echo', '-', '--raw'], { input: payload })).toEqual({
      code: 0,
      stdout: payload,
      stderr: '',
    });
    await connection.close();
  });

  it.each([
    [
      3,
      ['talker', 'say', '{"text": 5}'],
      /^bkg: INVALID_PAYLOAD \(400\): [^\n]+\n {4}\/text {2}must be string\n {2}To do: correct it; `bkg plugins talker` shows/,
    ],
    [
      3,
      ['talker', 'refuse'],
      /^bkg: TALKER_REFUSES \(422\): No\.\nNot today\.\n {4}\/when {2}is today\n {2}To do: try again in a moment; `bkg plugins talker`/,
    ],
    [3, ['talker', 'wait', '{"ms": 60000}', '--timeout', '100ms'], /^bkg: DEADLINE_EXCEEDED \(504\): /],
    [
      1,
      ['talker', 'sing'],
      /^bkg: CAPABILITY_NOT_FOUND \(404\): [^\n]+\n {2}To do: `bkg plugins talker` shows/,
    ],
    [1, ['nobody', 'sing'], /^bkg: PLUGIN_NOT_FOUND \(404\): /],
    [
      1,
      ['candle', 'model.infer'],
      /^bkg: PLUGIN_UNAVAILABLE \(503\): [^\n]+\n {2}To do: start it with `bkg start candle`/,
    ],
  ])('ends with %i for %j, and says why', async (code, args, stderr) => {
    const outcome = await run(['invoke', ...args]);
    expect(outcome).toMatchObject({ code, stdout: '' });
    expect(outcome.stderr).toMatch(stderr);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('cancels what runs when %s ends it, with code %i', async (signal, code) => {
    const started = startBkg(['invoke', 'talker', 'wait', '{"ms": 60000}'], { env: { BKG_HOME: home.dir } });
    await eventually(async () => (await lastLines(1)).includes('waiting'));
    started.child.kill(signal);
    expect(await started.ended).toEqual({ code, stdout: '', stderr: '' });
    await eventually(async () => (await lastLines(1)).includes('cancelled'));
  });

  it('ends at once while it waits for standard input', async () => {
    const env = { BKG_HOME: home.dir };
    const { child, ended } = startBkg(['invoke', 'talker', 'say', '-'], { env, input: null });
    // More than a pipe holds: when that is gone it reads.
    await new Promise((resolve) => child.stdin?.write(`"${'x'.repeat(4 * 1024 * 1024)}`, resolve));
    child.kill('SIGINT');
    expect(await ended).toEqual({ code: 130, stdout: '', stderr: '' });
  });
});

describe('bkg logs', () => {
  it('prints what was kept: so many lines, from a level, of some or of all plugins', async () => {
    await run(['invoke', 'talker', 'say', '{"text": "first"}']);
    await run(['invoke', 'talker', 'say', '{"text": "second", "level": "warn"}']);
    await run(['invoke', 'talker', 'say', '{"text": "third", "level": "error"}']);
    await eventually(async () => (await lastLines(3)).includes('third'));
    expect(await lastLines(3)).toMatch(
      /^\S+ INFO {2}first capability=say [^\n]*\n\S+ WARN {2}second [^\n]*\n\S+ ERROR third [^\n]*\n$/,
    );
    const grave = await run(['logs', '--level', 'error', '-n', '1']);
    expect(grave.stdout).toMatch(/^\S+ ERROR talker \| third /);
    const { stdout } = await run(['logs', 'talker', '--json', '-n', '2', '--since', '15m']);
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records.map(({ message, level }) => [message, level])).toEqual([
      ['second', 'warn'],
      ['third', 'error'],
    ]);
  });

  it('says that a plugin is not there', async () => {
    for (const follow of [[], ['-f']]) {
      const { code, stderr } = await run(['logs', 'nobody', ...follow]);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/^bkg: PLUGIN_NOT_FOUND \(404\)/)]);
    }
  });

  it('ends without a word when nobody reads any more', async () => {
    const shell = (line: string) =>
      spawnSync('bash', ['-c', `set -o pipefail; ${line}`, 'bash', process.execPath, program], {
        encoding: 'utf8',
        env: { ...process.env, BKG_HOME: home.dir },
        timeout: 15_000,
      });
    await run(['invoke', 'talker', 'tick', '{"every_ms": 5}']);
    const followed = shell('"$@" logs -f | head -n 2');
    await run(['invoke', 'talker', 'tick', '{"every_ms": 0}']);
    expect([followed.status, followed.stderr, followed.stdout.trim().split('\n').length]).toEqual([0, '', 2]);
  });
});

describe('bkg config', () => {
  const read = async (): Promise<PluginConfig> =>
    JSON.parse((await run(['config', 'talker'])).stdout) as PluginConfig;

  it('shows it, and changes members of it', async () => {
    const before = await read();
    expect(before).toMatchObject({ id: 'talker', limits: { max_concurrency: 64 } });
    const changes = [
      'limits.max_concurrency=8',
      'env.PORT=80',
      'env.NAME=Ada L.',
      'resources.timeout_secs=12.5',
      'resources.max_memory_mb=900',
    ];
    const changed = await run([
      'config',
      'talker',
      ...changes.flatMap((one) => ['--set', one]),
      '--why',
      'a test',
    ]);
    expect(changed).toMatchObject({ code: 0, stderr: '' });
    const after = JSON.parse(changed.stdout) as PluginConfig;
    expect(after).toMatchObject({
      limits: { max_concurrency: 8, max_queue: before.limits.max_queue },
      env: { PORT: '80', NAME: 'Ada L.' },
      resources: { timeout_secs: 12.5, max_memory_mb: 900, max_processes: before.resources.max_processes },
      revision: before.revision + 1,
    });
    await run(['config', 'talker', '--set', 'env.PORT=null']);
    expect((await read()).env).toEqual({ NAME: 'Ada L.' });
  });

  it('takes a secret from standard input, and says so to who gives it on the command line', async () => {
    const set = (value: string) => ['config', 'talker', '--set', value];
    const given = await run(set('env.API_TOKEN=-'), { input: 'tok en\n' });
    expect(given).toMatchObject({ code: 0, stderr: '' });
    expect((await read()).env).toMatchObject({ API_TOKEN: '********' });
    expect((await run(set('env.API_TOKEN=-'))).stderr).toContain('standard input is empty');
    const seen = await run(set('env.API_TOKEN=tok'));
    expect([seen.code, seen.stderr]).toEqual([
      0,
      expect.stringContaining('--set env.API_TOKEN=- takes it from standard input') as string,
    ]);
    const twice = await run([...set('env.A_KEY=-'), '--set', 'env.B_KEY=-']);
    expect([twice.code, twice.stderr]).toEqual([2, expect.stringContaining('one value') as string]);
    await run(set('env.API_TOKEN=null'));
  });

  it('says what is wrong with a change, and where', async () => {
    const wrong = await run([
      'config',
      'talker',
      ...['limits.max_queue=many', 'colour=red', 'resources.max_memory_mb=512MB', 'sandbox=yes'].flatMap(
        (one) => ['--set', one],
      ),
    ]);
    expect([wrong.code, wrong.stdout]).toEqual([1, '']);
    expect(wrong.stderr).toMatch(
      /^bkg: INVALID_PAYLOAD \(400\): [^]*\n {4}\/limits\/max_queue {2}[^]*\n {2}To do: correct it; `bkg config talker` shows what is set/,
    );
    expect(wrong.stderr).toMatch(
      /\n {4}resources\.max_memory_mb takes a whole number from 16 to 16777216\. MiB /,
    );
    expect(wrong.stderr).toMatch(/\n {4}sandbox takes one of off, on, strict\. /);
    expect(wrong.stderr).toMatch(/\n {4}a configuration has enabled, autostart, /);
    for (const [set, why] of [
      ['limits', 'it takes a member and a value, such as limits.max_queue=100'],
      ['=5', 'it takes a member and a value'],
    ] as const) {
      const { code, stderr } = await run(['config', 'talker', '--set', set]);
      expect([code, stderr]).toEqual([2, expect.stringContaining(why)]);
    }
  });
});

describe('bkg conformance', () => {
  it('prints case by case what is kept, and ends with 1 when something could not be tried', async () => {
    const { code, stdout, stderr } = await run(['conformance', 'talker']);
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(/^ {2}✓ each instance answers PING /);
    expect(stdout).toMatch(/ {2}· a valid payload [^\n]*\n {6}not tried: no payload is known to be valid/);
    expect(stdout).toMatch(
      /\ntalker is not shown to keep to the protocol up to the level "service": \d+ kept, 0 broken, \d+ not tried; /,
    );
  }, 60_000);

  it('takes payloads, and tells programs', async () => {
    const args = [
      '--sample',
      'say={"text": "hello"}',
      '--slow',
      'wait={"ms": 4000}',
      '--level',
      'timed',
      '--json',
    ];
    const { code, stdout, stderr } = await run(['conformance', 'talker', ...args]);
    expect([code, stderr], stdout).toEqual([0, '']);
    const result = JSON.parse(stdout) as { cases: { verdict: string; level: string }[] };
    expect(result).toMatchObject({ plugin: 'talker', level: 'timed', reached: 'timed' });
    expect(new Set(result.cases.map(({ verdict, level }) => `${level} ${verdict}`))).toEqual(
      new Set(['service kept', 'timed kept']),
    );
  }, 120_000);

  it('says what to do when there is no such plugin, and no broker', async () => {
    const nobody = await run(['conformance', 'nobody']);
    expect([nobody.code, nobody.stderr]).toEqual([
      1,
      expect.stringMatching(/^bkg: Nobody answers [^]*\n {2}To do: start the plugin first/),
    ]);
    const elsewhere = await testHome();
    const none = await bkg(['conformance', 'talker'], { env: { BKG_HOME: elsewhere.dir } });
    await elsewhere[Symbol.asyncDispose]();
    expect([none.code, none.stderr]).toEqual([
      1,
      expect.stringMatching(
        /credentials\.json cannot be read [^]*\n {2}To do: start a mesh with `npm start`/,
      ),
    ]);
  });

  it('takes a broker that is named instead of a home', async () => {
    const file = home.file('run', 'credentials.json');
    const env = {
      BKG_HOME: '/nowhere',
      BKG_NATS_URL: `nats://127.0.0.1:${home.busPort}`,
      BKG_CREDENTIALS_FILE: file,
    };
    const { stdout } = await bkg(['conformance', 'talker'], { env });
    expect(stdout).toMatch(/^ {2}✓ each instance answers PING /);
  }, 60_000);
});

/** `script` gives a program a terminal. */
const hasScript = spawnSync('script', ['--version']).status === 0;

describe.skipIf(!hasScript)('on a terminal', () => {
  const onTerminal = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    run([[process.execPath, program, ...args].map((word) => `'${word}'`).join(' '), '/dev/null'], {
      command: ['script', '-qec'],
      env: { TERM: 'xterm-256color', ...env },
    });

  it('there are colours, unless NO_COLOR is set', async () => {
    const { stdout } = await onTerminal(['plugins']);
    expect(stdout).toContain('\u001b[32mrunning');
    const plain = await onTerminal(['plugins'], { NO_COLOR: '1' });
    expect(plain.stdout).toContain('running');
    expect(plain.stdout).not.toContain('\u001b[');
  });

  it('an output is laid out, and with --raw as it is', async () => {
    const invoke = ['invoke', 'talker', 'say', '{"text": "hello"}'];
    expect((await onTerminal(invoke)).stdout).toBe('{\r\n  "said": "hello"\r\n}\r\n');
    expect((await onTerminal([...invoke, '--raw'])).stdout).toBe('{"said":"hello"}');
  });
});
