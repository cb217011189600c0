import { readFileSync } from 'node:fs';
import path from 'node:path';
import { shellWord } from './shell-word.ts';

/** The checkout or installation this program lies in; from `src` and from `dist` alike. */
export const projectFolder = path.resolve(import.meta.dirname, '../../..');

/** Of the command line, which is that of the project. */
export function version(): string {
  const manifest = path.join(import.meta.dirname, '../package.json');
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

/** Whether a folder is that of the project, or lies in it. */
export function isInProject(folder: string): boolean {
  return `${folder}${path.sep}`.startsWith(`${projectFolder}${path.sep}`);
}

/** How a tool of npm is called for the project, from where the reader is. */
export function fromHere(tool: 'npm' | 'npx'): string {
  // Elsewhere npx would look for a package of this name in the registry.
  return isInProject(process.cwd()) ? tool : `${tool} --prefix ${shellWord(projectFolder)}`;
}

/** How whoever started this program calls it, from where they are. */
export const program = process.env['npm_command'] === 'exec' ? `${fromHere('npx')} bkg` : 'bkg';
