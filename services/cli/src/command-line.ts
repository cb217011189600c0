import { describeCommand, isHelpAsked, parseCommand, UsageError } from './command.ts';
import type { CommandSpec, OptionSpec } from './command.ts';
import { version } from './project.ts';
import { endWithReader } from './terminal.ts';

const url: OptionSpec = {
  value: '<address>',
  text: 'the gateway  [BKG_HOST and BKG_PORT, else where `bkg up` runs]',
};
const none = { least: 0, most: 0 };
const some = { least: 0, most: Infinity };
const any = { least: 1, most: Infinity };

const control = {
  usage: '<plugin>… [options]',
  words: any,
  options: { url, 'no-wait': { text: 'returns when the order is written, not when it is reached' } },
};

const commands: Readonly<Record<string, CommandSpec>> = {
  up: {
    summary: 'start nats-server, supervisor, gateway and the plugins, and keep them running',
    usage: '',
    words: none,
    options: {},
    notes: '`bkg help` lists its settings, which are variables of the environment.',
    load: () => import('./commands/up.ts'),
  },
  plugins: {
    summary: 'which plugins there are and how they do; with an id all about one',
    usage: '[<plugin>] [options]',
    words: { least: 0, most: 1 },
    options: {
      url,
      json: { text: 'what the gateway says, as it is' },
      watch: { short: 'w', text: 'shows it again every two seconds' },
    },
    load: () => import('./commands/plugins.ts'),
  },
  start: {
    ...control,
    summary: 'start plugins, and wait until they run',
    load: () => import('./commands/start.ts'),
  },
  stop: { ...control, summary: 'drain and stop plugins', load: () => import('./commands/stop.ts') },
  restart: {
    ...control,
    summary: 'drain plugins and start them anew',
    load: () => import('./commands/restart.ts'),
  },
  invoke: {
    summary: 'call a capability of a plugin and print what it returns',
    usage: '<plugin> <capability> [<payload>] [options]',
    words: { least: 2, most: 3 },
    options: {
      url,
      file: { short: 'f', value: '<file>', text: 'takes the payload from a file; - is standard input' },
      timeout: {
        short: 't',
        value: '<span>',
        text: 'such as 500ms, 10s, 2m  [as long as the plugin allows]',
      },
      raw: { text: 'on a terminal too: the output as it is' },
    },
    notes: `The payload is JSON: a word, - for standard input, or a file; without one {} is sent. One that
begins with a minus goes after --. Output is printed byte by byte; on a terminal it is laid out.

Exit codes: 0 it succeeded, 1 it did not come as far as the plugin, 2 this line was not understood,
3 the plugin answered with an error or not in time, 130 Ctrl-C, which cancels it.`,
    load: () => import('./commands/invoke.ts'),
  },
  logs: {
    summary: 'what plugins have written, and with -f what they write',
    usage: '[<plugin>…] [options]',
    words: some,
    options: {
      url,
      follow: { short: 'f', text: 'goes on with what comes, until Ctrl-C' },
      lines: {
        short: 'n',
        value: '<n>',
        text: 'how many of the latest  [200; 10 before what follows; all with --since]',
      },
      level: { short: 'l', value: '<level>', text: 'the lowest: trace, debug, info, warn, error or fatal' },
      since: {
        short: 's',
        value: '<time>',
        text: 'a span back from now such as 15m, or a time such as 2026-01-31T08:00:00Z',
      },
      json: { text: 'a record a line, as JSON with all that it has' },
    },
    notes: 'Without a plugin: of all.',
    load: () => import('./commands/logs.ts'),
  },
  config: {
    summary: 'show the configuration of a plugin, or change it',
    usage: '<plugin> [options]',
    words: { least: 1, most: 1 },
    options: {
      url,
      set: {
        value: '<member>=<value>',
        multiple: true,
        text: 'such as limits.max_queue=100 or env.LANG=de; null takes it away',
      },
      why: { value: '<text>', text: 'is kept with the change' },
    },
    load: () => import('./commands/config.ts'),
  },
  new: {
    summary: 'make a plugin that runs',
    usage: '<name> [options]',
    words: { least: 1, most: 1 },
    options: {
      template: { short: 't', value: '<name>', text: 'typescript, nest or python  [typescript]' },
      in: { value: '<folder>', text: 'makes <folder>/<name>  [the first of BKG_PLUGINS_PATH, else plugins]' },
    },
    load: () => import('./commands/new.ts'),
  },
  conformance: {
    summary: 'try whether a running plugin keeps to the protocol',
    usage: '<plugin> [options]',
    words: { least: 1, most: 1 },
    options: {
      level: { short: 'l', value: '<level>', text: 'service, timed, live, graceful or full  [service]' },
      sample: {
        value: '<capability>=<json>',
        multiple: true,
        text: 'a payload that is valid, and harmless',
      },
      slow: {
        value: '<capability>=<json>',
        multiple: true,
        text: 'a payload that keeps it busy for 3 to 8 seconds',
      },
      json: { text: 'the result for programs' },
    },
    notes: `Each level holds those before it; from graceful on an instance is ended, and started anew when
the plugin is managed. Without a sample only a capability is invoked that calls itself idempotent.
It speaks to the broker: that of BKG_NATS_URL and BKG_CREDENTIALS_FILE, else that of BKG_HOME.

Exit codes: 0 every case up to the level is kept, 1 one is broken or could not be tried.`,
    load: () => import('./commands/conformance.ts'),
  },
};

const settings = `Where the mesh is, from the environment (bkg up is started with the same):

  BKG_HOME             folder with all data of the mesh            [.bkg in the project's folder]
  BKG_PORT             port of the dashboard and the HTTP API      [43119]
  BKG_HOST             address it listens on, loopback only        [127.0.0.1]
  BKG_API_KEY          is sent to the gateway as a bearer token    [none]

Other settings of bkg up:

  BKG_PLUGIN_BUS_PORT  port of the nats-server that bkg starts     [43121]
  BKG_PLUGINS_PATH     more folders with plugins                   [none]
  BKG_NATS_SERVER      path of the nats-server program             [from the PATH, or as fetched]
  BKG_NATS_URL         a broker to use instead of starting one     [none]
  BKG_CREDENTIALS_FILE JSON with its "user" and "password"         [those in BKG_NATS_URL]
`;

/**
 * Runs one command.
 * @returns the exit code: 0 done, 2 not understood; others are the command's own
 * @throws Failure
 */
export async function runCommand(
  [name, ...given]: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  if (name === 'version' || name === '--version' || name === '-v') return say(`bkg ${version()}\n`);
  if (name === 'help' || name === '--help' || name === '-h') return help(given);
  const spec = specOf(name);
  if (name === undefined || !spec)
    return misunderstood(name === undefined ? 'a command is missing' : unknown(name), usage());
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

function help([topic]: readonly string[]): number {
  if (topic === undefined) return say(`${usage()}\n${settings}`);
  const spec = specOf(topic);
  return spec ? say(describeCommand(topic, spec)) : misunderstood(unknown(topic), usage());
}

/** Not an inherited member such as `constructor`. */
function specOf(name: string | undefined): CommandSpec | undefined {
  return name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
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
