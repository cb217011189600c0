import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

const listening = '0A';
const lsofMs = 2_000;
const commandMostChars = 100;

/** Who holds a TCP port of this machine, in words such as "node server.js (pid 4711)"; undefined when it cannot be told. */
export async function portHolder(port: number): Promise<string | undefined> {
  try {
    return process.platform === 'linux' ? await fromProc(port) : await fromLsof(port);
  } catch {
    // It was only to help: without it the message has to do.
    return undefined;
  }
}

interface TcpSocket {
  inode: string;
  isListening: boolean;
}

async function fromProc(port: number): Promise<string | undefined> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(readOrNothing));
  const sockets = tables.flatMap((table) => parseTcpTable(table, port));
  // A listener is what people know of; an outgoing connection can hold the port just as well.
  for (const { inode, isListening } of sockets.sort(
    (a, b) => Number(b.isListening) - Number(a.isListening),
  )) {
    const pid = await ownerOf(inode);
    if (!pid) continue;
    const name = await commandOf(pid);
    return isListening ? `${name} (pid ${pid})` : `an outgoing connection of ${name} (pid ${pid})`;
  }
  return undefined;
}

/** How it was started: the name alone is "node" or a thread's. */
async function commandOf(pid: string): Promise<string> {
  const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').join(' ').trim();
  return command.length > commandMostChars ? `${command.slice(0, commandMostChars)}…` : command;
}

/** The sockets with this local port in the text of /proc/net/tcp. */
export function parseTcpTable(table: string, port: number): TcpSocket[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table.split('\n').flatMap((line) => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (!local?.endsWith(suffix) || !inode || inode === '0') return [];
    return [{ inode, isListening: state === listening }];
  });
}

async function ownerOf(inode: string): Promise<string | undefined> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    // Other people's processes do not let us look.
    const handles = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const handle of handles) {
      const target = await readlink(`/proc/${pid}/fd/${handle}`).catch(() => '');
      if (target === `socket:[${inode}]`) return pid;
    }
  }
  return undefined;
}

async function fromLsof(port: number): Promise<string | undefined> {
  const { stdout } = await promisify(execFile)('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'], {
    timeout: lsofMs,
  });
  const [, pid] = /^p(\d+)$/m.exec(stdout) ?? [];
  const [, name] = /^c(.+)$/m.exec(stdout) ?? [];
  return pid && name ? `${name} (pid ${pid})` : undefined;
}

/** Without IPv6 there is no tcp6. */
function readOrNothing(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
