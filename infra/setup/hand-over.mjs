import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { Failure } from './failure.mjs';
import { npmEnv } from './npm.mjs';

/**
 * Runs `bkg up` and ends as it ends. On a terminal Ctrl-C reaches it from there, as it is in the same process group;
 * sending it on as well would make two of one.
 * @param {import('./setup.mjs').Context} context
 * @param {{ node: string, broker?: string }} programs  broker: path of nats-server
 * @param {string[]} args  for `bkg up`
 * @returns {Promise<number>}  exit code
 */
export function handOver({ root, home, env }, { node, broker }, args) {
  const program = path.join(root, 'services/cli/dist/main.js');
  if (!existsSync(program))
    throw new Failure(`${program} is missing although the build succeeded.`, 'check the outDir of services/cli/tsconfig.json.'); // prettier-ignore
  const child = spawn(node, [program, 'up', ...args], {
    stdio: 'inherit',
    env: {
      ...npmEnv(env),
      // Where npm was called: relative folders in BKG_PLUGINS_PATH begin there.
      ...(env.INIT_CWD ? { INIT_CWD: env.INIT_CWD } : {}),
      BKG_HOME: home,
      ...(broker ? { BKG_NATS_SERVER: broker } : {}),
      PATH: `${path.dirname(node)}${path.delimiter}${env.PATH ?? env.Path ?? ''}`,
    },
  });
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  for (const name of ['SIGTERM', 'SIGHUP']) process.on(name, () => child.kill(name));
  return new Promise((resolve, reject) => {
    child.on('error', (error) =>
      reject(
        new Failure(`${node} could not be started: ${error.message}.`, 'remove .bkg/tools and run again.'),
      ),
    );
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}
