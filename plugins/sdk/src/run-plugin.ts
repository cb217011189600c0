import { mkdirSync } from 'node:fs';
import { pino } from 'pino';
import { connect } from './connection.ts';
import type { Connection } from './connection.ts';
import type { PluginDefinition } from './define-plugin.ts';
import { aborted } from './host/delay.ts';
import { stopSignal } from './host/stop-signal.ts';
import { Instance } from './instance.ts';
import { readLaunch } from './launch.ts';
import type { Launch } from './launch.ts';
import { createLogger } from './logger.ts';
import type { Logger } from './logger.ts';
import type { JsonSchema } from './protocol/plugin.ts';
import { subjects } from './protocol/subjects.ts';
import { createValidator } from './validator.ts';

/** Time for what a plugin leaves open, such as a timer, to end by itself. */
const leftOpenMs = 1_000;

/** What decides about the plugin before it is defined, for one that needs its settings or its data folder for that. */
export interface PluginProgram {
  id: string;
  define: (launch: Launch) => PluginDefinition;
}

/**
 * Runs a plugin as this process until it is drained: by SIGTERM, SIGINT or SIGHUP, or by the supervisor over the
 * broker. Then the process ends with code 0; with 1 when it could not start.
 */
export async function runPlugin(plugin: PluginDefinition | PluginProgram, env = process.env): Promise<void> {
  const { id } = plugin;
  const stop = stopSignal();
  const output = new LogOutput();
  const bootLog = createLogger({ plugin_id: id }, { destination: output });
  let instance: Instance | undefined;
  try {
    const launch = readLaunch(id, env);
    const log = bootLog.child({ instance: launch.instance });
    const definition = 'define' in plugin ? plugin.define(launch) : plugin;
    assertSettings(definition, launch);
    mkdirSync(launch.dataDir, { recursive: true });
    const connection = await connect({
      servers: launch.servers,
      credentials: launch.credentials,
      name: `${id} ${launch.instance}`,
      identity: [id, launch.instance],
      log,
      signal: stop,
    });
    if (!launch.managed) output.publishTo(connection, subjects.event(id, launch.instance, 'log'));
    instance = new Instance(definition, {
      connection,
      instance: launch.instance,
      config: launch.config,
      log,
    });
    await instance.start(stop);
    await Promise.race([aborted(stop), instance.drainAsked]);
    log.info('draining');
    await instance.drain();
  } catch (error) {
    const stopped = stop.aborted && (error === stop.reason || !instance);
    if (!stopped) report(bootLog, error);
    await instance?.drain(0);
    process.exitCode = stopped ? 0 : 1;
  }
  setTimeout(() => process.exit(), leftOpenMs).unref();
}

function assertSettings({ id, settings }: PluginDefinition, { config }: Launch): void {
  const errors = settings ? createValidator(settings as unknown as JsonSchema)(config.settings) : [];
  if (errors.length === 0) return;
  const list = errors
    .map(({ path, message }) => `settings${path.replaceAll('/', '.')} ${message}`)
    .join('; ');
  throw new Error(`The settings of ${id} do not fit its schema: ${list}.`);
}

function report(log: Logger, error: unknown): void {
  log.fatal({ error }, error instanceof Error ? error.message : String(error));
}

/** Standard output; for an instance whose output nobody captures each line is an event as well. */
class LogOutput {
  readonly #stdout = pino.destination({ dest: 1, sync: true });
  #event: ((line: string) => void) | undefined;

  publishTo(connection: Connection, subject: string): void {
    this.#event = (line) => {
      const record = { ...(JSON.parse(line) as Record<string, unknown>), source: 'sdk' };
      connection.publish(subject, JSON.stringify(record));
    };
  }

  write(line: string): void {
    this.#stdout.write(line);
    this.#event?.(line);
  }
}
