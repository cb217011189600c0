import { parseArgs } from 'node:util';

/** An option of a command. */
export interface OptionSpec {
  /** A letter that stands for it. */
  short?: string;
  /** What its value looks like, as in `<n>`; a flag has none. */
  value?: string;
  /** May be given several times. */
  multiple?: boolean;
  text: string;
}

export interface CommandSpec {
  summary: string;
  /** What follows the name: `<plugin> <capability> [<payload>] [options]`. */
  usage: string;
  /** How many words it takes besides options. */
  words: { least: number; most: number };
  options: Readonly<Record<string, OptionSpec>>;
  /** More for who asks about this command. */
  notes?: string;
  load: () => Promise<CommandModule>;
}

/** Commands are loaded when they are asked for: the broker's library alone takes longer than most of them. */
export interface CommandModule {
  /** @returns the exit code @throws Failure */
  run: (args: Arguments, env: NodeJS.ProcessEnv) => Promise<number>;
}

/** The command line was not understood. */
export class UsageError extends Error {
  override name = 'UsageError';
}

type Value = string | boolean | (string | boolean)[] | undefined;

/** What a command was given, known to fit its options. */
export class Arguments {
  readonly words: readonly string[];
  readonly #values: Readonly<Record<string, Value>>;

  constructor(words: readonly string[], values: Readonly<Record<string, Value>>) {
    this.words = words;
    this.#values = values;
  }

  isSet(option: string): boolean {
    return this.#values[option] === true;
  }

  text(option: string): string | undefined {
    const value = this.#values[option];
    return typeof value === 'string' ? value : undefined;
  }

  list(option: string): string[] {
    return [this.#values[option] ?? []].flat().filter((value) => typeof value === 'string');
  }
}

/** @throws UsageError that names what is allowed */
export function parseCommand(spec: CommandSpec, given: readonly string[]): Arguments {
  const { words, options } = spec;
  const { values, positionals } = parse(options, given);
  if (positionals.length < words.least)
    throw new UsageError(
      positionals.length === 0
        ? 'something is missing'
        : `something is missing after "${positionals.join(' ')}"`,
    );
  if (positionals.length > words.most) {
    const [first = ''] = positionals.slice(words.most);
    throw new UsageError(
      words.most === 0 ? `it takes no words, but was given "${first}"` : `"${first}" is one word too many`,
    );
  }
  return new Arguments(positionals, values);
}

function parse(options: CommandSpec['options'], given: readonly string[]) {
  const config = Object.entries({ ...options, help: helpOption }).map(([name, option]) => [
    name,
    {
      type: option.value ? ('string' as const) : ('boolean' as const),
      ...(option.short && { short: option.short }),
      ...(option.multiple && { multiple: true }),
    },
  ]);
  try {
    return parseArgs({
      args: [...given],
      options: Object.fromEntries(config) as Record<string, { type: 'string' | 'boolean' }>,
      allowPositionals: true,
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code?.startsWith('ERR_PARSE_ARGS_')) throw error;
    // Node's own words go on about the quoting of arguments.
    const [first = message] = message.split('. ');
    const [, unknown] = /Unknown option '([^']+)'/.exec(message) ?? [];
    const allowed = Object.keys(options).map((name) => `--${name}`);
    const what = unknown ? `there is no option ${unknown}` : first.split('\n')[0];
    const list = allowed.length > 0 ? `; it takes ${allowed.join(', ')}` : '; it takes none';
    throw new UsageError(`${what}${unknown ? list : ''}`, { cause: error });
  }
}

const helpOption: OptionSpec = { text: 'shows this', short: 'h' };

export function isHelpAsked(given: readonly string[]): boolean {
  const own = given.includes('--') ? given.slice(0, given.indexOf('--')) : given;
  return own.includes('--help') || own.includes('-h');
}

/** The help of one command. */
export function describeCommand(name: string, { usage, summary, options, notes }: CommandSpec): string {
  const rows = Object.entries(options).map(([option, { short, value = '', text }]) => [
    `${short ? `-${short}, ` : ''}--${option} ${value}`.trim(),
    text,
  ]);
  const width = Math.max(...rows.map(([left = '']) => left.length));
  return [
    `Usage: bkg ${name} ${usage}`.trim(),
    `\n${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    ...(rows.length > 0
      ? [`\n${rows.map(([left = '', right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')}`]
      : []),
    ...(notes ? [`\n${notes.trim()}`] : []),
    '',
  ].join('\n');
}
