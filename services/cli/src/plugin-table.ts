import { presentEnd, shortVerdict } from '@bkg/sdk/protocol';
import type { PluginInfo } from '@bkg/sdk/protocol';
import { amount, count, milliseconds } from './figures.ts';
import { tableLines } from './table.ts';
import type { Column } from './table.ts';
import { cut, paint, printable, printableLine } from './terminal.ts';
import type { Style } from './terminal.ts';

const statusStyles: Record<PluginInfo['status'], Style> = {
  running: 'green',
  starting: 'yellow',
  stopping: 'yellow',
  error: 'red',
  stopped: 'dim',
};

export function paintStatus(status: PluginInfo['status'], text: string = status): string {
  return paint(statusStyles[status] ?? 'red', text);
}

/** What nobody measures, because nothing runs. */
const nothing = '-';

function measured(show: (telemetry: PluginInfo['telemetry']) => string) {
  return ({ telemetry }: PluginInfo): string => (telemetry.instances > 0 ? show(telemetry) : nothing);
}

const columns: Column<PluginInfo>[] = [
  { title: 'PLUGIN', cell: ({ id }) => printable(id), least: 12 },
  {
    title: 'STATUS',
    cell: ({ status, unknown_since: since }) => `${status}${since ? '?' : ''}`,
    paint: (text, { status }) => paintStatus(status, text),
  },
  { title: 'VERSION', cell: ({ version }) => printable(version), least: 7 },
  { title: 'INST', cell: ({ instances }) => instanceCount(instances), align: 'right' },
  { title: 'REQS', cell: measured(({ request_count: n }) => count(n)), align: 'right' },
  { title: 'ERRS', cell: measured(({ error_count: n }) => count(n)), align: 'right' },
  {
    title: 'P50/P99 MS',
    cell: measured(({ request_count: n, latency_ms: { p50, p99 } }) =>
      n > 0 ? `${milliseconds(p50)}/${milliseconds(p99)}` : nothing,
    ),
    align: 'right',
  },
  { title: 'CPU %', cell: measured(({ cpu_percent: percent }) => amount(percent)), align: 'right' },
  { title: 'MEM MB', cell: measured(({ memory_mb: mb }) => amount(mb)), align: 'right' },
];

/** All plugins, a line each, and under it why one has failed. @param most columns of the terminal */
export function pluginLines(plugins: readonly PluginInfo[], most: number): string[] {
  const [titles = '', ...lines] = tableLines(columns, plugins, most);
  const body = plugins.flatMap((plugin, i) => [lines[i] ?? '', ...errorLine(plugin, most)]);
  return [titles, ...body, ...legend(plugins, most)];
}

function errorLine(plugin: PluginInfo, most: number): string[] {
  const { status } = plugin;
  const error = presentEnd(plugin)?.text ?? plugin.error ?? '';
  const verdict = shortVerdict(plugin) ?? '';
  const text = error.startsWith(verdict) ? error : `${verdict}: ${error}`;
  if (text === '') return [];
  const line = cut(`  ${printableLine(text)}`, most);
  return [status === 'error' ? paint('red', line) : line];
}

/** `2` by the supervisor; `2*` by somebody else; `1+2*` when there are both. */
function instanceCount(instances: PluginInfo['instances']): string {
  const foreign = instances.filter(({ managed }) => !managed).length;
  const managed = instances.length - foreign;
  if (foreign === 0) return String(managed);
  return managed === 0 ? `${foreign}*` : `${managed}+${foreign}*`;
}

function legend(plugins: readonly PluginInfo[], most: number): string[] {
  const notes = [];
  if (plugins.some(({ instances }) => instances.some(({ managed }) => !managed)))
    notes.push('* not managed: started by somebody else, so bkg cannot start or stop it');
  const [silent] = plugins.flatMap(({ unknown_since: since }) => since ?? []).sort();
  if (silent) notes.push(`? the supervisor is silent since ${silent}: this was true then`);
  return notes.length > 0 ? ['', ...notes.map((note) => paint('dim', cut(note, most)))] : [];
}
