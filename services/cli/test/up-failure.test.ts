import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { settlesWithin } from '@bkg/sdk/host';
import { startNatsServer } from '@bkg/sdk/testing';
import { testHome } from './test-home.ts';
import type { TestHome } from './test-home.ts';

/** A program that calls itself a nats-server. */
function fakeNatsServer(home: TestHome, version: string, does: string): string {
  const file = home.file('nats-server-of-the-test');
  writeFileSync(
    file,
    `#!/bin/sh\n[ "$1" = --version ] && echo "nats-server: v${version}" && exit\n${does}\n`,
  );
  chmodSync(file, 0o755);
  return file;
}

describe('bkg up says what is wrong and what to do:', () => {
  it('a taken port, with who holds it', async () => {
    await using home = await testHome();
    const server = createServer().listen(home.port, '127.0.0.1');
    try {
      const up = home.up();
      expect(await up.ended).toBe(1);
      expect(up.output).toMatch(
        new RegExp(`bkg: Port ${home.port} for the dashboard is taken by \\S.* \\(pid ${process.pid}\\)\\.`),
      );
      expect(up.output).toContain(`To do: end that process, or use another port: BKG_PORT=${home.port + 1}`);
      expect(home.processes()).toEqual([]);
      expect(existsSync(home.file('run', 'up.json'))).toBe(false);
    } finally {
      server.close();
    }
  });

  it('an address that is not of this machine, and ends', async () => {
    await using home = await testHome();
    const up = home.up({ BKG_HOST: '192.0.2.1', BKG_NO_AUTH: '' });
    expect(await settlesWithin(up.ended, 20_000), up.output).toBe(true);
    expect(await up.ended).toBe(1);
    expect(up.output).toContain('bkg: BKG_HOST is "192.0.2.1", which is no address of this machine');
    expect(existsSync(home.file('run', 'up.json'))).toBe(false);
  });

  it('a nats-server that never becomes ready, with the end of its log', async () => {
    await using home = await testHome();
    const program = fakeNatsServer(home, '2.10.0', 'echo "thinking about it"; exec sleep 60');
    const up = home.up({ BKG_NATS_SERVER: program, TEST_READY_WITHIN_MS: '500' });
    expect(await up.ended).toBe(1);
    expect(up.output).toMatch(
      /nats-server\.log:\n {4}thinking about it\n\nbkg: nats-server did not become ready in 0\.\d s: connect ECONNREFUSED/,
    );
    expect(up.output).toMatch(/To do: look into .*nats-server\.log/);
    expect(home.processes()).toEqual([]);
  });

  it('a part that ends instead of starting, and stops the others', async () => {
    await using home = await testHome();
    home.order({ gateway: 'crashes' });
    const up = home.up();
    expect(await up.ended).toBe(1);
    expect(up.output).toContain('gateway.log:\n    fatal: cannot start: the fake has no reason\n');
    expect(up.output).toContain('bkg: gateway ended with code 3 instead of starting.');
    expect(home.notes()).toEqual(['plugins drained', 'supervisor stopped, broker still there']);
    expect(home.processes()).toEqual([]);
  });

  it('a part that is killed while it starts, when that happens twice', async () => {
    await using home = await testHome();
    home.order({ gatewayKills: 2 });
    const twice = home.up();
    expect(await twice.ended).toBe(1);
    expect(twice.output).toContain('bkg: gateway ended by SIGKILL instead of starting.');
    expect(home.processes()).toEqual([]);
    home.order({ gatewayKills: 1 });
    await home.running();
  });

  it('a nats-server that refuses JetStream, with the remedy that its words call for', async () => {
    await using home = await testHome();
    mkdirSync(home.file('nats'));
    writeFileSync(home.file('nats', 'jetstream'), 'a file in the place of a folder');
    const up = home.up();
    expect(await up.ended).toBe(1);
    expect(up.output).toMatch(/\[FTL\] Can't start JetStream/);
    expect(up.output).toContain('bkg: nats-server ended with code 1 instead of starting.');
  });

  it('a nats-server that is too old, or none at all', async () => {
    await using home = await testHome();
    const old = home.up({ BKG_NATS_SERVER: fakeNatsServer(home, '2.9.10', 'exit 1') });
    expect(await old.ended).toBe(1);
    expect(old.output).toContain('it is 2.9.10, bkg needs 2.10 or newer');
    const none = home.up({ BKG_NATS_SERVER: home.file('nowhere') });
    expect(await none.ended).toBe(1);
    expect(none.output).toContain('there is no program of that name');
    expect(none.output).toContain('To do: run `npm start`, which fetches one, or set BKG_NATS_SERVER');
  });

  it('broken secrets and a broken record, which it leaves as they are', async () => {
    await using home = await testHome();
    mkdirSync(home.file('run'));
    writeFileSync(home.file('run', 'access.json'), '{"sys":');
    const first = home.up();
    expect(await first.ended).toBe(1);
    expect(first.output).toMatch(/access\.json is not JSON[^]*To do: restore it, or remove /);
    expect(home.read('run', 'access.json')).toBe('{"sys":');
    const rest = '"supervisor":"a","gateway":"b","sys":"hunter2"}';
    for (const seed of ['{', '{"issuer_seed":"hunter2",']) {
      writeFileSync(home.file('run', 'access.json'), seed + rest);
      const next = home.up();
      expect(await next.ended).toBe(1);
      expect(next.output).toMatch(/access\.json[^]*To do: restore it, or remove /);
      expect(next.output).not.toContain('hunter2');
    }

    writeFileSync(home.file('run', 'up.json'), '{"pid":"one"}');
    const second = home.up();
    expect(await second.ended).toBe(1);
    expect(second.output).toMatch(/up\.json says which bkg runs, but it cannot be understood/);
    expect(home.read('run', 'up.json')).toBe('{"pid":"one"}');
  });

  it('a home that cannot be made', async () => {
    await using home = await testHome();
    writeFileSync(home.file('file'), '');
    const up = home.up({ BKG_HOME: home.file('file') });
    expect(await up.ended).toBe(1);
    expect(up.output).toMatch(
      /bkg: Making the data folder .* failed: EEXIST.*\n {2}To do: a file stands where a folder is needed/,
    );
  });
});

describe('with a broker of somebody else', () => {
  it('starts none, and gives the credentials of BKG_NATS_URL to the parts in a file', async () => {
    await using server = await startNatsServer();
    await using home = await testHome();
    const { user, password } = server.credentials;
    const up = await home.running({ BKG_NATS_URL: `nats://${user}:${password}@127.0.0.1:${server.port}` });
    expect(up.lines[0]).toMatch(
      new RegExp(`^  ✓ broker       [\\d.]+ at nats://127\\.0\\.0\\.1:${server.port} `),
    );
    expect(up.output).not.toContain('nats-server');
    expect(JSON.parse(home.read('run', 'broker-credentials.json'))).toEqual(server.credentials);
    expect(existsSync(home.file('run', 'credentials.json'))).toBe(false);
    expect(await up.stop()).toBe(0);
    expect(existsSync(home.file('run', 'broker-credentials.json'))).toBe(false);
  });

  it('says why it cannot be used', async () => {
    await using server = await startNatsServer();
    await using home = await testHome();
    const up = home.up({
      BKG_NATS_URL: `nats://${server.credentials.user}:wrong@127.0.0.1:${server.port}`,
      TEST_READY_WITHIN_MS: '3500',
    });
    expect(await up.ended).toBe(1);
    expect(up.output).toMatch(
      /no connection to the broker at nats:\/\/127\.0\.0\.1:\d+: .*authorization violation/i,
    );
    expect(up.output).not.toContain('wrong');
  });
});
