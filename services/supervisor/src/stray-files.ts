import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { processStart } from '@bkg/sdk/host';

/** As `nuid` makes them. */
const ofInstance = /^([0-9A-Za-z]{22})\./;
/** A file that was just being written or put aside, or a folder for trials, with the process that did it. */
const ofWriter = /\.(\d+)-[\w-]+\.(?:new|old)$|^user-trial-(\d+)$/;

/**
 * Removes from `run/` what nobody will read any more: files of instances that are not there, and halves of files whose
 * writer died. What else is there is somebody else's. The caller is the only one who writes files of instances.
 * @param known the instances that are there
 */
export function removeStrayFiles(runFolder: string, known: ReadonlySet<string>): void {
  for (const name of readdirSync(runFolder)) {
    const instance = ofInstance.exec(name)?.[1];
    const [, ofFile, ofTrial] = ofWriter.exec(name) ?? [];
    const writer = ofFile ?? ofTrial;
    const isStray = instance
      ? writer !== undefined || !known.has(instance)
      : writer !== undefined && processStart(Number(writer)) === undefined;
    if (isStray) rmSync(path.join(runFolder, name), { recursive: true, force: true });
  }
}
