import { handOver } from './hand-over.mjs';
import { live } from './life.mjs';
import { natsServer } from './nats-server.mjs';
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
    signal.throwIfAborted();
    say.write(`  ✓ set-up       complete (${seconds(performance.now() - started)})`);
    letGo();
    return handOver(context, ready, process.argv.slice(2));
  });
