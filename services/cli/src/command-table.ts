import type { CommandSpec, OptionSpec } from './command.ts';
import { keyCommands } from './key-commands.ts';

const url: OptionSpec = {
  value: '<address>',
  text: 'the gateway  [BKG_HOST and BKG_PORT, else where `bkg up` runs]',
};
const none = { least: 0, most: 0 };
const some = { least: 0, most: Infinity };
const any = { least: 1, most: Infinity };

const noWait: OptionSpec = { text: 'returns when the order is written, not when it is reached' };
const why: OptionSpec = { value: '<text>', text: 'is kept with the change' };
const force: OptionSpec = { text: 'also when callers would notice, by the rules of a contract' };

const control = {
  usage: '<plugin>… [options]',
  words: any,
  options: { url, 'no-wait': noWait },
};

/** By name; some have two words, such as `config history`. */
export const commands: Readonly<Record<string, CommandSpec>> = {
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
    summary: 'replace the instances of plugins by new ones, one after the other',
    load: () => import('./commands/restart.ts'),
  },
  swap: {
    summary: 'replace a running plugin by another version of it while it is used',
    usage: '<plugin> <version> [options]',
    words: { least: 1, most: 2 },
    options: { url, force, why, 'no-wait': noWait },
    notes: `Without a version it says which there are, and which runs. When the new one does not start, fails
its self-test or breaks the contract, it goes again, and the old one goes on.`,
    load: () => import('./commands/swap.ts'),
  },
  scale: {
    summary: 'run so many instances of a plugin',
    usage: '<plugin> <count> [options]',
    words: { least: 2, most: 2 },
    options: { url, why, 'no-wait': noWait },
    load: () => import('./commands/scale.ts'),
  },
  rollback: {
    summary: 'bring back an earlier configuration of a plugin, and the version that ran with it',
    usage: '<plugin> [<revision>] [options]',
    words: { least: 1, most: 2 },
    options: { url, force, why, 'no-wait': noWait },
    notes: `Without a revision: the one before that is in force. \`bkg config history <plugin>\` lists them. It
becomes a new revision, so a rollback can be rolled back.`,
    load: () => import('./commands/rollback.ts'),
  },
  invoke: {
    summary: 'call a capability of a plugin and print what it returns',
    usage: '<plugin> <capability> [<payload>] [options]',
    words: { least: 2, most: 3 },
    options: {
      url,
      file: { short: 'f', value: '<file>', text: 'takes the payload from a file; - is standard input' },
      'content-type': {
        short: 'c',
        value: '<type>',
        text: 'what the payload is  [by the end of the name of its file, else JSON]',
      },
      output: { short: 'o', value: '<file>', text: 'writes what it returns into a file' },
      stream: { short: 's', text: 'prints the chunks as they come, a line each; the last is the output' },
      timeout: {
        short: 't',
        value: '<span>',
        text: 'such as 500ms, 10s, 2m  [as long as the plugin allows]',
      },
      raw: { text: 'on a terminal too: the output as it is' },
    },
    notes: `The payload is JSON: a word, - for standard input, or a file; without one {} is sent. One that
begins with a minus goes after --. Output is printed byte by byte; on a terminal it is laid out.

A picture, a sound or any other file is sent while it is read, however large it is, and what comes
back is written while it comes:

  bkg invoke photos shrink --file large.png --output small.png
  tar c . | bkg invoke backup store -f - -c application/x-tar

A terminal is shown text only: other output goes to a file, or into a pipe.

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
      why,
      'no-wait': { text: 'returns when it is written, not when every instance has it' },
    },
    notes: `A secret is read from standard input with --set env.API_TOKEN=-, as others see command lines.
A plugin that is called history or diff goes after --, as in \`bkg config -- history\`.`,
    load: () => import('./commands/config.ts'),
  },
  'config history': {
    summary: 'which configurations a plugin had: when, by whom and why',
    usage: '<plugin> [options]',
    words: { least: 1, most: 1 },
    options: {
      url,
      before: { value: '<revision>', text: 'those older than this one' },
      json: { text: 'what the gateway says, as it is' },
    },
    load: () => import('./commands/config-history.ts'),
  },
  'config diff': {
    summary: 'what differs between two configurations of a plugin',
    usage: '<plugin> <revision> [<revision>] [options]',
    words: { least: 2, most: 3 },
    options: { url },
    notes: 'Without a second revision: the one that is in force.',
    load: () => import('./commands/config-diff.ts'),
  },
  ...keyCommands(url),
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
      level: { short: 'l', value: '<level>', text: 'one of those below  [service]' },
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
      upload: {
        value: '<capability>=<file>',
        multiple: true,
        text: 'what is sent to one that takes uploads; ;type=audio/wav behind it',
      },
      json: { text: 'the result for programs' },
    },
    notes: `Levels: service, timed, live, graceful, full, each of which holds those before it; beside them
streaming and upload, which hold timed, and backpressure, which holds live. At graceful and full
an instance is ended, and started anew when the plugin is managed. Without a sample only a
capability is invoked that calls itself idempotent. backpressure is quick with few places:
limits.max_concurrency and limits.max_queue.
It speaks to the broker: that of BKG_NATS_URL and BKG_CREDENTIALS_FILE, else that of BKG_HOME.

Exit codes: 0 every case up to the level is kept, 1 one is broken or could not be tried.`,
    load: () => import('./commands/conformance.ts'),
  },
};
