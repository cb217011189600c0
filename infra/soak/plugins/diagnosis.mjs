/**
 * Loaded before the program of a part: when it is sent SIGUSR2 it frees what nobody uses any more, and writes down what is
 * left. Programs that are no part of a mesh are let alone.
 */
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Where a process writes it. */
export const fileOf = (home, pid) => path.join(home, 'run', `diagnosis-${pid}.json`);

/** What is in use once nobody's garbage counts, and what keeps the event loop. */
export function diagnose() {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  // What the first run finds to be finalized the second one frees.
  for (let i = 0; i < 2; i += 1) collect();
  const { heapUsed, external } = process.memoryUsage();
  const resources = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  return { usedBytes: heapUsed + external, resources };
}

const { BKG_PART, BKG_HOME } = process.env;
if (BKG_PART !== undefined && BKG_HOME !== undefined)
  process.on('SIGUSR2', () => {
    const file = fileOf(BKG_HOME, process.pid);
    writeFileSync(`${file}.new`, JSON.stringify(diagnose()));
    renameSync(`${file}.new`, file);
  });
