import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { userInfo } from 'node:os';

/** Who uses a port of this machine, as far as the system tells: only Linux does, and only of one's own processes. */
export function describePortHolder(port: number): string | undefined {
  const sockets = socketsOn(port);
  const pid = processIds().find((candidate) => holdsOneOf(candidate, sockets));
  if (pid) return `process ${pid} (${commandOf(pid)})`;
  const foreign = sockets.find(({ uid }) => uid !== userInfo().uid);
  return foreign && `a process of another user (uid ${foreign.uid})`;
}

interface Socket {
  inode: string;
  uid: number;
}

/** A connection that left from the port holds it as well as somebody who listens on it; who listens comes first. */
function socketsOn(port: number): Socket[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['tcp', 'tcp6']
    .flatMap((name) => readLines(`/proc/net/${name}`).slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local]) => local?.endsWith(suffix))
    .sort(([, , , a], [, , , b]) => Number(b === '0A') - Number(a === '0A'))
    .map((fields) => ({ inode: `socket:[${fields[9]}]`, uid: Number(fields[7]) }));
}

function processIds(): string[] {
  return process.platform === 'linux' ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
}

function holdsOneOf(pid: string, sockets: readonly Socket[]): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      return sockets.some(({ inode }) => inode === target);
    });
  } catch {
    // It ended or closed the file meanwhile, or it is somebody else's.
    return false;
  }
}

function commandOf(pid: string): string {
  const words = readLines(`/proc/${pid}/cmdline`).join(' ').split('\0').filter(Boolean);
  const command = words.join(' ');
  return command.length > 120 ? `${command.slice(0, 120)}…` : command || 'it does not tell its command';
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean);
  } catch {
    // No such table on this system, or the process ended.
    return [];
  }
}
