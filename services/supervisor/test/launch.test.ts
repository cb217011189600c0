import { expect, it } from 'vitest';
import { configDefaults } from '@bkg/sdk';
import { homePaths } from '@bkg/sdk/host';
import { launchCommand } from '../src/launch.ts';

const options = {
  instance: 'i1',
  manifest: { id: 'echo', version: '1.0.0', command: ['node', 'main.js', '--x'] },
  config: { id: 'echo', ...configDefaults },
  home: homePaths('/data/bkg'),
  natsUrl: 'nats://127.0.0.1:1',
  credentialsFile: '/data/bkg/run/i1.credentials.json',
  configFile: '/data/bkg/run/i1.config.json',
  node: '/opt/node/bin/node',
  held: false,
  heartbeatMs: 3_000,
  env: { PATH: '/usr/bin', LANG: 'de_DE.UTF-8', SECRET: 'hunter2', NODE_OPTIONS: '--inspect' },
};

it('gives a process a clean environment, with the project’s Node first', () => {
  const { command, args, env } = launchCommand(options);
  expect([command, ...args]).toEqual(['/opt/node/bin/node', 'main.js', '--x']);
  expect(env).toEqual({
    PATH: '/opt/node/bin:/usr/bin',
    LANG: 'de_DE.UTF-8',
    HOME: '/data/bkg/data/echo',
    TMPDIR: '/data/bkg/data/echo',
    BKG_HOME: '/data/bkg',
    BKG_PLUGIN_ID: 'echo',
    BKG_INSTANCE_ID: 'i1',
    BKG_VERSION: '1.0.0',
    BKG_HEARTBEAT_MS: '3000',
    BKG_NATS_URL: 'nats://127.0.0.1:1',
    BKG_CREDENTIALS_FILE: '/data/bkg/run/i1.credentials.json',
    BKG_CONFIG_FILE: '/data/bkg/run/i1.config.json',
    BKG_DATA_DIR: '/data/bkg/data/echo',
  });
});

it('adds what the configuration sets, but for what would change the code that runs', () => {
  const config = {
    ...options.config,
    env: { TZ: 'UTC', HOME: '/elsewhere', PATH: '/evil', LD_PRELOAD: 'x' },
  };
  const { env } = launchCommand({ ...options, config, env: {} });
  expect(env).toMatchObject({ TZ: 'UTC', HOME: '/elsewhere', LANG: 'C.UTF-8' });
  expect(env['PATH']).toBe('/opt/node/bin:/usr/local/bin:/usr/bin:/bin');
  expect(env).not.toHaveProperty('LD_PRELOAD');
});

it('tells one that shall replace another to wait until it is let in', () => {
  expect(launchCommand({ ...options, held: true }).env).toMatchObject({ BKG_HOLD: '1' });
});

it('starts any other program by its own name', () => {
  const manifest = { ...options.manifest, command: ['python3', 'main.py'] };
  expect(launchCommand({ ...options, manifest }).command).toBe('python3');
});
