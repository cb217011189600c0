import { expect, it } from 'vitest';
import { bkg } from './bkg.ts';

it('helps whoever asks', async () => {
  const { code, stdout } = await bkg(['help']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Usage: bkg <command>\n[^]*BKG_HOME/);
});

it('tells its version', async () => {
  expect(await bkg(['--version'])).toEqual({ code: 0, stdout: 'bkg 0.2.0\n', stderr: '' });
});

it.each([
  ['help', 'logs'],
  ['logs', '--help'],
  ['logs', 'candle', '-h'],
])('explains one command: %s %s', async (...args) => {
  const { code, stdout } = await bkg(args);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Usage: bkg logs \[<plugin>…\] \[options\]\n/);
  for (const option of [
    '--follow',
    '--lines <n>',
    '--level <level>',
    '--since <time>',
    '--json',
    '--url <address>',
  ])
    expect(stdout).toContain(option);
});

it('has help for each command of its list, which fits 100 columns', async () => {
  const { stdout } = await bkg(['help']);
  const names = [...stdout.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2}/gm)].map(([, name]) => name ?? '');
  expect(names).toEqual(
    expect.arrayContaining([
      'up',
      'plugins',
      'start',
      'stop',
      'swap',
      'scale',
      'rollback',
      'invoke',
      'logs',
      'config',
      'config history',
      'config diff',
      'new',
      'conformance',
    ]),
  );
  const commands = names.filter((name) => !['help', 'version'].includes(name));
  const pages = await Promise.all(commands.map((name) => bkg(['help', ...name.split(' ')])));
  for (const [i, page] of pages.entries()) {
    expect(page).toMatchObject({ code: 0, stderr: '' });
    expect(page.stdout).toMatch(new RegExp(`^Usage: bkg ${commands[i]}\\b`));
    for (const line of page.stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);
  }
});

it.each([
  [['fly'], 'there is no command "fly"', 'Usage: bkg <command>'],
  [[], 'a command is missing', 'Usage: bkg <command>'],
  [['constructor'], 'there is no command "constructor"', 'Usage: bkg <command>'],
  [['help', 'fly'], 'there is no command "fly"', 'Usage: bkg <command>'],
  [['up', '--now'], 'up: there is no option --now; it takes none', 'Usage: bkg up'],
  [['up', 'now'], 'up: it takes no words, but was given "now"', 'Usage: bkg up'],
  [
    ['plugins', '--jsn'],
    'plugins: there is no option --jsn; it takes --url, --json, --watch',
    'Usage: bkg plugins',
  ],
  [['plugins', 'a', 'b'], 'plugins: "b" is one word too many', 'Usage: bkg plugins'],
  [['plugins', '--json', '--watch'], 'plugins: --watch is for people', 'Usage: bkg plugins'],
  [['plugins', '--url'], "plugins: Option '--url <value>' argument missing", 'Usage: bkg plugins'],
  [['plugins', '--url', 'http://'], 'plugins: --url is "http://"; it takes an address', 'Usage: bkg plugins'],
  [['start'], 'start: something is missing', 'Usage: bkg start <plugin>…'],
  [
    ['invoke', 'candle'],
    'invoke: something is missing after "candle"',
    'Usage: bkg invoke <plugin> <capability>',
  ],
  [
    ['invoke', 'a', 'b', '{', '--timeout', '5'],
    'invoke: --timeout is "5"; it takes a span such as 500ms, 10s',
    'Usage: bkg invoke',
  ],
  [
    ['invoke', 'a', 'b', '{', '--timeout', '999h'],
    'invoke: --timeout is "999h"; it takes at least 1ms and at most 277h\n',
    'Usage: bkg invoke',
  ],
  [
    ['plugins', '--url', 'ftp://here'],
    'plugins: --url is "ftp://here"; it takes http:// or https://, not ftp://, such as http://localhost:43119',
    'Usage: bkg plugins',
  ],
  [['invoke', 'a', 'b', '{'], 'invoke: the payload is not JSON', 'Usage: bkg invoke'],
  [['invoke', 'a', 'b', '{}', '--file', 'x'], 'invoke: the payload is given twice', 'Usage: bkg invoke'],
  [
    ['invoke', 'a', 'b', '--file', '/nowhere'],
    'invoke: the file /nowhere cannot be read: ENOENT',
    'Usage: bkg invoke',
  ],
  [
    ['invoke', 'a', 'b', '--file', '/nowhere.png'],
    'invoke: the file /nowhere.png cannot be read: ENOENT',
    'Usage: bkg invoke',
  ],
  [
    ['invoke', 'a', 'b', '--file', '/', '--content-type', 'image/png'],
    'invoke: the file / cannot be read: it is a folder',
    'Usage: bkg invoke',
  ],
  [
    ['invoke', 'a', 'b', '-', '--content-type', 'image/*'],
    'invoke: --content-type is "image/*"; it takes one such as image/png',
    'Usage: bkg invoke',
  ],
  [['invoke', 'a', 'b', '-'], 'invoke: standard input is not JSON', 'Usage: bkg invoke'],
  [
    ['logs', '--lines', '0'],
    'logs: --lines is "0"; it takes a whole number from 1 to 10000',
    'Usage: bkg logs',
  ],
  [['logs', '--level', 'loud'], 'logs: --level is "loud"; it takes one of trace, debug', 'Usage: bkg logs'],
  [['logs', '--since', 'noon'], 'logs: --since is "noon"; it takes a span such as 90s', 'Usage: bkg logs'],
  [['new', 'Bad Name'], 'new: "Bad Name" is no plugin id: it takes 1 to 63 characters', 'Usage: bkg new'],
  [['new', 'bkg-x'], 'new: "bkg-x" is reserved', 'Usage: bkg new'],
  [
    ['new', 'x', '--template', 'rust'],
    'new: there is no template "rust"; there are typescript, nest, python',
    'Usage: bkg new',
  ],
  [
    ['conformance', 'a', '--level', 'high'],
    'conformance: --level is "high"; it takes one of service, timed',
    'Usage: bkg conformance',
  ],
  [
    ['conformance', 'a', '--sample', 'say'],
    'conformance: --sample is "say"; it takes <capability>=<json>',
    'Usage: bkg conformance',
  ],
  [
    ['conformance', 'a', '--upload', 'say'],
    'conformance: --upload is "say"; it takes <capability>=<file>',
    'Usage: bkg conformance',
  ],
  [
    ['conformance', 'a', '--upload', 'say=/nowhere/at.all;type=text/plain'],
    'conformance: --upload names /nowhere/at.all, which cannot be read',
    'Usage: bkg conformance',
  ],
  [['config', 'a', '--no-wait'], 'config: --no-wait goes with --set', 'Usage: bkg config'],
  [['config', 'history'], 'config history: something is missing', 'Usage: bkg config history'],
  [
    ['config', 'history', 'a', '--before', '0'],
    'config history: --before is "0"; it takes the number of a revision, such as 3',
    'Usage: bkg config history',
  ],
  [['config', 'diff', 'a'], 'config diff: something is missing after "a"', 'Usage: bkg config diff'],
  [
    ['config', 'diff', 'a', '1', 'two'],
    'config diff: the revision is "two"; it takes the number of a revision',
    'Usage: bkg config diff',
  ],
  [
    ['scale', 'a', '-1'],
    'scale: there is no option -1; it takes --url, --why, --no-wait',
    'Usage: bkg scale',
  ],
  [['scale', 'a', 'two'], 'scale: the count is "two"; it takes a whole number', 'Usage: bkg scale'],
  [['scale', 'a', '1.5'], 'scale: the count is "1.5"; it takes a whole number', 'Usage: bkg scale'],
  [['rollback', 'a', 'last'], 'rollback: the revision is "last"; it takes the number', 'Usage: bkg rollback'],
  [['config', 'a', '--why', 'x'], 'config: --why goes with --set', 'Usage: bkg config'],
  [
    ['config', 'a', '--set', 'a=1', '--set', 'a.b=1'],
    'config: --set is given twice for the same member: a.b',
    'Usage: bkg config',
  ],
])('answers %j with what is wrong, the usage and code 2', async (args, why, usage) => {
  const { code, stdout, stderr } = await bkg(args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(`bkg: ${why}`);
  expect(stderr).toContain(`\n\n${usage}`);
});

it('takes a port that is none for what it is', async () => {
  const { code, stderr } = await bkg(['plugins'], { env: { BKG_PORT: 'many' } });
  expect(code).toBe(2);
  expect(stderr).toContain('BKG_PORT is "many"; it takes a whole number from 0 to 65535');
});
