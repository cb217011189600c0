import { spawn } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { Failure } from './failure.ts';
import { explainPlace, needPlace } from './plugin-place.ts';
import { isInProject, projectFolder } from './project.ts';
import { copyTemplate, examplesFolder, linkPackages } from './template.ts';

export const templates = ['typescript', 'nest', 'python'] as const;
export type Template = (typeof templates)[number];

export interface NewPlugin {
  template: Template;
  id: string;
  /** The folder in which that of the plugin is made. */
  parent: string;
  signal: AbortSignal;
}

export interface MadePlugin {
  folder: string;
  /** As paths from the folder. */
  files: string[];
  /** What runs was compiled from them. */
  isCompiled: boolean;
}

const compileWithinMs = 120_000;
const compiler = path.join(projectFolder, 'node_modules/typescript/bin/tsc');

/**
 * Makes a plugin two levels below its parent and puts it into place by one renaming: the supervisor, which looks at the
 * folders in the parent, sees all of it or nothing.
 * @throws Failure; then nothing is left
 */
export async function makePlugin({ template, id, parent, signal }: NewPlugin): Promise<MadePlugin> {
  const folder = path.join(parent, id);
  const source = path.join(examplesFolder, template);
  if (!existsSync(source))
    throw new Failure(
      `${source} is missing: it is what this template is made of.`,
      'complete the checkout, then try again.',
    );
  let aside: string | undefined;
  try {
    needPlace(parent);
    if (lstatSync(folder, { throwIfNoEntry: false })) throw alreadyThere(folder);
    mkdirSync(parent, { recursive: true });
    aside = mkdtempSync(path.join(parent, '.bkg-new-'));
    const made = path.join(aside, id);
    const title = titleOf(id);
    const files = copyTemplate(source, made, { id, title });
    // Below the project packages resolve by themselves.
    if (!isInProject(parent)) linkPackages(made, files);
    const isCompiled = needsCompiling(made);
    if (isCompiled) await compile(made, signal);
    writeFileSync(path.join(made, 'README.md'), readmeOf(id, title, isCompiled));
    signal.throwIfAborted();
    putIntoPlace(made, folder);
    return { folder, files: ['README.md', ...files], isCompiled };
  } catch (error) {
    throw explainPlace(error, `Making ${folder}`);
  } finally {
    if (aside) rmSync(aside, { recursive: true, force: true });
  }
}

/** Something that came into being there meanwhile is not replaced, unless it is an empty folder. */
function putIntoPlace(made: string, folder: string): void {
  try {
    renameSync(made, folder);
  } catch (error) {
    const isThere = ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
    throw isThere ? alreadyThere(folder) : error;
  }
}

function alreadyThere(folder: string): Failure {
  return new Failure(`${folder} is already there.`, 'choose another name, or another folder with --in.');
}

/** `my-plugin` as `My plugin`. */
function titleOf(id: string): string {
  const words = id.replaceAll(/[-_]+/g, ' ').trim() || id;
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function readmeOf(id: string, title: string, isCompiled: boolean): string {
  const compiling =
    'The code is compiled: after a change run `npx tsc -p <this folder>` and `npx bkg restart`.\n\n';
  return `# ${title}

A plugin of bkg. \`plugin.json\` says how it is run; what it can do it says itself, on the wire.

\`\`\`sh
npx bkg start ${id}
npx bkg invoke ${id} greet '{"name": "Ada"}'
npx bkg logs ${id} -f
npx bkg conformance ${id}
\`\`\`

${isCompiled ? compiling : ''}This is for the folder of bkg; elsewhere it is \`npx --prefix <that folder> …\`.
`;
}

/** Its command names a file that the compiler has yet to make. */
function needsCompiling(folder: string): boolean {
  if (!existsSync(path.join(folder, 'tsconfig.json'))) return false;
  const manifest = JSON.parse(readFileSync(path.join(folder, 'plugin.json'), 'utf8')) as {
    command: string[];
  };
  const main = manifest.command.find((word) => /\.[cm]?js$/.test(word));
  return main !== undefined && !existsSync(path.join(folder, main));
}

async function compile(folder: string, signal: AbortSignal): Promise<void> {
  const child = spawn(process.execPath, [compiler, '-p', folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.any([signal, AbortSignal.timeout(compileWithinMs)]),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-16_384)));
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.on('error', reject).on('close', resolve);
  const code = await promise;
  if (code === 0) return;
  throw new Failure(
    `Compiling it failed (tsc ended with code ${code}), so nothing was made.`,
    'run `npm start` once, which completes packages and build, then try again.',
    { details: output },
  );
}
