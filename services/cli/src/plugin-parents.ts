import path from 'node:path';
import { projectFolder } from './project.ts';
import { readPluginFolders } from './up/settings.ts';

/** Where the mesh looks for plugins, as far as the environment tells; the first is where new ones go. */
export function pluginParents(env: NodeJS.ProcessEnv): string[] {
  return [...readPluginFolders(env), path.join(projectFolder, 'plugins')];
}
