import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The checkout or installation this program lies in; from `src` and from `dist` alike. */
export const projectFolder = path.resolve(import.meta.dirname, '../../..');

/** Of the command line, which is that of the project. */
export function version(): string {
  const manifest = path.join(import.meta.dirname, '../package.json');
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
