import type { Logger } from '@bkg/sdk';
import { settlesWithin } from '@bkg/sdk/host';
import type { HomePaths } from '@bkg/sdk/host';
import { adoptProcess, killCarriers } from './process-driver.ts';
import type { InstanceProcess } from './process-driver.ts';
import { findSurvivors } from './survivors.ts';

export interface StopPluginsOptions {
  paths: Pick<HomePaths, 'run' | 'home' | 'data'>;
  log: Logger;
  /** Between asking to end and killing; 0 kills at once. */
  graceMs: number;
}

const lookEveryMs = 50;
const killedWithinMs = 2_000;

/**
 * Ends every plugin process of a home without a broker and without a supervisor: for whoever stops a mesh that has
 * lost them. The records stay, so that the next supervisor reads the last output and tells of the end.
 * @returns whether none is left
 */
export async function stopPlugins({ paths, log, graceMs }: StopPluginsOptions): Promise<boolean> {
  const { running, strays } = findSurvivors(paths, '');
  const processes = running.map(({ process, instance }) =>
    adoptProcess(process, instance, { everyMs: lookEveryMs }),
  );
  if (graceMs > 0) {
    for (const one of processes) one.terminate();
    await allEnded(processes, graceMs);
  }
  for (const one of processes) one.kill();
  for (const { pids, instance } of strays) killCarriers(pids, instance);
  const done = await allEnded(processes, killedWithinMs);
  for (const one of processes) one.letGo();
  log.info(
    { instances: running.map(({ instance }) => instance), done },
    'the plugins were stopped without a broker',
  );
  return done;
}

function allEnded(processes: readonly InstanceProcess[], withinMs: number): Promise<boolean> {
  return settlesWithin(Promise.all(processes.map((one) => one.ended)), withinMs);
}
