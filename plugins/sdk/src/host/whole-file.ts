import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';

/**
 * Writes a file so that readers find the old text or the new one, never a part, also after a loss of power.
 * @param mode of a file that may hold secrets: 0o600. @default 0o644
 */
export function writeWhole(file: string, text: string, mode = 0o644): void {
  const partial = `${file}.${process.pid}-${randomBytes(4).toString('hex')}.new`;
  const handle = openSync(partial, 'wx', mode);
  try {
    // Not `writeSync`, which may write a part of it and say so only in what it returns, as on a full disk.
    writeFileSync(handle, text);
    fsyncSync(handle);
  } catch (error) {
    closeSync(handle);
    rmSync(partial, { force: true });
    throw error;
  }
  closeSync(handle);
  try {
    renameSync(partial, file);
  } catch (error) {
    // What may be a secret must not lie about under another name.
    rmSync(partial, { force: true });
    throw error;
  }
}
