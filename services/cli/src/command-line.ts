import { describeCommand, isHelpAsked, parseCommand, UsageError } from './command.ts';
import type { CommandSpec } from './command.ts';
import { commands } from './command-table.ts';
import { version } from './project.ts';
import { endWithReader } from './terminal.ts';

const settings = `Where the mesh is, from the environment (bkg up is started with the same):

  BKG_HOME             folder with all data of the mesh            [.bkg in the project's folder]
  BKG_PORT             port of the dashboard and the HTTP API      [43119]
  BKG_HOST             address or name it listens on               [127.0.0.1]
  BKG_API_KEY          the key that commands show to the gateway   [admin.key of BKG_HOME]

Other settings of bkg up:

  BKG_PUBLIC_URL           the address that people use, with TLS       [that of BKG_HOST and BKG_PORT]
  BKG_NO_AUTH              1: nobody is asked who they are (loopback)  [everybody is]
  BKG_PLUGIN_BUS_PORT      port of the nats-server that bkg starts     [43121]
  BKG_PLUGIN_BUS_HOST      address it listens on                       [127.0.0.1]
  BKG_PLUGIN_BUS_TLS_CERT  its certificate, in PEM: it speaks TLS      [none: it listens on loopback only]
  BKG_PLUGIN_BUS_TLS_KEY   the key of that certificate                 [none]
  BKG_PLUGIN_BUS_TLS_CA    the certificates that it comes from         [those that Node trusts]
  BKG_PLUGINS_PATH         more folders with plugins                   [none]
  BKG_NATS_SERVER          path of the nats-server program             [from the PATH, or as fetched]
  BKG_NATS_URL             a broker to use instead of starting one     [none]
  BKG_CREDENTIALS_FILE     JSON with its "user" and "password"         [those in BKG_NATS_URL]
`;

/**
 * Runs one command.
 * @returns the exit code: 0 done, 2 not understood; others are the command's own
 * @throws Failure
 */
export async function runCommand(words: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [first, ...topic] = words;
  if (first === 'version' || first === '--version' || first === '-v') return say(`bkg ${version()}\n`);
  if (first === 'help' || first === '--help' || first === '-h') return help(topic);
  const command = commandOf(words);
  if (!command) return misunderstood(first === undefined ? 'a command is missing' : unknown(first), usage());
  const { name, spec, given } = command;
  if (isHelpAsked(given)) return say(describeCommand(name, spec));
  try {
    const args = parseCommand(spec, given);
    const { run } = await spec.load();
    // `bkg up` outlives its terminal.
    if (name !== 'up') endWithReader();
    return await run(args, env);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return misunderstood(`${name}: ${error.message}`, describeCommand(name, spec));
  }
}

function help(topic: readonly string[]): number {
  const [first] = topic;
  if (first === undefined) return say(`${usage()}\n${settings}`);
  const command = commandOf(topic);
  return command ? say(describeCommand(command.name, command.spec)) : misunderstood(unknown(first), usage());
}

interface Command {
  name: string;
  spec: CommandSpec;
  /** What follows its name. */
  given: readonly string[];
}

/** The command with the longest name that these words begin with. */
function commandOf(words: readonly string[]): Command | undefined {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(' ');
    // Not an inherited member such as `constructor`.
    const spec = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (spec) return { name, spec, given: words.slice(length) };
  }
  return undefined;
}

function usage(): string {
  const rows = [
    ...Object.entries(commands).map(([name, { summary }]) => [name, summary]),
    ['help', 'show this; help <command> shows its options'],
    ['version', 'show the version'],
  ];
  const width = Math.max(...rows.map(([name = '']) => name.length));
  const lines = rows.map(([name = '', summary]) => `  ${name.padEnd(width)}  ${summary}\n`);
  return `Usage: bkg <command>\n\n${lines.join('')}`;
}

function unknown(name: string): string {
  return `there is no command "${name}"`;
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

function misunderstood(why: string, remedy: string): number {
  process.stderr.write(`bkg: ${why}\n\n${remedy}`);
  return 2;
}
