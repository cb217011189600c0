import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../failure.ts';
import { projectFolder } from '../project.ts';

/** What stable Debian carries, and what authorization by a service needs. */
const minimum = [2, 10, 0] as const;
export const minimumNatsVersion = minimum.slice(0, 2).join('.');
const name = process.platform === 'win32' ? 'nats-server.exe' : 'nats-server';

export interface NatsServer {
  program: string;
  version: string;
}

/**
 * A nats-server that is new enough: the named one; else one on the PATH, else one that the set-up has fetched.
 * @throws Failure that says what was looked at
 */
export async function findNatsServer(
  named: string | undefined,
  home: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<NatsServer> {
  const candidates = named ? [named] : [...onPath(env), ...fetched(home)];
  const refused: string[] = [];
  for (const program of candidates) {
    const { version, why } = await examine(program, signal);
    if (version) return { program, version };
    refused.push(`${program}: ${why}`);
  }
  const remedy = `run \`npm start\`, which fetches one, or set BKG_NATS_SERVER to the path of a nats-server ${minimumNatsVersion} or newer.`;
  if (named) throw new Failure(`BKG_NATS_SERVER cannot be used: ${refused.join('')}.`, remedy);
  const looked = refused.map((line) => `\n    ${line}`).join('');
  throw new Failure(
    `No nats-server ${minimumNatsVersion} or newer was found on the PATH or among the fetched tools.${looked}`,
    remedy,
  );
}

/** Whether the version in a text, such as "nats-server: v2.10.27", is new enough. */
export function isNewEnough(version: string): boolean {
  const given = version.split('.').map(Number);
  const different = minimum.findIndex((part, i) => part !== given[i]);
  return different === -1 || (given[different] ?? 0) > (minimum[different] ?? 0);
}

async function examine(program: string, signal: AbortSignal): Promise<{ version?: string; why?: string }> {
  if (!isProgram(program)) return { why: 'there is no program of that name' };
  try {
    const { stdout, stderr } = await promisify(execFile)(program, ['--version'], { timeout: 10_000, signal });
    const version = /(\d+\.\d+\.\d+)/.exec(stdout + stderr)?.[1];
    if (!version) return { why: 'it does not tell its version' };
    return isNewEnough(version)
      ? { version }
      : { why: `it is ${version}, bkg needs ${minimumNatsVersion} or newer` };
  } catch (error) {
    signal.throwIfAborted();
    return { why: `it does not run (${(error as Error).message.trim().split('\n').at(-1)})` };
  }
}

function onPath(env: NodeJS.ProcessEnv): string[] {
  const folders = (env['PATH'] ?? env['Path'] ?? '').split(path.delimiter).filter(Boolean);
  return folders.map((dir) => path.resolve(dir, name)).filter(isProgram);
}

/** Where the set-up puts it: a package of Debian, unpacked, or a release of its authors, in a folder of its own. */
function fetched(home: string): string[] {
  const tools = [...new Set([home, path.join(projectFolder, '.bkg')])];
  return tools
    .map((dir) => path.join(dir, 'tools', 'nats-server'))
    .filter((dir) => existsSync(dir))
    .flatMap((dir) => ['usr/sbin', '', ...readdirSync(dir)].map((sub) => path.join(dir, sub, name)))
    .filter(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    // Not there, or not ours to run: either way no program for us.
    return false;
  }
}
