import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { explainOutput, Failure } from './failure.mjs';
import { pnpmEnv } from './pnpm.mjs';
import { run } from './run.mjs';
import { fingerprint, stampFile } from './stamp.mjs';

const installTimeoutMs = 20 * 60_000;
const buildTimeoutMs = 10 * 60_000;

/** @typedef {{ node: string, pnpm: string[] }} Programs */

/** The folders of the project's own packages, from the root, as pnpm-workspace.yaml names them. @param {string} root */
function packageFolders(root) {
  const [, list = ''] =
    /^packages:\n((?: +- .+\n)+)/m.exec(readFileSync(path.join(root, 'pnpm-workspace.yaml'), 'utf8')) ?? [];
  return list
    .split('\n')
    .map((line) => line.replace(/^ +- /, '').trim())
    .filter(Boolean);
}

/**
 * Installs the packages of the registry, when anything that decides about them changed since the last success.
 * @param {import('./setup.mjs').Context} context
 * @param {Programs} programs
 * @param {(doing: string, detail?: string) => void} progress
 */
export async function install({ root, state, signal, env }, { node, pnpm }, progress) {
  const folders = packageFolders(root);
  const manifests = ['package.json', ...folders.map((dir) => `${dir}/package.json`)];
  const { stdout } = await run(node, ['--version'], { signal, env, timeoutMs: 30_000 });
  const files = fingerprint(root, ['pnpm-lock.yaml', 'pnpm-workspace.yaml', '.npmrc', ...manifests]);
  const value = `${files} node ${stdout.trim().split('.')[0]} ${process.platform}-${process.arch}`;
  const stamp = stampFile(path.join(state, 'installed'));
  const complete = ['.', ...folders].every(
    (dir) => existsSync(path.join(root, dir, 'node_modules')) || !hasDependencies(root, dir),
  );
  if (complete && existsSync(path.join(root, 'node_modules/.modules.yaml')) && stamp.matches(value))
    return { value: undefined, note: 'unchanged' };

  progress('installing packages');
  const [command, ...args] = [...pnpm, 'install', '--frozen-lockfile'];
  const { code, output } = await run(command, args, {
    cwd: root,
    env: pnpmEnv(env, node),
    signal,
    timeoutMs: installTimeoutMs,
    onLine: (line) => progress('installing packages', line),
  });
  if (code !== 0 && /ERR_PNPM_(OUTDATED_LOCKFILE|PACKAGE_MANAGER_NO_IMPORTER)/.test(output))
    throw new Failure(
      'pnpm-lock.yaml does not fit the package.json files, so nothing was installed.',
      `after changing dependencies run: ${pnpm.join(' ')} install --no-frozen-lockfile`,
      { details: output },
    );
  if (code !== 0) throw explainOutput('pnpm could not install the packages', output);
  stamp.set(value);
  return { value: undefined, note: 'installed' };
}

function hasDependencies(root, dir) {
  const manifest = JSON.parse(readFileSync(path.join(root, dir, 'package.json'), 'utf8'));
  return Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).length > 0;
}

/** The folders whose TypeScript becomes programs: the dashboard's does not, and what lies in infra runs from its source. */
function programFolders(root) {
  return packageFolders(root).filter(
    (dir) => /^(plugins|services)\//.test(dir) && existsSync(path.join(root, dir, 'tsconfig.json')),
  );
}

const isTest = (file) => /^(plugins|services)\/[^/]+\/test\//.test(file);

const joiner = 'plugins/sdk/join-modules.mjs';

/** What is built, from what, by what. The dashboard imports the wire contract, so it comes second. */
const builds = {
  code: {
    title: 'the TypeScript of plugins and services',
    sources: (file) => file === joiner || (/\.(ts|json|yaml)$/.test(file) && !isTest(file)),
    entries: (root) => [...programFolders(root), '.config/tsconfig.base.json', 'pnpm-lock.yaml'],
    outputs: (root) => programFolders(root).map((dir) => `${dir}/dist`),
    // Not the root's tsconfig.json: who starts a mesh does not wait for the types of the tests.
    commands: ({ node }, root) => [
      [node, 'node_modules/typescript/bin/tsc', '-b', ...programFolders(root)],
      [node, joiner],
    ],
  },
  dashboard: {
    title: 'the dashboard',
    sources: () => true,
    entries: () => ['web', 'plugins/sdk/src', 'plugins/sdk/package.json', 'pnpm-lock.yaml'],
    outputs: () => ['web/build'],
    commands: ({ pnpm }) => [[...pnpm, '--filter', '@bkg/web', 'build']],
  },
};

/**
 * Builds one of `builds` when its sources, or what it made, are not those of the last success.
 * @param {import('./setup.mjs').Context} context
 * @param {keyof typeof builds} what
 * @param {Programs} programs
 * @param {(doing: string, detail?: string) => void} progress
 */
export async function build({ root, state, signal, env }, what, programs, progress) {
  const { title, sources, entries, outputs, commands } = builds[what];
  const before = fingerprint(root, entries(root), sources);
  const made = () => fingerprint(root, outputs(root), () => true, new Set(['.test-types']));
  const stamp = stampFile(path.join(state, `built-${what}`));
  if (stamp.matches(`${before} ${made()}`)) return { value: undefined, note: 'unchanged' };

  progress(`building ${title}`);
  for (const [program, ...args] of commands(programs, root)) {
    const { code, output } = await run(program, args, {
      cwd: root,
      env: pnpmEnv(env, programs.node),
      signal,
      timeoutMs: buildTimeoutMs,
      onLine: (line) => progress(`building ${title}`, line),
    });
    if (code !== 0)
      throw new Failure(
        `Building ${title} failed; the compiler's words stand above.`,
        'mend what it names, then run again.',
        { details: output },
      );
  }
  // Sources that changed while it ran are not in it, so what counts is what was there before.
  stamp.set(`${before} ${made()}`);
  return { value: undefined, note: 'built' };
}
