/** The plugins of one file know no permissions: they must keep to them all the same. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { createInstanceToken, instanceName } from '../../src/access/index.ts';
import type { Manifest } from '../../src/protocol/manifest.ts';
import { eventually } from '../../src/testing.ts';
import { AccessMesh } from './access-mesh.ts';

const hasPython = spawnSync('python3', ['-c', 'import asyncio']).status === 0;

it.each([
  ['javascript', true],
  ['python', hasPython],
])(
  'the %s example answers with the credentials of an instance, and the broker refuses it nothing',
  async (language, isHere) => {
    if (!isHere) return;
    const folder = path.join(import.meta.dirname, '../../examples', language);
    const { id, command } = JSON.parse(readFileSync(path.join(folder, 'plugin.json'), 'utf8')) as Manifest;
    const [program = '', ...args] = command;
    await using mesh = await AccessMesh.start();
    const home = mkdtempSync(path.join(tmpdir(), 'bkg-access-'));
    const identity = { plugin: id, instance: 'one', needs: [] };
    const file = path.join(home, 'credentials.json');
    const credentials = { user: instanceName(identity), password: createInstanceToken(mesh.seed, identity) };
    writeFileSync(file, JSON.stringify(credentials));
    const child = spawn(program === 'node' ? process.execPath : program, args, {
      cwd: folder,
      env: {
        ...process.env,
        BKG_PLUGIN_ID: id,
        BKG_INSTANCE_ID: 'one',
        BKG_NATS_URL: mesh.server.url,
        BKG_CREDENTIALS_FILE: file,
        BKG_DATA_DIR: home,
        BKG_HOME: home,
      },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise((resolve) => child.once('exit', resolve));
    try {
      const answer = await eventually(() =>
        mesh.supervisor.request(`plugin.${id}.invoke.greet`, '{"name":"Ada"}', { timeoutMs: 500 }),
      );
      expect(answer.json()).toEqual({ greeting: 'Hello, Ada!' });
      expect(output).not.toMatch(/violation/i);
    } finally {
      child.kill('SIGKILL');
      await ended;
      rmSync(home, { recursive: true });
    }
  },
);
