import { mkdirSync } from 'node:fs';
import { connect } from './connect.ts';
import type { Connection } from './connection.ts';
import type { PluginDefinition } from './define-plugin.ts';
import { Instance } from './instance.ts';
import { readLaunch } from './launch.ts';
import type { Launch } from './launch.ts';
import type { LogOutput } from './log-output.ts';
import type { Logger } from './logger.ts';
import { subjects } from './protocol/subjects.ts';
import { settingsErrors } from './settings.ts';

/** What decides about the plugin before it is defined, for one that needs its settings or its data folder for that. */
export interface PluginProgram {
  id: string;
  define: (launch: Launch) => PluginDefinition;
}

export interface LaunchOptions {
  env: NodeJS.ProcessEnv;
  /** Writes to `output`. */
  log: Logger;
  output: LogOutput;
  /** Ends the wait for the broker. */
  signal: AbortSignal;
}

export interface LaunchedInstance {
  instance: Instance;
  /** The instance's: it closes it. */
  connection: Connection;
  /** Names the instance. */
  log: Logger;
}

/**
 * Reads the launch contract, connects and makes the instance: all that comes before its start.
 * @throws Error that says what of the environment or the settings is wrong; the reason of `signal`
 */
export async function launchInstance(
  plugin: PluginDefinition | PluginProgram,
  { env, log: bootLog, output, signal }: LaunchOptions,
): Promise<LaunchedInstance> {
  const { id } = plugin;
  const launch = readLaunch(id, env);
  const { instance, config, held, heartbeatMs } = launch;
  const log = bootLog.child({ instance });
  const definition = 'define' in plugin ? plugin.define(launch) : plugin;
  assertSettings(definition, launch);
  mkdirSync(launch.dataDir, { recursive: true });
  const connection = await connect({
    servers: launch.servers,
    credentials: launch.credentials,
    name: `${id} ${instance}`,
    identity: [id, instance],
    log,
    signal,
  });
  if (!launch.managed) output.publishTo(connection, subjects.event(id, instance, 'log'));
  const options = { connection, instance, config, held, heartbeatMs, log };
  return { instance: new Instance(definition, options), connection, log };
}

function assertSettings(plugin: PluginDefinition, { config }: Launch): void {
  const errors = settingsErrors(plugin, config.settings);
  if (errors.length === 0) return;
  const list = errors
    .map(({ path, message }) => `settings${path.replaceAll('/', '.')} ${message}`)
    .join('; ');
  throw new Error(`The settings of ${plugin.id} do not fit its schema: ${list}.`);
}
