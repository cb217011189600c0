import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import type { Manifest } from '@bkg/sdk';

/** Endings by which an argument is known for code. */
const code = /^[^-=\s][^=\s]*\.([cm]?[jt]sx?|py|rb|pl|php|lua|sh|jar|wasm)$/i;
/** Flags of interpreters whose value is no file of ours: a module that may be a package's, or code itself. */
const takesOther = /^(-r|--require|--import|--loader|--experimental-loader|-[cemp]|--eval|--print)$/;

/**
 * The file that a command runs, as far as can be told: a program with a path of its own, else the first argument that
 * is called like code. It is the one file without which a plugin that is still being copied must not be started.
 * @returns undefined for a program of the PATH with no such argument, as in `go run .`
 */
export function programFile({ command }: Pick<Manifest, 'command'>): string | undefined {
  const [program = '', ...args] = command;
  if (program.includes('/')) return program;
  return args.find((arg, i) => code.test(arg) && !takesOther.test(args[i - 1] ?? ''));
}

/** Where it lies. */
export function programPath(folder: string, manifest: Pick<Manifest, 'command'>): string | undefined {
  const file = programFile(manifest);
  return file === undefined ? undefined : path.resolve(folder, file);
}

/** Whether a program can be started there: a path from the folder, or a name on the search path. */
export function isProgram(program: string, folder: string, searchPath: string): boolean {
  if (program.includes('/')) return isExecutable(path.resolve(folder, program));
  return searchPath.split(path.delimiter).some((place) => isExecutable(path.resolve(folder, place, program)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
