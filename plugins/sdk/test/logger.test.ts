import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { createLogger } from '../src/logger.ts';

const logger = path.join(import.meta.dirname, '../dist/logger.js');

it.skipIf(!existsSync('/dev/full'))(
  'a disk that is full ends the log and not the work that is logged',
  () => {
    const work = `
    import { createLogger } from ${JSON.stringify(logger)};
    const log = createLogger({});
    for (let i = 0; i < 20_000; i += 1) log.info({ i }, 'a line that no disk takes');
    if (process.memoryUsage().rss > 300e6) process.exit(1);
    process.exit(7);`;
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', work], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect({ status, stderr }).toEqual({ status: 7, stderr: '' });
  },
);

it('a line that is larger than an event may be is written, and fails nobody', () => {
  const logOutput = path.join(import.meta.dirname, '../dist/log-output.js');
  const work = `
    import { createLogger } from ${JSON.stringify(logger)};
    import { LogOutput } from ${JSON.stringify(logOutput)};
    const maxPayloadBytes = 512 * 1024;
    const output = new LogOutput();
    const publish = (_, text) => {
      if (text.length > maxPayloadBytes) throw new Error('PAYLOAD_TOO_LARGE');
      process.stderr.write(text.length + ' ');
    };
    output.publishTo({ maxPayloadBytes, publish }, 'log');
    const log = createLogger({}, { destination: output });
    for (const length of [0, 200_000, 600_000]) log.info('x'.repeat(length));`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', work], {
    encoding: 'utf8',
    maxBuffer: 8 * 1024 * 1024,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringMatching(/^\d{2,3} $/) });
  expect(stdout.trim().split('\n')).toHaveLength(3);
});

/** What is written, by a logger that has a field of its own. */
function written(work: (log: ReturnType<typeof createLogger>) => void): Record<string, unknown> {
  let line = '';
  work(createLogger({ service: 'test' }, { destination: { write: (text) => void (line += text) } }));
  expect(line.endsWith('\n')).toBe(true);
  return JSON.parse(line) as Record<string, unknown>;
}

it('members that are called like a secret are not written, however deep they are', () => {
  const secret = 'nobody-should-read-this';
  const cause = Object.assign(new Error('inner'), { token: secret });
  const error = Object.assign(new Error('outer', { cause }), {
    options: { user: 'ada', pass: secret, headers: { Authorization: `Bearer ${secret}`, cookie: [secret] } },
  });
  const line = written((log) =>
    log.child({ api_key: secret }).warn({ error, credentials: { user: 'x', password: secret } }, 'no luck'),
  );
  expect(JSON.stringify(line)).not.toContain(secret);
  expect(line).toMatchObject({
    level: 'warn',
    service: 'test',
    message: 'no luck',
    api_key: '********',
    credentials: '********',
    error: { options: { user: 'ada', pass: '********', headers: { Authorization: '********' } } },
  });
});

it('what else a line holds stays as it is: numbers, flags, and texts that only speak of secrets', () => {
  const fields = { token: 3, secret: false, password: null, tokens: ['a'], note: '{"token":"x"}' };
  const line = written((log) => log.info(fields, 'the "password": of ada'));
  expect(line).toMatchObject({ ...fields, message: 'the "password": of ada' });
});
