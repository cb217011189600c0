import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { subjects } from '@bkg/sdk';
import type { StatusEvent } from '@bkg/sdk';
import { parseKey } from '@bkg/sdk/access';
import { eventually } from '@bkg/sdk/testing';
import { actor, ApikeysMesh, codeOf, proofOf } from './apikeys-mesh.ts';

let mesh: ApikeysMesh;
let folder: string;

beforeEach(async () => {
  mesh = await ApikeysMesh.create();
  folder = await mkdtemp(path.join(tmpdir(), 'bkg-apikeys-'));
});
afterEach(async () => {
  await mesh[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Starts apikeys as the supervisor does. */
function run(instance: string) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../src/main.ts', import.meta.url))], {
    env: {
      PATH: process.env['PATH'],
      BKG_PLUGIN_ID: 'apikeys',
      BKG_INSTANCE_ID: instance,
      BKG_NATS_URL: mesh.server.url,
      BKG_CREDENTIALS_FILE: mesh.server.credentialsFile,
      BKG_DATA_DIR: path.join(folder, 'data'),
      BKG_HOME: folder,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)));
  return { child, ended, output: () => output };
}

const running = (count: number) =>
  eventually(async () => {
    const replies = await mesh.caller.requestMany(subjects.status('apikeys'), '', {
      forMs: 500,
      most: count,
    });
    return replies.filter((reply) => reply.json<StatusEvent>().status === 'running').length === count;
  });

describe('apikeys as programs', () => {
  it('keeps keys when one of two is killed, and logs no secret', async () => {
    const [one, other] = [run('i1'), run('i2')];
    await running(2);
    const { key, secret } = await mesh.keeper.createKey(actor, { name: 'a', scopes: ['read'] });
    one.child.kill('SIGKILL');
    expect(await one.ended).toBe('SIGKILL');
    await eventually(async () => 'principal' in (await mesh.keeper.verifyKey(proofOf(secret))));
    const { secret: rotated } = await mesh.keeper.rotateKey(actor, key.prefix);
    await codeOf(mesh.keeper.createKey(actor, { name: 'b', scopes: ['fly'] }));
    other.child.kill('SIGTERM');
    expect(await other.ended).toBe(0);
    const said = one.output() + other.output();
    expect(said).toContain('apikeys is running');
    for (const text of [secret, rotated]) {
      expect(said).not.toContain(parseKey(text)?.secret);
      expect(said).not.toContain(proofOf(text).hash);
    }
  });

  it('has a manifest that says so', async () => {
    const manifest = JSON.parse(await readFile(new URL('../plugin.json', import.meta.url), 'utf8')) as object;
    expect(manifest).toMatchObject({
      id: 'apikeys',
      autostart: true,
      self_test: { capability: 'role.list' },
    });
  });
});
