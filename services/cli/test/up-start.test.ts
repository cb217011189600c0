import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { registryEntry } from './registry-entry.ts';
import { testHome } from './test-home.ts';

describe('bkg up', () => {
  it('starts the parts in order, a line each, then tells of the plugins and prints the address last', async () => {
    await using home = await testHome();
    const running = registryEntry({ id: 'candle', status: 'running' });
    const stopped = registryEntry({ id: 'lantern', status: 'stopped' });
    const broken = registryEntry({ id: 'torch', status: 'error', error: 'it burnt down' });
    home.order({ plugins: [running, stopped, broken] });
    const up = await home.running();

    const time = String.raw`\(\d+\.\d s\)`;
    const expected = [
      String.raw`  ✓ nats-server  \d+\.\d+\.\d+ on 127\.0\.0\.1:${home.busPort} ${time}`,
      `  ✓ supervisor   ready ${time}`,
      String.raw`  ✓ gateway      on 127\.0\.0\.1:${home.port} ${time}`,
      `  ✓ candle       0.2.0 running ${time}`,
      '  · lantern      0.2.0 not started',
      '  ✗ torch        0.2.0 error: it burnt down',
      '  ! access       BKG_NO_AUTH=1: nobody is asked who they are, everybody here may do everything',
      String.raw`  bkg is up: http://localhost:${home.port} \(SIGTERM to process \d+ stops it\)`,
    ];
    expect(up.lines).toHaveLength(expected.length);
    for (const [i, line] of expected.entries()) expect(up.lines[i]).toMatch(new RegExp(`^${line}$`));
  });

  it('keeps its secrets from everybody else, and its credentials from one run to the next', async () => {
    await using home = await testHome();
    const mode = (...names: string[]): string => (statSync(home.file(...names)).mode & 0o777).toString(8);
    const up = await home.running();
    expect(mode('run')).toBe('711');
    const files = [
      'access.json',
      'credentials.json',
      'gateway-credentials.json',
      'nats-server.conf',
      'up.json',
    ];
    for (const file of files) expect(mode('run', file)).toBe('600');
    const secrets = JSON.parse(home.read('run', 'access.json')) as Record<string, string>;
    for (const secret of Object.values(secrets)) expect(up.output).not.toContain(secret);
    const credentials = JSON.parse(home.read('run', 'credentials.json')) as Record<string, unknown>;
    expect(credentials).toEqual({
      user: 'supervisor',
      password: expect.stringMatching(/^[0-9a-f]{32}$/),
      core_inbox: '_CORE.supervisor',
      callout: { issuer_seed: secrets['issuer_seed'] },
      system: { user: 'sys', password: secrets['sys'] },
    });
    // What the gateway does not need it is not given.
    expect(JSON.parse(home.read('run', 'gateway-credentials.json'))).toEqual({
      user: 'gateway',
      password: secrets['gateway'],
      core_inbox: '_CORE.gateway',
    });
    expect(new Set(Object.values(secrets)).size).toBe(4);
    await up.stop();
    expect(existsSync(home.file('run', 'gateway-credentials.json'))).toBe(false);

    await home.running();
    expect(JSON.parse(home.read('run', 'access.json'))).toEqual(secrets);
    expect(JSON.parse(home.read('run', 'credentials.json'))).toEqual(credentials);
  });

  it('takes over a home of an earlier bkg, which had one user for everybody', async () => {
    await using home = await testHome();
    mkdirSync(home.file('run'));
    writeFileSync(home.file('run', 'credentials.json'), '{"user":"bkg","password":"old"}');
    await home.running();
    expect(JSON.parse(home.read('run', 'credentials.json'))).toMatchObject({ user: 'supervisor' });
  });

  it('drains the plugins, then stops gateway, supervisor and nats-server, and leaves nothing behind', async () => {
    await using home = await testHome();
    const up = await home.running();
    const said = up.output.length;
    expect(await up.stop('SIGINT')).toBe(0);

    expect(home.notes()).toEqual([
      'plugins drained',
      'gateway stopped',
      'supervisor stopped, broker still there',
    ]);
    const names = [...up.output.slice(said).matchAll(/^ {2}✓ (\S+)/gm)].map(([, name]) => name);
    expect(names).toEqual(['plugins', 'gateway', 'supervisor', 'nats-server']);
    expect(home.processes()).toEqual([]);
    expect(existsSync(home.file('run', 'up.json'))).toBe(false);
    expect(existsSync(home.file('run', 'nats-server.conf'))).toBe(false);
    expect(home.read('logs', 'nats-server.log')).toContain('Server Exiting');
  });

  it('stops in order too when it is asked to while it starts', async () => {
    await using home = await testHome();
    home.order({ plugins: [registryEntry({ id: 'candle', status: 'starting' })] });
    const up = home.up();
    await up.said('✓ gateway');
    expect(await up.stop()).toBe(0);
    expect(up.output).not.toContain('bkg is up');
    expect(home.notes()).toEqual([
      'plugins drained',
      'gateway stopped',
      'supervisor stopped, broker still there',
    ]);
    expect(home.processes()).toEqual([]);
  });

  it('stops in order too when its terminal is gone', async () => {
    await using home = await testHome();
    const up = await home.running();
    up.child.stdout?.destroy();
    up.child.stderr?.destroy();
    expect(await up.stop('SIGHUP')).toBe(0);
    expect(home.notes()).toHaveLength(3);
    expect(home.processes()).toEqual([]);
  });

  it('takes two signals within a second for one, because npm repeats the Ctrl-C of the terminal', async () => {
    await using home = await testHome();
    const up = await home.running();
    up.child.kill('SIGINT');
    up.child.kill('SIGTERM');
    expect(await up.ended).toBe(0);
    expect(up.output).not.toContain('killing');
  });

  it('kills everything at the second signal, plugins included', async () => {
    await using home = await testHome();
    home.order({ shutdown: 'never', sigterm: 'ignored' });
    const up = await home.running({ TEST_PLUGINS_MS: '60000' });
    up.child.kill('SIGTERM');
    await eventually(() => home.notes().includes('plugins drained'));
    await up.said('stopping');
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    up.child.kill('SIGINT');
    expect(await up.ended).toBe(1);
    expect(up.output).toContain('  killing everything\n  ! plugins      killed');
    expect(home.notes().at(-1)).toBe('stop-plugins --now');
    expect(home.processes()).toEqual([]);
  });

  it('ends the plugins without the supervisor when that does not answer in time', async () => {
    await using home = await testHome();
    home.order({ shutdown: 'never' });
    const up = await home.running({ TEST_PLUGINS_MS: '1000' });
    expect(await up.stop()).toBe(1);
    expect(up.output).toMatch(
      /! plugins {6}not drained by the supervisor: No answer on bkg\.control\.shutdown/,
    );
    expect(home.notes()).toContain('stop-plugins --now');
    expect(home.processes()).toEqual([]);
  });

  it('says who runs when it is started a second time, and ends', async () => {
    await using home = await testHome();
    const first = await home.running();
    const second = home.up();
    expect(await second.ended).toBe(1);
    expect(second.output).toContain(
      `bkg: already up: http://localhost:${home.port} (process ${first.child.pid}).`,
    );
    expect(await first.stop()).toBe(0);
  });
});
