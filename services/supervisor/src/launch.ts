import path from 'node:path';
import { isForbiddenEnv } from '@bkg/sdk';
import type { Manifest, PluginConfig } from '@bkg/sdk';
import type { HomePaths } from '@bkg/sdk/host';

export interface LaunchOptions {
  instance: string;
  manifest: Manifest;
  config: PluginConfig;
  home: HomePaths;
  /** The broker, as in BKG_NATS_URL. */
  natsUrl: string;
  credentialsFile: string;
  configFile: string;
  /** It is to be ready, and to take no invocations until it is let in. */
  held: boolean;
  /** Between its first heartbeats. */
  heartbeatMs: number;
  /** The project's Node. */
  node: string;
  /** Ours, of which little is passed on. */
  env: NodeJS.ProcessEnv;
}

export interface LaunchCommand {
  command: string;
  args: string[];
  env: Record<string, string>;
  dataDir: string;
}

const defaultPath = '/usr/local/bin:/usr/bin:/bin';

/** How an instance is started: the launch contract of the protocol. */
export function launchCommand(options: LaunchOptions): LaunchCommand {
  const { manifest, config, home, node, env } = options;
  const [program = '', ...args] = manifest.command;
  const dataDir = path.join(home.data, manifest.id);
  // The manifest's reader has refused these already; what lies in the broker may have been written by anybody.
  const added = Object.entries(config.env).filter(([name]) => isEnvName(name) && !isForbiddenEnv(name));
  return {
    command: program === 'node' ? node : program,
    args,
    dataDir,
    env: {
      LANG: env['LANG'] ?? 'C.UTF-8',
      ...(env['TZ'] !== undefined && { TZ: env['TZ'] }),
      HOME: dataDir,
      TMPDIR: dataDir,
      ...Object.fromEntries(added),
      PATH: `${path.dirname(node)}${path.delimiter}${env['PATH'] ?? defaultPath}`,
      BKG_HOME: home.home,
      BKG_PLUGIN_ID: manifest.id,
      BKG_INSTANCE_ID: options.instance,
      BKG_VERSION: manifest.version,
      BKG_NATS_URL: options.natsUrl,
      BKG_CREDENTIALS_FILE: options.credentialsFile,
      BKG_CONFIG_FILE: options.configFile,
      BKG_DATA_DIR: dataDir,
      BKG_HEARTBEAT_MS: String(options.heartbeatMs),
      ...(options.held && { BKG_HOLD: '1' }),
    },
  };
}

/** A shell that starts it would take others for functions. */
function isEnvName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}
