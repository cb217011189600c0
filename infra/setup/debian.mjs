import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Failure } from './failure.mjs';
import { findOnPath } from './program.mjs';
import { run } from './run.mjs';
import { placeWhole } from './whole.mjs';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const timeoutMs = 10 * 60_000;

/**
 * Fetches packages of Debian into a folder, signatures checked, as any user and without changing the system: apt
 * works on lists, a cache and a package status of its own.
 *
 * The address is that of the machine's own mirror, so none is written down here.
 * @param {import('./setup.mjs').Context} context
 * @param {string} target  folder; afterwards a tree with usr/ and so on, and fetched.json
 * @param {object} options
 * @param {string[]} options.packages
 * @param {string} [options.suite]  take them from this suite; without it from the machine's own ones
 * @param {boolean} [options.closure]  with all that they depend on, as if nothing was installed
 * @param {(archive: string) => boolean} [options.keep]  which of the closure to unpack, by the name of the .deb
 * @param {(dir: string) => Promise<void>} options.check  looks at the tree before it counts
 * @param {(line: string) => void} [options.onLine]
 */
export async function fetchFromDebian(context, target, options) {
  const { packages, suite, closure = false, keep = () => true, check, onLine } = options;
  mustBeDebian(context.env);
  await placeWhole(target, async (partial) => {
    const work = path.join(partial, '.apt');
    const apt = await privateApt(context, work, suite);
    await apt(['apt-get', 'update'], onLine);
    const archives = path.join(work, 'cache/archives');
    const fetch = closure
      ? ['install', '--yes', '--download-only', '--no-install-recommends', ...packages]
      : ['download', ...packages];
    await apt(['apt-get', ...fetch], onLine, archives);

    const debs = readdirSync(archives).filter((name) => name.endsWith('.deb'));
    const fetched = debs.map((file) => ({ file, sha256: sha256(path.join(archives, file)) }));
    for (const name of packages) await mustBeSigned(apt, name, fetched);
    for (const deb of debs.filter(keep)) {
      onLine?.(`unpacking ${deb}`);
      await apt(['dpkg-deb', '-x', path.join(archives, deb), partial]);
      rmSync(path.join(archives, deb));
    }
    rmSync(work, { recursive: true, force: true });
    const record = { suite: suite ?? 'own', fetched_at: new Date().toISOString(), packages: fetched };
    writeFileSync(path.join(partial, 'fetched.json'), JSON.stringify(record, null, 2));
    await check(partial);
  });
}

function mustBeDebian(env) {
  const missing = ['apt-get', 'apt-config', 'apt-cache', 'dpkg-deb', 'dpkg'].find(
    (name) => !findOnPath(name, env),
  );
  if (missing)
    throw new Failure(`this is not a Debian machine (there is no ${missing}).`, 'use another way.');
  if (!existsSync(keyring)) throw new Failure(`there is no ${keyring}.`, 'install debian-archive-keyring.');
}

/** @returns {Promise<(command: string[], onLine?: (line: string) => void, cwd?: string) => Promise<string>>} */
async function privateApt({ signal, env }, work, suite) {
  for (const dir of ['lists/partial', 'cache/archives/partial', 'none', 'sources', 'state'])
    mkdirSync(path.join(work, dir), { recursive: true });
  writeFileSync(path.join(work, 'status'), '');
  const conf = path.join(work, 'apt.conf');
  const call = (settings) => async (command, onLine, cwd) => {
    const [program, ...args] = command;
    const { code, stdout, output } = await run(program, args, {
      cwd,
      env: { ...env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive', ...settings },
      signal,
      timeoutMs,
      onLine,
    });
    if (code === 0) return stdout;
    const lines = output.trim().split('\n');
    const said = lines.find((line) => line.startsWith('E: ')) ?? lines.at(-1);
    throw new Failure(`${command.slice(0, 2).join(' ')} failed: ${said}`, 'check the network.', {
      details: output,
    });
  };
  const machine = call({});
  const privately = call({ APT_CONFIG: conf });

  const architecture = (await machine(['dpkg', '--print-architecture'])).trim();
  const proxies = (await machine(['apt-config', 'dump'])).split('\n').filter((line) => /^Acquire::(http|https|socks)\b/.test(line)); // prettier-ignore
  const settings = [
    ...proxies,
    `Dir::State "${work}/state";`,
    `Dir::State::status "${work}/status";`,
    `Dir::State::lists "${work}/lists";`,
    `Dir::Cache "${work}/cache";`,
    `Dir::Cache::archives "${work}/cache/archives";`,
    // Also leaves out the hooks that other packages put there.
    `Dir::Etc::main "/dev/null";`,
    `Dir::Etc::parts "${work}/none";`,
    `Dir::Etc::preferences "/dev/null";`,
    `Dir::Etc::preferencesparts "${work}/none";`,
    `APT::Architecture "${architecture}";`,
    `APT::Architectures { "${architecture}"; };`,
    `APT::Sandbox::User "";`,
    `APT::Get::AllowUnauthenticated "false";`,
    `Acquire::AllowInsecureRepositories "false";`,
    `Acquire::Languages "none";`,
    `Acquire::Retries "2";`,
    `Acquire::http::Timeout "30";`,
    `Acquire::https::Timeout "30";`,
    `Debug::NoLocking "true";`,
  ];
  writeFileSync(conf, settings.join('\n'));

  let own = debianSources(await machine(indexTargets));
  if (own.length === 0) {
    // A fresh container has never updated, and until then apt does not know whose archives it is told to use.
    await privately(['apt-get', 'update']);
    own = debianSources(await privately(indexTargets));
  }
  if (own.length === 0)
    throw new Failure('apt on this machine knows no archive of Debian.', 'use another way.');

  const main = own.find(({ suite: name }) => !name.includes('-')) ?? own[0];
  const entries = suite ? [{ uri: main.uri, suite }] : own;
  writeFileSync(path.join(work, 'sources/debian.sources'), entries.map(source).join('\n'));
  const sources = [
    `Dir::Etc::sourcelist "/dev/null";`,
    `Dir::Etc::sourceparts "${work}/sources";`,
    // Without it an update that reached nobody ends well, and the package is merely unknown afterwards.
    `APT::Update::Error-Mode "any";`,
  ];
  writeFileSync(conf, [...settings, ...sources].join('\n'));
  return privately;
}

const indexTargets = [
  'apt-get',
  'indextargets',
  '--format',
  '$(ORIGIN)|$(COMPONENT)|$(RELEASE)|$(REPO_URI)',
  'Created-By: Packages',
];

/** Debian's own archives among what apt lists, each once. @param {string} listed */
export function debianSources(listed) {
  const lines = [...new Set(listed.split('\n'))].map((line) => line.split('|'));
  return lines
    .filter(([origin, component]) => origin === 'Debian' && component === 'main')
    .map(([, , suite, uri]) => ({ suite, uri }));
}

const source = ({ uri, suite }) =>
  `Types: deb\nURIs: ${uri}\nSuites: ${suite}\nComponents: main\nSigned-By: ${keyring}\n`;

/** apt compares on download; this holds what lies here now against the signed index once more. */
async function mustBeSigned(apt, name, fetched) {
  const shown = await apt(['apt-cache', 'show', '--no-all-versions', name]);
  const wanted = /^SHA256: ([0-9a-f]{64})$/m.exec(shown)?.[1];
  if (fetched.some(({ file, sha256: given }) => given === wanted && file.startsWith(`${name}_`))) return;
  throw new Failure(`the checksum of ${name} is not that of the signed index (${wanted}).`, 'run again.');
}

const sha256 = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
