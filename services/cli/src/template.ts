import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { Failure } from './failure.ts';
import { projectFolder } from './project.ts';

/** Made by tools, and made again in the copy; and what is said about the example as one of several. */
const leftOut = /^(README\.md|node_modules|dist|__pycache__|\.venv|\.bkg|.*\.pyc|.*\.tsbuildinfo)$/;
const codeEndings = new Set(['.ts', '.mts', '.js', '.mjs']);

/** The plugins that the SDK shows as examples, which are its templates. */
export const examplesFolder = path.join(projectFolder, 'plugins/sdk/examples');

export interface Naming {
  /** The plugin id. */
  id: string;
  /** For people. */
  title: string;
}

/** Copies an example, as another plugin. @returns the files, as paths from the folder */
export function copyTemplate(from: string, to: string, naming: Naming): string[] {
  const rename = renamer(namingOf(from), naming);
  const files: string[] = [];
  const copy = (within: string): void => {
    mkdirSync(path.join(to, within), { recursive: true });
    for (const entry of readdirSync(path.join(from, within), { withFileTypes: true })) {
      const file = path.join(within, entry.name);
      if (leftOut.test(entry.name)) continue;
      if (entry.isDirectory()) copy(file);
      if (!entry.isFile()) continue;
      // For its mode.
      copyFileSync(path.join(from, file), path.join(to, file));
      writeFileSync(
        path.join(to, file),
        rename(readFileSync(path.join(from, file), 'utf8'), path.extname(file)),
      );
      files.push(file);
    }
  };
  copy('');
  return files.sort();
}

/** How a plugin is called by its plugin.json. */
function namingOf(folder: string): Naming {
  const { id, name } = JSON.parse(readFileSync(path.join(folder, 'plugin.json'), 'utf8')) as Record<
    string,
    string
  >;
  return { id: id ?? '', title: name ?? '' };
}

/** Puts one plugin's id, name and error codes into the place of another's. */
function renamer(from: Naming, to: Naming): (text: string, ending: string) => string {
  const [fromCode, toCode] = [codePrefix(from.id), codePrefix(to.id)];
  // The name of a member may stand there without quotes, but not when it begins with a digit.
  const bareCode = new RegExp(`(?<!['"\`\\w])${fromCode}\\w*`, 'g');
  return (text, ending) => {
    const quoted = /^\d/.test(toCode) && codeEndings.has(ending) ? text.replaceAll(bareCode, `'$&'`) : text;
    const renamed = quoted.replaceAll(from.id, to.id).replaceAll(fromCode, toCode);
    return from.title ? renamed.replaceAll(from.title, to.title) : renamed;
  };
}

/** What the codes of a plugin's own errors begin with. */
function codePrefix(id: string): string {
  return id.toUpperCase().replaceAll('-', '_');
}

/**
 * Makes the packages that the code names resolve to those of the project, for a folder outside of it.
 * @throws Failure when one is not installed
 */
export function linkPackages(folder: string, files: readonly string[]): string[] {
  const names = new Set(
    files
      .filter((file) => codeEndings.has(path.extname(file)))
      .flatMap((file) => packagesIn(readFileSync(path.join(folder, file), 'utf8'))),
  );
  // The compiler looks for the types of Node where the code lies.
  if (names.size > 0 && existsSync(path.join(folder, 'tsconfig.json'))) names.add('@types/node');
  for (const name of names) {
    const link = path.join(folder, 'node_modules', name);
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(installed(name), link, 'junction');
  }
  return [...names].sort();
}

/** What is imported and is neither a file nor Node's own. */
function packagesIn(code: string): string[] {
  return [...code.matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].flatMap(([, specifier = '']) => {
    if (/^(\.|node:|\/)/.test(specifier)) return [];
    return [specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')];
  });
}

/** The SDK's own copy comes first: Nest must be the same for the plugin and for `@bkg/sdk/nest`. */
function installed(name: string): string {
  const places = ['plugins/sdk/node_modules', 'node_modules'].map((dir) =>
    path.join(projectFolder, dir, name),
  );
  const place = places.find((dir) => statSync(dir, { throwIfNoEntry: false })?.isDirectory());
  // Not where the package manager keeps it, which changes with each version.
  if (place) return place;
  throw new Failure(
    `The package ${name} is not installed in ${projectFolder}.`,
    'run `npm start` there once, which installs it.',
  );
}
