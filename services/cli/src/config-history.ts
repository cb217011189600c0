import type { ConfigHistory, ConfigRevision } from '@bkg/sdk/protocol';
import { pluginPath } from './api-paths.ts';
import { dateAndTime } from './clock.ts';
import { UsageError } from './command.ts';
import { Failure } from './failure.ts';
import type { Gateway } from './gateway.ts';
import { tableLines } from './table.ts';
import type { Column } from './table.ts';
import { printable } from './terminal.ts';

/** Where the gateway has it. @param before revisions older than this; without it all that are kept */
export function historyPath(plugin: string, before?: number): string {
  const query = before === undefined ? '' : `?before=${before}`;
  return `${pluginPath(plugin, 'config', 'history')}${query}`;
}

/** @param revision one that is kept; without it the one in force. @throws Failure */
export async function readRevision(
  gateway: Gateway,
  plugin: string,
  revision?: number,
): Promise<ConfigRevision> {
  const path = historyPath(plugin, revision === undefined ? undefined : revision + 1);
  const [newest] = (await gateway.json<ConfigHistory>(path, { concern: { plugin } })).revisions;
  if (newest && (revision === undefined || newest.revision === revision)) return newest;
  throw new Failure(
    `Of the configuration of ${plugin} no revision${revision === undefined ? '' : ` ${revision}`} is kept.`,
    `\`bkg config history ${plugin}\` lists those that are.`,
  );
}

/** @throws UsageError */
export function parseRevision(name: string, given: string): number {
  const revision = Number(given);
  if (/^\d+$/.test(given) && revision >= 1 && Number.isSafeInteger(revision)) return revision;
  throw new UsageError(`${name} is "${given}"; it takes the number of a revision, such as 3`);
}

const unknown = '-';

const columns: Column<ConfigRevision>[] = [
  { title: 'REVISION', cell: ({ revision }) => String(revision), align: 'right' },
  { title: 'VERSION', cell: ({ version }) => printable(version || unknown), least: 7 },
  { title: 'WHEN', cell: ({ at }) => dateAndTime(at) || unknown },
  { title: 'WHO', cell: ({ by }) => printable(by || unknown), least: 8 },
  { title: 'WHY', cell: reason, least: 8 },
];

/** A line for each revision. @param most columns of the terminal */
export function historyLines({ revisions }: ConfigHistory, most: number): string[] {
  if (revisions.length === 0) return ['No revision is kept.'];
  return tableLines(columns, revisions, most);
}

function reason({ restores, why }: ConfigRevision): string {
  const again = restores === undefined ? [] : [`that of revision ${restores} again`];
  return [...again, ...(why ? [printable(why)] : [])].join(': ');
}
