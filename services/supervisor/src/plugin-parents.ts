import path from 'node:path';

/** The project's own, from `src` and from `dist` alike. */
export const projectPlugins = path.resolve(import.meta.dirname, '../../../plugins');

/** Where plugins are looked for: the project's `plugins/`, then the folders of BKG_PLUGINS_PATH, absolute, each once. */
export function pluginParents({ BKG_PLUGINS_PATH: more = '' }: NodeJS.ProcessEnv): string[] {
  const others = more.split(path.delimiter).filter((folder) => folder.trim() !== '');
  return [...new Set([projectPlugins, ...others.map((folder) => path.resolve(folder))])];
}
