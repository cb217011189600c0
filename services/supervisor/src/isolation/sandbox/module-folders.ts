import { lstatSync, readdirSync, realpathSync } from 'node:fs';
import path from 'node:path';

/** So many packages that are linked to each other are followed; a workspace has a few. */
const mostPackages = 256;

export interface ModuleSearch {
  /** Links are followed to packages in it, and nowhere else: a plugin makes its links itself. */
  project: string;
  /** The data of the mesh, where no link leads to. */
  home: string;
}

/**
 * What Node reads for the imports of a plugin besides its own folder: `node_modules` and `package.json` above it, and
 * the packages of the project that links in `node_modules` lead to, with what is above them.
 */
export function moduleFolders(folder: string, { project, home }: ModuleSearch): string[] {
  const open = new Set<string>();
  const searched = new Set<string>();
  const packages = [realpathSync(folder)];
  // A package that is found is added to the list that is being gone through.
  for (const one of packages) {
    const above = foldersAbove(one, project);
    for (const file of above.map((at) => path.join(at, 'package.json')).filter(isFile)) open.add(file);
    for (const modules of above.map((at) => path.join(at, 'node_modules')).filter(isFolder)) {
      if (searched.has(modules)) continue;
      searched.add(modules);
      open.add(modules);
      for (const target of linksIn(modules)) {
        const store = outermostModules(target);
        const found = store ?? target;
        if (open.has(found) || packages.includes(found)) continue;
        if (!isInside(found, project) || touches(found, home)) continue;
        if (store !== undefined) {
          open.add(store);
        } else if (packages.length < mostPackages && isFile(path.join(target, 'package.json'))) {
          open.add(target);
          packages.push(target);
        }
      }
    }
  }
  return [...open];
}

/** With itself; as far as the project goes for a package in it. */
function foldersAbove(folder: string, project: string): string[] {
  const above = path.dirname(folder);
  return folder === project || folder === above ? [folder] : [folder, ...foldersAbove(above, project)];
}

/** No link, which a plugin could lead anywhere. */
function isFile(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** No link either. */
function isFolder(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Where the links in it lead, those of scopes included. */
function linksIn(modules: string): string[] {
  return readdirSync(modules, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(modules, entry.name);
    if (entry.isSymbolicLink()) return targetOf(file);
    return entry.isDirectory() && entry.name.startsWith('@') ? linksIn(file) : [];
  });
}

function targetOf(link: string): string[] {
  try {
    return [realpathSync(link)];
  } catch {
    // It leads nowhere.
    return [];
  }
}

/** Packages of a store read each other, so it is opened as a whole. */
function outermostModules(file: string): string | undefined {
  const [above, ...rest] = file.split(`${path.sep}node_modules${path.sep}`);
  return rest.length > 0 ? path.join(above ?? '', 'node_modules') : undefined;
}

function isInside(file: string, folder: string): boolean {
  return file !== folder && `${file}${path.sep}`.startsWith(`${folder}${path.sep}`);
}

function touches(file: string, folder: string): boolean {
  return file === folder || isInside(file, folder) || isInside(folder, file);
}
