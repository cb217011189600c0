import path from 'node:path';
import { homePaths, isSameProcess } from '@bkg/sdk/host';
import { Failure } from './failure.ts';
import { hostOf, isLoopback } from './listen-address.ts';
import { homeFolder, isOwnGateway, upFileOf } from './mesh-address.ts';
import { readUpRecord } from './up/up-record.ts';
import type { UpRecord } from './up/up-record.ts';

/** A mesh of which a living `bkg up` takes care. */
export interface HeldMesh extends Pick<UpRecord, 'pid' | 'state'> {
  /** BKG_HOME, absolute. */
  home: string;
}

/** The mesh of BKG_HOME when its gateway should be at `url`; undefined when nobody holds it there. */
export function heldMesh(env: NodeJS.ProcessEnv, url: URL): HeldMesh | undefined {
  const home = homeFolder(env);
  const record = recordOf(home);
  const isThere =
    record && (isOwnGateway(url, env) || (String(record.port) === url.port && isLoopback(hostOf(url))));
  return isThere && isSameProcess(record) ? { home, pid: record.pid, state: record.state } : undefined;
}

const words: Record<UpRecord['state'], { is: string; remedy: string }> = {
  starting: { is: 'is just being started', remedy: 'try again when `bkg up` says that it is up.' },
  up: { is: 'is up', remedy: 'try again in a moment: `bkg up` starts its gateway again when that ends.' },
  stopping: {
    is: 'is just being stopped',
    remedy: 'start it again when it has ended: `npm start` in the folder of bkg.',
  },
};

/** Says on standard error why nothing happens for a while. */
export function sayWaiting({ home, state }: HeldMesh): void {
  const { stderr } = process;
  // A moving line may stand there.
  const clear = stderr.isTTY ? '\r\x1b[2K' : '';
  stderr.write(
    `${clear}bkg: the mesh of ${home} ${words[state].is}, its gateway does not answer yet; waiting for it\n`,
  );
}

/** @param name the address for people */
export function describeHeldMesh({ home, pid, state }: HeldMesh, name: string, cause: unknown): Failure {
  const { is, remedy } = words[state];
  const log = path.join(homePaths(home).logs, 'gateway.log');
  return new Failure(
    `The mesh of ${home} ${is} (process ${pid}), but its gateway does not answer at ${name}.`,
    state === 'stopping' ? remedy : `${remedy} ${log} says what became of it.`,
    { cause },
  );
}

function recordOf(home: string): UpRecord | undefined {
  try {
    return readUpRecord(upFileOf(home));
  } catch (error) {
    // It was only to help: what is told then is that nobody answers.
    if (error instanceof Failure) return undefined;
    throw error;
  }
}
