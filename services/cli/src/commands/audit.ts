import type { AuditList } from '@bkg/sdk/protocol';
import { auditLines } from '../audit-list.ts';
import type { Arguments } from '../command.ts';
import { Gateway } from '../gateway.ts';
import { printRaw } from '../raw-answer.ts';
import { columns, note } from '../terminal.ts';
import { parseWholeNumber } from '../whole-number.ts';

const linesMost = 1_000;

/** `bkg audit` */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const path = `/api/audit${query(args)}`;
  const gateway = new Gateway(args, env);
  if (args.isSet('json')) return printRaw(gateway, path);
  const list = await gateway.json<AuditList>(path);
  process.stdout.write(`${auditLines(list, columns(), new Date()).join('\n')}\n`);
  if (list.next !== undefined) note(`there are older ones; \`bkg audit --before ${list.next}\` shows them`);
  return 0;
}

function query(args: Arguments): string {
  const [who, action] = [args.text('who'), args.text('action')];
  const given = Object.entries({
    most: wholeNumber(args, 'lines', linesMost),
    before: wholeNumber(args, 'before', Number.MAX_SAFE_INTEGER),
    who,
    action,
  }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  return given.length > 0 ? `?${new URLSearchParams(given).toString()}` : '';
}

function wholeNumber(args: Arguments, option: string, most: number): string | undefined {
  const given = args.text(option);
  return given === undefined ? undefined : String(parseWholeNumber(option, given, most));
}
