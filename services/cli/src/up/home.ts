import { chmodSync, mkdirSync, statfsSync, statSync } from 'node:fs';
import path from 'node:path';
import { homePaths } from '@bkg/sdk/host';
import type { HomePaths } from '@bkg/sdk/host';
import { explainFile, Failure } from '../failure.ts';
import { upFileOf } from '../mesh-address.ts';

export interface Home extends HomePaths {
  /** What runs, for the next `bkg up`. */
  upFile: string;
  natsConfigFile: string;
  /** Passwords and the like of our own nats-server, kept. */
  accessFile: string;
  /** What the gateway shows to it. */
  gatewayCredentialsFile: string;
  /** The certificates that its certificate comes from. */
  caFile: string;
  /** The user and password that stood in BKG_NATS_URL. */
  brokerCredentialsFile: string;
}

/** Below this nats-server refuses writes sooner or later, and every log and record fails. */
const neededBytes = 64 * 1024 * 1024;

/** Makes the folders of a mesh; `run` holds secrets: nobody else may list it, and each file there is its owner's only. `nats` and `logs` are closed to everybody else. @throws Failure */
export function makeHome(folder: string): Home {
  const paths = homePaths(folder);
  try {
    for (const dir of [paths.home, paths.models, paths.hub, paths.data]) mkdirSync(dir, { recursive: true });
    for (const dir of [paths.nats, paths.logs]) makeClosed(dir);
    mkdirSync(paths.run, { recursive: true, mode: 0o711 });
    // A plugin that runs under a user of its own passes through to its own files.
    chmodSync(paths.run, 0o711);
  } catch (error) {
    throw explainFile(error, `Making the data folder ${folder}`);
  }
  needSpace(folder);
  const run = (name: string): string => path.join(paths.run, name);
  return {
    ...paths,
    upFile: upFileOf(folder),
    natsConfigFile: run('nats-server.conf'),
    accessFile: run('access.json'),
    gatewayCredentialsFile: run('gateway-credentials.json'),
    caFile: run('ca.pem'),
    brokerCredentialsFile: run('broker-credentials.json'),
  };
}

/** What the broker keeps and what plugins print may hold secrets. */
function makeClosed(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const mode = statSync(dir).mode & 0o7777;
  if ((mode & 0o077) !== 0) chmodSync(dir, mode & ~0o077);
}

function needSpace(folder: string): void {
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  throw new Failure(
    `${folder} has ${Math.floor(freeBytes / 2 ** 20)} MiB of free disk space; bkg needs ${neededBytes / 2 ** 20} to run.`,
    'free some space, or set BKG_HOME to a folder on a larger disk.',
  );
}
