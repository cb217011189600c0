import { version } from './project.ts';
import { createSay } from './say.ts';
import { takeStopSignals } from './up/stop-signals.ts';

const usage = `Usage: bkg <command>

  up        start nats-server, supervisor, gateway and the plugins, and keep them running
  help      show this
  version   show the version

Settings of bkg up, from the environment:

  BKG_HOME             folder with all data of the mesh            [.bkg in the project's folder]
  BKG_PORT             port of the dashboard and the HTTP API      [43119]
  BKG_HOST             address it listens on, loopback only        [127.0.0.1]
  BKG_PLUGIN_BUS_PORT  port of the nats-server that bkg starts     [43121]
  BKG_NATS_SERVER      path of the nats-server program             [from the PATH, or as fetched]
  BKG_NATS_URL         a broker to use instead of starting one     [none]
  BKG_CREDENTIALS_FILE JSON with its "user" and "password"         [those in BKG_NATS_URL]
`;

/** Runs one command. @returns the exit code: 0 done, 1 failed, 2 not understood @throws Failure */
export async function runCommand(
  [command, ...rest]: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  switch (command) {
    case 'up': {
      if (rest.length > 0)
        return misunderstood(`bkg up takes no arguments, but was given: ${rest.join(' ')}`);
      using signals = takeStopSignals();
      return await (await loadUp()).runUp({ env, say: createSay(), signals });
    }
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(usage);
      return 0;
    case 'version':
    case '--version':
    case '-v':
      process.stdout.write(`bkg ${version()}\n`);
      return 0;
    default:
      return misunderstood(
        command === undefined ? 'a command is missing' : `there is no command "${command}"`,
      );
  }
}

function misunderstood(why: string): number {
  process.stderr.write(`bkg: ${why}\n\n${usage}`);
  return 2;
}

/**
 * Who asks for help does not wait for all that it takes to run a mesh. A function of its own, because TypeScript does not
 * rewrite the extension of an `import()` in a function with `using`.
 */
function loadUp() {
  return import('./up/up.ts');
}
