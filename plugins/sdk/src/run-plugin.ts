import type { PluginDefinition } from './define-plugin.ts';
import { aborted } from './host/delay.ts';
import { stopSignal } from './host/stop-signal.ts';
import type { Instance } from './instance.ts';
import { launchInstance } from './launch-instance.ts';
import type { PluginProgram } from './launch-instance.ts';
import { LogOutput } from './log-output.ts';
import { createLogger } from './logger.ts';
import type { Logger } from './logger.ts';

/** Time for what a plugin leaves open, such as a timer, to end by itself. */
const leftOpenMs = 1_000;

/**
 * Runs a plugin as this process until it is drained: by SIGTERM, SIGINT or SIGHUP, or by whoever asks it over the
 * broker. Then the process ends with code 0; with 1 when it could not start.
 */
export async function runPlugin(plugin: PluginDefinition | PluginProgram, env = process.env): Promise<void> {
  const order = new AbortController();
  const stop = AbortSignal.any([stopSignal(), order.signal]);
  const output = new LogOutput();
  const bootLog = createLogger({ plugin_id: plugin.id }, { destination: output });
  let instance: Instance | undefined;
  try {
    const launched = await launchInstance(plugin, { env, log: bootLog, output, signal: stop });
    instance = launched.instance;
    void instance.drainAsked.then(() => order.abort(new Error('stopped over the broker')));
    await instance.start(stop);
    await aborted(stop);
    launched.log.info('draining');
    await instance.drain();
  } catch (error) {
    const stopped = stop.aborted && (error === stop.reason || !instance);
    if (!stopped) report(bootLog, error);
    await instance?.drain(0);
    process.exitCode = stopped ? 0 : 1;
  }
  setTimeout(() => process.exit(), leftOpenMs).unref();
}

function report(log: Logger, error: unknown): void {
  log.fatal({ error }, error instanceof Error ? error.message : String(error));
}
