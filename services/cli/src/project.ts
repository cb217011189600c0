import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The checkout or installation this program lies in; from `src` and from `dist` alike. */
export const projectFolder = path.resolve(import.meta.dirname, '../../..');

/** Of the command line, which is that of the project. */
export function version(): string {
  const manifest = path.join(import.meta.dirname, '../package.json');
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

/** How whoever started this program calls it, from where they are. */
export const program = calledAs(process.env['npm_command'] === 'exec', process.cwd());

function calledAs(isNpx: boolean, cwd: string): string {
  if (!isNpx) return 'bkg';
  // Elsewhere npx would look for a package of this name in the registry.
  const isInside = `${cwd}${path.sep}`.startsWith(`${projectFolder}${path.sep}`);
  return isInside ? 'npx bkg' : `npx --prefix ${projectFolder} bkg`;
}
