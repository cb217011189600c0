import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { explainFile } from './failure.mjs';

/** The checkout this set-up belongs to. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '');

/**
 * Where things go. `home` holds all data of a mesh and the fetched tools; `state` belongs to the checkout, because
 * node_modules and dist do, whatever BKG_HOME says.
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ root: string, home: string, tools: string, state: string }}  all absolute
 */
export function places(env) {
  const home = path.resolve(root, env.BKG_HOME || '.bkg');
  return { root, home, tools: path.join(home, 'tools'), state: path.join(root, '.bkg', 'setup') };
}

/** @param {string} dir @throws {import('./failure.mjs').Failure} */
export function makeFolder(dir) {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (error) {
    throw explainFile(error, `making the folder ${dir}`);
  }
}
