import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from './failure.mjs';
import { run } from './run.mjs';
import { placeWhole } from './whole.mjs';

/** The same version that Debian 13 carries, so that all machines run the one the project is tested with. */
const version = '2.10.27';
const base = `https://github.com/nats-io/nats-server/releases/download/v${version}`;
const systems = { linux: 'linux', darwin: 'darwin', win32: 'windows' };
const processors = { x64: 'amd64', arm64: 'arm64' };
const downloader = fileURLToPath(new URL('download.mjs', import.meta.url));

/**
 * Fetches the archive that the authors of nats-server publish, checked against their list of checksums.
 * @param {import('./setup.mjs').Context} context
 * @param {string} target  folder
 * @param {{ nodeProgram: string, accept: (dir: string) => Promise<void> }} options  accept: looks at what was unpacked
 */
export async function fetchRelease({ signal, env }, target, { nodeProgram, accept }) {
  const [system, processor] = [systems[process.platform], processors[process.arch]];
  if (!system || !processor)
    throw new Failure(
      `there is no release for ${process.platform}-${process.arch}.`,
      'build nats-server yourself.',
    );
  const archive = `nats-server-v${version}-${system}-${processor}.${system === 'windows' ? 'zip' : 'tar.gz'}`;
  await placeWhole(target, async (partial) => {
    const download = async (name) => {
      const file = path.join(partial, name);
      // In a process of the chosen Node, which can go through a proxy; older ones cannot.
      const args = [downloader, `${base}/${name}`, file];
      const settings = { ...env, NODE_USE_ENV_PROXY: '1' };
      const { code, output } = await run(nodeProgram, args, { signal, env: settings, timeoutMs: 5 * 60_000 });
      if (code !== 0)
        throw new Failure(
          output.trim().split('\n').at(-1) ?? '',
          'check the network and the proxy settings.',
        );
      return file;
    };
    const [file, sums] = [await download(archive), await download('SHA256SUMS')];
    checkSum(file, readFileSync(sums, 'utf8'), archive);
    // bsdtar, which Windows has, opens zip files too.
    const { code, output } = await run('tar', ['-xf', file, '-C', partial], {
      signal,
      env,
      timeoutMs: 60_000,
    });
    if (code !== 0) throw new Failure(`${archive} could not be unpacked: ${output.trim()}`, 'run again.');
    rmSync(file);
    await accept(partial);
  });
}

/**
 * @param {string} file
 * @param {string} sums  lines "<sha256>  <name>"
 * @param {string} name
 */
export function checkSum(file, sums, name) {
  const wanted = sums.split('\n').map((line) => line.trim().split(/\s+\*?/)).find(([, listed]) => listed === name)?.[0]; // prettier-ignore
  const given = createHash('sha256').update(readFileSync(file)).digest('hex');
  if (wanted === given) return;
  throw new Failure(
    `the checksum of ${name} is ${given}, the list of the release says ${wanted ?? 'nothing about it'}.`,
    'run again; if it stays, something between here and there changes downloads.',
  );
}
