import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { Failure } from './failure.mjs';
import { live } from './life.mjs';
import { natsServer } from './nats-server.mjs';
import { npmEnv } from './npm.mjs';
import { seconds } from './say.mjs';
import { alone, buildAll, createContext, prepare } from './setup.mjs';

const neededBytes = 1.5 * 2 ** 30;

/** Sets up what is missing, then is the shell around `bkg up` until that ends. */
export const main = () =>
  live(async ({ signal, letGo }) => {
    const started = performance.now();
    const context = createContext(signal);
    const { say, env } = context;
    const ready = await alone(context, async () => {
      const programs = await prepare(context, neededBytes, 'packages and tools');
      await buildAll(context, programs);
      const broker = env.BKG_NATS_URL
        ? undefined
        : await say.part('nats-server', (progress) => natsServer(context, programs.node, progress));
      return { node: programs.node, broker };
    });
    say.write(`  ✓ set-up       complete (${seconds(performance.now() - started)})`);
    letGo();
    return handOver(context, ready, process.argv.slice(2));
  });

/**
 * Runs `bkg up` and ends as it ends. On a terminal Ctrl-C reaches it from there, as it is in the same process group;
 * sending it on as well would make two of one.
 */
function handOver({ root, home, env }, { node, broker }, args) {
  const program = path.join(root, 'services/cli/dist/main.js');
  if (!existsSync(program))
    throw new Failure(`${program} is missing although the build succeeded.`, 'check the outDir of services/cli/tsconfig.json.'); // prettier-ignore
  const child = spawn(node, [program, 'up', ...args], {
    stdio: 'inherit',
    env: {
      ...npmEnv(env),
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
