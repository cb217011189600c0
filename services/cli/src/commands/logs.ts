import type { LogRecord } from '@bkg/sdk/protocol';
import { isLogLevel, logLevels, logLinesDefault, logLinesMost, parseSince } from '@bkg/sdk/protocol';
import { UsageError } from '../command.ts';
import type { Arguments } from '../command.ts';
import { Gateway } from '../gateway.ts';
import { readKeptLogs } from '../kept-logs.ts';
import type { KeptLogsQuery } from '../kept-logs.ts';
import { logLine } from '../log-line.ts';
import { note } from '../terminal.ts';
import { parseWholeNumber } from '../whole-number.ts';

/** Before what follows, as `tail` has it. */
const linesBeforeFollowing = 10;

/** `bkg logs [<plugin>…]` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const gateway = new Gateway(args, env);
  const query = readQuery(args);
  const print = printer(args, query);
  if (args.isSet('follow')) {
    const { followLogs } = await import('../log-follow.ts');
    return followLogs({ gateway, query, print, warn: note });
  }
  const { records, truncated } = await readKeptLogs(gateway, query);
  for (const id of truncated) note(`older lines of ${id} are left out, because one answer cannot hold them`);
  for (const record of records) print(record);
  return 0;
}

function readQuery(args: Arguments): KeptLogsQuery {
  const [given, level, since] = [args.text('lines'), args.text('level'), args.text('since')];
  const lines = given === undefined ? undefined : parseWholeNumber('lines', given, logLinesMost);
  if (level !== undefined && !isLogLevel(level))
    throw new UsageError(`--level is "${level}"; it takes one of ${logLevels.join(', ')}`);
  if (since !== undefined && parseSince(since, Date.now()) === undefined)
    throw new UsageError(
      `--since is "${since}"; it takes a span such as 90s, 15m, 2h, 1d, or a time such as 2026-01-31T08:00:00Z`,
    );
  const few = args.isSet('follow') ? linesBeforeFollowing : logLinesDefault;
  return {
    plugins: [...new Set(args.words)],
    // Who names a time wants all since then.
    lines: lines ?? (since === undefined ? few : logLinesMost),
    ...(level && { level }),
    ...(since && { since }),
  };
}

function printer(args: Arguments, { plugins }: KeptLogsQuery): (record: LogRecord) => void {
  const { stdout } = process;
  if (args.isSet('json')) return (record) => stdout.write(`${JSON.stringify(record)}\n`);
  const withPlugin = plugins.length !== 1;
  return (record) => stdout.write(`${logLine(record, { withPlugin, now: new Date() })}\n`);
}
