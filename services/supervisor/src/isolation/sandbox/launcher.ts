import { accessSync, constants, writeSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import path from 'node:path';
import { withAddresses } from './broker-address.ts';
import { exitAtOnce, resetIgnoredSignals } from './kernel.ts';
import type { LauncherRules } from './launcher-rules.ts';
import { seal } from './seal.ts';

// Run as `node launcher.js <rules> <command> <arguments…>`: seals itself in and becomes the command.

const resolveMs = 5_000;
/** As shells have it. */
const cannotRun = 126;
const notFound = 127;

const [rules = '', command = '', ...args] = process.argv.slice(2);
try {
  await launch(JSON.parse(rules) as LauncherRules);
} catch (error) {
  end(cannotRun, (error as Error).message);
}

async function launch(sealing: LauncherRules): Promise<void> {
  const env = { ...process.env };
  delete env['NODE_DISABLE_COMPILE_CACHE'];
  const servers = env['BKG_NATS_URL'];
  if (servers !== undefined) env['BKG_NATS_URL'] = await resolved(servers);
  const program = find(command, env['PATH'] ?? '');
  if (program === undefined) end(notFound, `there is no program ${command}`);
  seal(sealing);
  resetIgnoredSignals();
  try {
    process.execve!(program, [command, ...args], env);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    end(cannotRun, `${program} cannot be run: ${code}${code === 'EACCES' ? ', it may lie outside' : ''}`);
  }
}

/** A broker that cannot be found now is looked for in vain by the plugin, which is ended for it and started again. */
async function resolved(servers: string): Promise<string> {
  const late = AbortSignal.timeout(resolveMs);
  const isLate = new Promise<never>((_, reject) => {
    late.addEventListener('abort', () => reject(new Error(`no answer within ${resolveMs} ms`)));
  });
  try {
    const find = (host: string) => lookup(host, { all: true });
    return await Promise.race([withAddresses(servers, find), isLate]);
  } catch (error) {
    console.error(`sandbox: the broker's address is not known: ${(error as Error).message}`);
    return servers;
  }
}

/** As the system does it for a name without a slash. */
function find(name: string, searched: string): string | undefined {
  if (name.includes('/')) return name;
  return searched
    .split(path.delimiter)
    .map((folder) => path.join(folder || '.', name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function end(code: number, why: string): never {
  writeSync(2, `sandbox: ${why}\n`);
  exitAtOnce(code);
}
