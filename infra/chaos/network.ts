import { execFileSync, spawn, spawnSync } from 'node:child_process';

/** Says to the program that it is in a network of its own already. */
const variable = 'CHAOS_OWN_NETWORK';
const [localPriority, cutPriority] = ['100', '50'];

/** Whether this process has a network of its own, in which it may do what it likes. */
export const hasOwnNetwork = process.env[variable] === '1';

/**
 * Runs this program once more in a network namespace of its own, where root can have one: there the system itself loses
 * packets, and no port is anybody else's. @returns its exit code, or undefined where it cannot be done
 */
export async function runInOwnNetwork(seed: number): Promise<number | undefined> {
  if (hasOwnNetwork || process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  const enter = ['--net', '--kill-child=SIGTERM'];
  const trial = `ip link set lo up && ip rule add pref ${cutPriority} ipproto tcp dport 9 blackhole`;
  if (spawnSync('unshare', [...enter, 'sh', '-c', trial], { stdio: 'ignore' }).status !== 0) return undefined;
  // The last of two counts.
  const program = [process.execPath, ...process.execArgv, ...process.argv.slice(1), '--seed', String(seed)];
  const child = spawn('unshare', [...enter, ...program], {
    stdio: 'inherit',
    env: { ...process.env, [variable]: '1' },
  });
  // The terminal tells it, too; who was told alone tells it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => void child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** To be called once, before anything listens. */
export function openOwnNetwork(): void {
  ip('link', 'set', 'lo', 'up');
  // What goes to this machine itself is decided before all rules, unless that rule comes later.
  ip('rule', 'add', 'pref', localPriority, 'lookup', 'local');
  ip('rule', 'del', 'pref', '0');
}

/** From now on every packet from and to this port is lost. */
export function losePackets(port: number): void {
  for (const end of ['sport', 'dport'])
    ip('rule', 'add', 'pref', cutPriority, 'ipproto', 'tcp', end, String(port), 'blackhole');
}

export function passPackets(port: number): void {
  for (const end of ['sport', 'dport'])
    ip('rule', 'del', 'pref', cutPriority, 'ipproto', 'tcp', end, String(port), 'blackhole');
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
