import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { bareEnv, start, systemFolders, temporaryCheckout } from './checkout.mjs';

const stack = /^\s+at .*\d+:\d+\)?$/m;

/** Runs the set-up to its failure. */
async function fail(checkout, env, options = {}) {
  const { code, output } = await start(checkout.root, 'infra/setup/start.mjs', { env, ...options }).ended;
  expect(output).not.toMatch(stack);
  expect(output.trim().split('\n').at(-1)).toMatch(/^ {2}To do: /);
  return { code, output };
}

/** A folder with an npm that prints this and fails. */
function brokenNpm({ root, write }, says) {
  write('bin/npm', `#!/bin/sh\ncat >&2 <<'END'\n${says}\nEND\nexit 1\n`, 0o755);
  return bareEnv(path.join(root, 'bin'), ...systemFolders);
}

describe('says what happened and what to do, without a stack, with exit code 1', () => {
  it('when the running Node is too old to read the set-up', async () => {
    using checkout = temporaryCheckout();
    checkout.write('old.mjs', `Object.defineProperty(process, 'versions', { value: { node: '16.20.2' } });`);
    const nodeArgs = ['--import', path.join(checkout.root, 'old.mjs')];
    const { code, output } = await fail(checkout, bareEnv(...systemFolders), { nodeArgs });
    expect(code).toBe(1);
    expect(output).toContain('this is Node 16.20.2; the set-up needs Node 18 or newer');
  });

  it('when there is no npm', async () => {
    using checkout = temporaryCheckout();
    checkout.write('bin/.keep', '');
    const { code, output } = await fail(checkout, bareEnv(path.join(checkout.root, 'bin')));
    expect(code).toBe(1);
    expect(output).toContain('npm was not found on the PATH');
  });

  it.each([
    ['npm error code ENOSPC\nnpm error nospc no space left on device, write', 'the disk is full'],
    ['npm error code E407', 'the proxy asks for a user and password'],
    ['npm error code ENOTFOUND\nnpm error network request failed', 'could not be resolved'],
    ['npm error code ETIMEDOUT', 'the registry could not be reached'],
    ['npm error code SELF_SIGNED_CERT_IN_CHAIN', 'certificate of the registry is not trusted'],
    ['npm error code E404', 'does not have the wanted version'],
    ['npm error code EINTEGRITY', 'its checksum differs'],
    ['npm error code EACCES\nnpm error permission denied, mkdir', 'a folder cannot be written'],
    ['Segmentation fault', 'its own words stand above'],
  ])('when npm says %j', async (says, meaning) => {
    using checkout = temporaryCheckout();
    const { code, output } = await fail(checkout, brokenNpm(checkout, says));
    expect(code).toBe(1);
    expect(output).toContain(`npm could not fetch pnpm@12.4.2`);
    expect(output).toContain(meaning);
    expect(output).toContain(says.split('\n')[0]);
  });

  it('when the registry refuses connections, within seconds', async () => {
    using checkout = temporaryCheckout();
    const port = await closedPort();
    const env = { ...bareEnv(process.env.PATH), npm_config_registry: `http://127.0.0.1:${port}` };
    const { code, output } = await fail(checkout, env);
    expect(code).toBe(1);
    expect(output).toContain('the registry could not be reached');
    expect(output).toContain('HTTPS_PROXY');
  });

  it('when a file stands where BKG_HOME should be', async () => {
    using checkout = temporaryCheckout();
    const file = checkout.write('home', 'not a folder');
    const { code, output } = await fail(checkout, { ...bareEnv(...systemFolders), BKG_HOME: file });
    expect(code).toBe(1);
    expect(output).toContain('a file stands where a folder is needed');
  });

  // A folder that root cannot write either.
  it.runIf(process.platform === 'linux')('when the folder for the tools cannot be written', async () => {
    using checkout = temporaryCheckout();
    const { code, output } = await fail(checkout, { ...bareEnv(...systemFolders), BKG_HOME: '/sys/bkg' });
    expect(code).toBe(1);
    expect(output).toMatch(/making the folder \/sys\/bkg\/tools failed: (EPERM|EACCES|EROFS)/);
    expect(output).toMatch(/To do: .*a checkout (that is yours|you can write to)/);
  });

  it('when packageManager pins no exact pnpm', async () => {
    using checkout = temporaryCheckout();
    checkout.write('package.json', '{ "packageManager": "pnpm@latest" }');
    const { code, output } = await fail(checkout, bareEnv(...systemFolders));
    expect(code).toBe(1);
    expect(output).toContain('packageManager in package.json is "pnpm@latest"');
  });
});

it('ends with the signal’s exit code, with its children, when it is interrupted while fetching', async () => {
  using checkout = temporaryCheckout();
  const { root, write } = checkout;
  write('bin/npm', `#!/bin/sh\necho $$ > ${root}/npm.pid\nexec sleep 60\n`, 0o755);
  const env = bareEnv(path.join(root, 'bin'), ...systemFolders);
  const { child, said, ended } = start(root, 'infra/setup/start.mjs', { env });
  await said('fetching pnpm');
  const pid = await vi.waitFor(() => {
    const text = readFileSync(path.join(root, 'npm.pid'), 'utf8');
    expect(text).toMatch(/^\d+\n$/);
    return Number(text);
  });
  child.kill('SIGINT');
  const { code } = await ended;
  expect(code).toBe(130);
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  expect(existsSync(path.join(root, '.bkg/setup/lock'))).toBe(false);
  expect(readdirSync(path.join(root, '.bkg/tools/pnpm'))).toEqual([]);
});

/** A port that nobody listens on. */
async function closedPort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
