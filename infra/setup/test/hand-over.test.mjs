import { rmSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { bareEnv, start, systemFolders, temporaryCheckout } from './checkout.mjs';

/** A checkout in which everything is there already, so that only the hand-over remains. */
function readyCheckout(bkg) {
  const checkout = temporaryCheckout();
  checkout.write('services/cli/dist/main.js', bkg);
  checkout.write(
    'hand-over.mjs',
    `import { handOver } from './infra/setup/hand-over.mjs';
    const context = { root: import.meta.dirname, home: '/the/home', env: process.env };
    const programs = { node: process.execPath, broker: '/the/nats-server' };
    process.exitCode = await handOver(context, programs, process.argv.slice(2));`,
  );
  return checkout;
}

const env = { ...bareEnv(...systemFolders), npm_lifecycle_event: 'start' };

it('starts bkg up with its home, its broker and the chosen Node first, and ends with its code', async () => {
  using checkout = readyCheckout(`
    const { BKG_HOME, BKG_NATS_SERVER, PATH, npm_lifecycle_event } = process.env;
    console.log(JSON.stringify({ args: process.argv.slice(2), BKG_HOME, BKG_NATS_SERVER, PATH, npm_lifecycle_event }));
    process.exit(7);`);
  const { code, output } = await start(checkout.root, 'hand-over.mjs', { env, args: ['--verbose'] }).ended;
  expect(code).toBe(7);
  const seen = JSON.parse(output);
  expect(seen).toMatchObject({
    args: ['up', '--verbose'],
    BKG_HOME: '/the/home',
    BKG_NATS_SERVER: '/the/nats-server',
  });
  expect(seen.PATH.split(path.delimiter)[0]).toBe(path.dirname(process.execPath));
  expect(seen.npm_lifecycle_event).toBeUndefined();
});

const waits = `
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(name, () => setTimeout(() => { console.log('stopped by ' + name); process.exit(0); }, 50));
  setInterval(() => {}, 1000);
  console.log('up');`;

it.each(['SIGTERM', 'SIGHUP', 'SIGINT'])('sends %s on and waits until bkg up has ended', async (name) => {
  using checkout = readyCheckout(waits);
  const { child, said, ended } = start(checkout.root, 'hand-over.mjs', { env });
  await said('up\n');
  child.kill(name);
  expect(await ended).toEqual({ code: 0, output: `up\nstopped by ${name}\n` });
});

it('ends as a shell would when bkg up was killed', async () => {
  using checkout = readyCheckout(`process.kill(process.pid, 'SIGKILL');`);
  expect(await start(checkout.root, 'hand-over.mjs', { env }).ended).toMatchObject({ code: 137 });
});

it('says so when the build made no command line', async () => {
  using checkout = readyCheckout('');
  rmSync(path.join(checkout.root, 'services'), { recursive: true });
  const { code, output } = await start(checkout.root, 'hand-over.mjs', { env }).ended;
  expect(code).toBe(1);
  expect(output).toContain('services/cli/dist/main.js is missing although the build succeeded');
});
