import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect } from '../src/connect.ts';
import { createLogger } from '../src/logger.ts';
import { eventually, startNatsServer } from '../src/testing.ts';

let server: Awaited<ReturnType<typeof startNatsServer>>;
beforeAll(async () => void (server = await startNatsServer()));
afterAll(() => server.stop());

const password = 'canary-password-5f0d';

it('an error of a connection that is refused does not hold what was shown', async () => {
  let lines = '';
  const end = new AbortController();
  const failing = connect({
    servers: [server.url],
    credentials: { user: 'somebody', password },
    name: 'test',
    identity: ['test'],
    log: createLogger({}, { destination: { write: (line) => void (lines += line) } }),
    signal: end.signal,
  });
  failing.catch(() => undefined);
  await eventually(() => lines.includes('the broker cannot be reached'), { withinMs: 15_000 });
  end.abort(new Error('enough'));
  await expect(failing).rejects.toThrow('enough');
  expect(lines).not.toContain(password);
  expect(lines).toContain('"error":{');
});
