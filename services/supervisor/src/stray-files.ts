import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from '@bkg/sdk';
import { isGone } from '@bkg/sdk/host';
import { isInstanceId } from './instance-record.ts';

/** A file that was just being written or put aside, or a folder for trials, with the process that did it. */
const ofWriter = /\.(\d+)-[\w-]+\.(?:new|old)$|^user-trial-(\d+)$/;

/**
 * Removes from `run/` what nobody will read any more: files of instances that are not there, and halves of files whose
 * writer died. What else is there is somebody else's. The caller is the only one who writes files of instances.
 * @param known the instances that are there
 */
export function removeStrayFiles(runFolder: string, known: ReadonlySet<string>, log: Logger): void {
  for (const name of readdirSync(runFolder)) {
    const [first = ''] = name.split('.', 1);
    const instance = name.includes('.') && isInstanceId(first) ? first : undefined;
    const [, ofFile, ofTrial] = ofWriter.exec(name) ?? [];
    const writer = ofFile ?? ofTrial;
    const isStray = instance
      ? writer !== undefined || !known.has(instance)
      : writer !== undefined && isGone(Number(writer));
    if (isStray) removeStray(path.join(runFolder, name), log);
  }
}

/** A plugin without a user of its own may have put there what it likes: that keeps nobody from starting or ending. */
export function removeStray(entry: string, log: Logger): void {
  try {
    rmSync(entry, { recursive: true, force: true });
  } catch (error) {
    log.warn({ error, entry }, 'this is of no use to anybody and cannot be removed: remove it by hand');
  }
}
