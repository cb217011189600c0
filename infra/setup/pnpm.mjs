import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { explainOutput, Failure } from './failure.mjs';
import { npmEnv, npmInstall } from './npm.mjs';
import { run } from './run.mjs';
import { placeWhole } from './whole.mjs';

/**
 * The pnpm that package.json pins, as a command line to put arguments behind.
 * @param {import('./setup.mjs').Context} context
 * @param {string} nodeProgram
 * @param {(doing: string, detail?: string) => void} progress
 * @returns {Promise<{ value: string[], note: string }>}
 */
export async function pnpm({ root, tools, signal, env }, nodeProgram, progress) {
  const version = pinned(root);
  const target = path.join(tools, 'pnpm', version);
  // Its start script finds the program of this machine (also a musl one) by itself.
  const within = ['node_modules', 'pnpm', 'bin', 'pnpm.mjs'];
  const command = [nodeProgram, path.join(target, ...within)];
  if (existsSync(command[1])) return { value: command, note: version };

  progress(`fetching pnpm ${version}`);
  rmSync(target, { recursive: true, force: true });
  await placeWhole(target, async (partial) => {
    await npmInstall(partial, [`pnpm@${version}`], { signal, env });
    const args = [path.join(partial, ...within), '--version'];
    // Not inside the checkout, whose pin would make it look for itself.
    const { code, output } = await run(nodeProgram, args, { cwd: partial, signal, env, timeoutMs: 60_000 });
    if (code !== 0) throw explainOutput(`the fetched pnpm ${version} does not run`, output);
  });
  return { value: command, note: `${version}, fetched` };
}

function pinned(root) {
  const { packageManager } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const version = /^pnpm@(\d+\.\d+\.\d+)/.exec(packageManager ?? '')?.[1];
  if (version) return version;
  throw new Failure(
    `packageManager in package.json is ${JSON.stringify(packageManager)}, not pnpm with an exact version.`,
    'write it as "pnpm@<major>.<minor>.<patch>".',
  );
}

/**
 * The environment for pnpm and all that it starts: the chosen Node first, and failing in time without a network.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} nodeProgram
 */
export function pnpmEnv(env, nodeProgram) {
  // NODE_ENV=production would leave the compilers out.
  const { NODE_ENV: _, ...kept } = npmEnv(env);
  return {
    ...kept,
    PATH: `${path.dirname(nodeProgram)}${path.delimiter}${env.PATH ?? env.Path ?? ''}`,
    pnpm_config_fetch_retries: '2',
    pnpm_config_fetch_retry_mintimeout: '1000',
    pnpm_config_fetch_retry_maxtimeout: '5000',
    // It would ask before it removes a node_modules made by another version, and nobody is there to answer.
    pnpm_config_confirm_modules_purge: 'false',
  };
}
