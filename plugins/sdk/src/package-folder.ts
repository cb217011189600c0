import { existsSync } from 'node:fs';
import path from 'node:path';

/** Of the SDK, wherever in it this module lies: as it is written, as it is compiled, or joined with others. */
export const packageFolder = containing(import.meta.dirname, 'package.json');

function containing(folder: string, file: string): string {
  if (existsSync(path.join(folder, file))) return folder;
  const parent = path.dirname(folder);
  if (parent === folder) throw new Error(`No folder above ${import.meta.dirname} has a ${file}.`);
  return containing(parent, file);
}
