import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fetchFromDebian } from './debian.mjs';
import { Failure } from './failure.mjs';
import { fetchRelease } from './nats-release.mjs';
import { findOnPath, isProgram } from './program.mjs';
import { run } from './run.mjs';
import { isAtLeast, parseVersion } from './version.mjs';

/** Auth callout needs it. */
const minimum = '2.10.0';
const program = process.platform === 'win32' ? 'nats-server.exe' : 'nats-server';

/**
 * A nats-server that is new enough: the named one, one on the PATH, one fetched before, else fetched now.
 * @param {import('./setup.mjs').Context} context
 * @param {string} nodeProgram
 * @param {(doing: string, detail?: string) => void} progress
 * @returns {Promise<{ value: string, note: string }>}  path of the program
 */
export async function natsServer(context, nodeProgram, progress) {
  const { tools, env } = context;
  const named = env.BKG_NATS_SERVER;
  if (named) return { value: path.resolve(named), note: await mustFit(context, path.resolve(named)) };

  const refused = [];
  const onPath = findOnPath('nats-server', env);
  if (onPath) {
    const { version, why } = await examine(context, onPath);
    if (version) return { value: onPath, note: version };
    refused.push(`on the PATH: ${why}`);
  }

  const target = path.join(tools, 'nats-server');
  const fetched = findIn(target);
  if (fetched) {
    const { version, why } = await examine(context, fetched);
    if (version) return { value: fetched, note: version };
    refused.push(`fetched before: ${why}`);
  }

  for (const [way, fetch] of ways) {
    progress(`fetching from ${way}`);
    rmSync(target, { recursive: true, force: true });
    try {
      await fetch(context, target, { nodeProgram, accept: (dir) => accept(context, dir) });
      const found = findIn(target);
      return { value: found, note: `${await mustFit(context, found)}, fetched from ${way}` };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      refused.push(`from ${way}: ${error.message}`);
    }
  }
  throw new Failure(
    `No nats-server ${minimum} or newer was found or could be fetched:\n${refused.map((line) => `    ${line}`).join('\n')}`,
    'install one (https://nats.io/download, brew install nats-server, apt install nats-server on Debian 13 and newer), ' +
      'or set BKG_NATS_SERVER to the path of one, or BKG_NATS_URL to a running broker; then run again.',
  );
}

/** In this order: signed by Debian, then what the authors publish. */
const ways = [
  ['Debian trixie', (context, target, options) => fromSuite('trixie', context, target, options)],
  ['Debian sid', (context, target, options) => fromSuite('sid', context, target, options)],
  ['the release of its authors', fetchRelease],
];

async function fromSuite(suite, context, target, { accept: check }) {
  await fetchFromDebian(context, target, { suite, packages: ['nats-server'], check });
}

/** Where the ways put the program. */
function findIn(target) {
  if (!existsSync(target)) return undefined;
  const beside = readdirSync(target).map((name) => path.join(target, name, program));
  return [path.join(target, 'usr/sbin', program), path.join(target, program), ...beside].find(isProgram);
}

async function accept(context, dir) {
  const found = findIn(dir);
  if (!found) throw new Failure('there is no nats-server in what was fetched.', 'report it.');
  await mustFit(context, found);
}

async function mustFit(context, file) {
  const { version, why } = await examine(context, file);
  if (version) return version;
  throw new Failure(`${file} cannot be used: ${why}.`, `name a nats-server ${minimum} or newer.`);
}

/** @returns {Promise<{ version?: string, why?: string }>} */
async function examine({ signal, env }, file) {
  if (!isProgram(file)) return { why: `${file} is not a program` };
  try {
    const { code, output } = await run(file, ['--version'], { signal, env, timeoutMs: 10_000 });
    const version = parseVersion(output)?.join('.');
    if (code !== 0 || !version) return { why: `it does not run: ${output.trim().split('\n')[0]}` };
    return isAtLeast(version, minimum)
      ? { version }
      : { why: `it is ${version}, bkg needs ${minimum} or newer` };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { why: error.message };
  }
}
