import { chmodSync, statSync } from 'node:fs';
import { createKey, parseKey } from '@bkg/sdk/access';
import type { KeyParts } from '@bkg/sdk/access';
import { explainFile, Failure } from '../failure.ts';
import { readTextIfThere, secretMode, writeText } from './text-file.ts';

const others = 0o077;

export interface AdminKey extends KeyParts {
  /** Others could read the file, and cannot any more. */
  wasOpen: boolean;
}

/**
 * The API key of who starts the mesh: made once, and kept as one line in a file that only its owner reads.
 * @throws Failure; a file that is there but broken is never replaced, because somebody may still mend it
 */
export function keepAdminKey(file: string): AdminKey {
  const text = readTextIfThere(file);
  if (text === undefined) {
    const key = createKey();
    writeAdminKey(file, key.text);
    return { prefix: key.prefix, secret: key.secret, wasOpen: false };
  }
  const key = parseKey(text.trim());
  if (!key)
    throw new Failure(
      `${file} holds no API key.`,
      'put the key back into it, bkg_… in one line; or remove the file and start again, and a new key is made. The old one, if there was one, stays valid: revoke it with `bkg keys revoke`.',
    );
  return { ...key, wasOpen: close(file) };
}

/** @throws Failure */
export function writeAdminKey(file: string, text: string): void {
  writeText(file, `${text}\n`, secretMode);
}

/** A restored backup or a careless copy may be open to others. @returns whether it was */
function close(file: string): boolean {
  try {
    const isOpen = (statSync(file).mode & others) !== 0;
    if (isOpen) chmodSync(file, secretMode);
    return isOpen;
  } catch (error) {
    throw explainFile(error, `Closing ${file} to others`);
  }
}
