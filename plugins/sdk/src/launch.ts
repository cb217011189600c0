import { readFileSync } from 'node:fs';
import path from 'node:path';
import { nuid } from '@nats-io/nats-core';
import { keyCredentials } from './access/key-credentials.ts';
import { readCredentials } from './credentials.ts';
import type { Credentials } from './credentials.ts';
import { Complaints } from './host/complaints.ts';
import { parseServers } from './host/service-settings.ts';
import { heartbeatDefaultMs, heartbeatLeastMs, heartbeatMostMs, isHeartbeatMs } from './protocol/event.ts';
import { isSubjectToken } from './protocol/names.ts';
import { completeConfig } from './protocol/plugin.ts';
import type { PluginConfig } from './protocol/plugin.ts';

/** What a plugin is started with. */
export interface Launch {
  instance: string;
  /** Started by a supervisor, which captures what it prints. */
  managed: boolean;
  /** It replaces another one, and takes its share of the invocations when it is told to. */
  held: boolean;
  servers: string[];
  credentials: Credentials;
  config: PluginConfig;
  /** Between its first heartbeats. */
  heartbeatMs: number;
  /** The plugin's own folder, shared by its instances. */
  dataDir: string;
  /** BKG_HOME; undefined for a plugin that does not run beside a mesh's data. */
  home?: string;
}

/**
 * Reads the launch contract from the environment. A plugin that nobody manages needs `BKG_NATS_URL` and
 * `BKG_CREDENTIALS_FILE` or `BKG_API_KEY` only; it gets an instance id of its own and the default configuration.
 * @throws Error that lists everything that is missing or wrong
 */
export function readLaunch(pluginId: string, env: NodeJS.ProcessEnv = process.env): Launch {
  const complaints = new Complaints();
  if (env['BKG_PLUGIN_ID'] && env['BKG_PLUGIN_ID'] !== pluginId) {
    complaints.add(`BKG_PLUGIN_ID is ${env['BKG_PLUGIN_ID']}, but this program is the plugin ${pluginId}.`);
  }
  const servers = parseServers(env['BKG_NATS_URL']);
  if (servers.length === 0)
    complaints.add('BKG_NATS_URL is not set: the broker, such as nats://127.0.0.1:43121.');
  const [file, key] = [env['BKG_CREDENTIALS_FILE'], env['BKG_API_KEY']];
  if (!file && !key)
    complaints.add(
      'BKG_CREDENTIALS_FILE is not set: JSON with "user" and "password" for the broker. Nor is BKG_API_KEY, a key with ' +
        `broker access and the scope serve:${pluginId}.`,
    );
  const credentials = complaints.attempt(() =>
    file ? readCredentials(file) : key ? keyCredentials(key) : undefined,
  );
  const config = complaints.attempt(() => readConfig(pluginId, env['BKG_CONFIG_FILE']));
  const instance = env['BKG_INSTANCE_ID'] ?? nuid.next();
  if (!isSubjectToken(instance))
    complaints.add(`BKG_INSTANCE_ID is "${instance}", which is no subject token.`);
  const hold = env['BKG_HOLD'];
  if (hold && hold !== '1') complaints.add(`BKG_HOLD is "${hold}": it takes 1, or is left out.`);
  const heartbeatMs = Number(env['BKG_HEARTBEAT_MS'] || heartbeatDefaultMs);
  if (!isHeartbeatMs(heartbeatMs)) {
    complaints.add(
      `BKG_HEARTBEAT_MS is "${env['BKG_HEARTBEAT_MS']}": it takes whole milliseconds from ${heartbeatLeastMs} to ${heartbeatMostMs}, or is left out.`,
    );
  }
  if (!credentials || !config || complaints.list.length > 0) {
    throw new Error(`${pluginId} cannot start:\n${complaints.list.map((line) => `- ${line}`).join('\n')}`);
  }
  const home = env['BKG_HOME'];
  return {
    instance,
    managed: env['BKG_INSTANCE_ID'] !== undefined,
    held: hold === '1',
    servers,
    credentials,
    config,
    heartbeatMs,
    dataDir: path.resolve(env['BKG_DATA_DIR'] ?? path.join(home ?? '.bkg', 'data', pluginId)),
    ...(home && { home: path.resolve(home) }),
  };
}

function readConfig(id: string, file: string | undefined): PluginConfig {
  if (!file) return completeConfig(id, {});
  try {
    return completeConfig(id, JSON.parse(readFileSync(file, 'utf8')) as Partial<PluginConfig>);
  } catch (error) {
    // Its own words quote what stands there, which may be a secret of `env`.
    const why = error instanceof SyntaxError ? 'is not JSON' : `cannot be read (${(error as Error).message})`;
    throw new Error(`BKG_CONFIG_FILE ${file} ${why}.`, { cause: error });
  }
}
