import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { explainOutput, Failure } from './failure.mjs';
import { findOnPath } from './program.mjs';
import { run } from './run.mjs';

const timeoutMs = 10 * 60_000;

/**
 * Fetches packages into a folder, without running anything of theirs and without touching any project.
 * @param {string} dir  an existing folder
 * @param {string[]} specs  e.g. ["pnpm@12.4.2"]
 * @param {{ signal: AbortSignal, env: NodeJS.ProcessEnv, onLine?: (line: string) => void }} options
 */
export async function npmInstall(dir, specs, { signal, env, onLine }) {
  // Without one npm looks for a project in the folders above.
  writeFileSync(path.join(dir, 'package.json'), '{"private":true}\n');
  const [command, ...first] = npmCommand(env);
  const flags = ['--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--no-update-notifier'];
  // The default waits for minutes before it says that there is no network.
  const patience = ['--fetch-retries=2', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000'];
  const args = [
    ...first,
    'install',
    '--prefix',
    dir,
    ...flags,
    ...patience,
    '--fetch-timeout=60000',
    ...specs,
  ];
  const { code, output } = await run(command, args, {
    cwd: dir,
    env: npmEnv(env),
    signal,
    timeoutMs,
    onLine,
  });
  if (code !== 0) throw explainOutput(`npm could not fetch ${specs.join(' ')}`, output);
}

/** The npm that runs us, else the one on PATH. */
function npmCommand(env) {
  const own = env.npm_execpath ?? '';
  if (path.basename(own) === 'npm-cli.js' && existsSync(own)) return [process.execPath, own];
  // On Windows npm is a .cmd file, which only a shell can run; its script lies beside node.exe.
  const beside = path.join(path.dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js');
  if (process.platform === 'win32' && existsSync(beside)) return [process.execPath, beside];
  const found = findOnPath('npm', env);
  if (found) return [found];
  throw new Failure(
    'npm was not found on the PATH; the set-up fetches its tools with it.',
    'install npm (it comes with Node; on Debian and Ubuntu: apt install npm), then run again.',
  );
}

/**
 * The environment without what npm tells its scripts: `npm start --prefix x` must not decide where tools go.
 * @param {NodeJS.ProcessEnv} env
 */
export function npmEnv(env) {
  const ours =
    /^(INIT_CWD|npm_(package|lifecycle|command|node_execpath|execpath).*|npm_config_(local_prefix|global_prefix|prefix|global|omit|production|workspace.*))$/i;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)));
}
