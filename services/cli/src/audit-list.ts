import type { AuditList } from '@bkg/sdk/protocol';
import { clock } from './clock.ts';
import { tableLines } from './table.ts';
import type { Column } from './table.ts';
import { paint, printable } from './terminal.ts';

type Event = AuditList['events'][number];

const nothing = '-';

/** A line for each event. @param most columns of the terminal */
export function auditLines({ events }: AuditList, most: number, now: Date): string[] {
  if (events.length === 0) return ['There is no such event.'];
  const columns: Column<Event>[] = [
    { title: 'SEQ', cell: ({ seq }) => String(seq), align: 'right' },
    { title: 'WHEN', cell: ({ time }) => clock(time, now) },
    { title: 'WHO', cell: ({ who }) => printable(who) },
    { title: 'VIA', cell: ({ via }) => printable(via) },
    { title: 'FROM', cell: ({ from }) => printable(from || nothing), least: 9 },
    { title: 'ACTION', cell: ({ action }) => printable(action), least: 8 },
    { title: 'TARGET', cell: ({ target }) => printable(target || nothing), least: 8 },
    {
      title: 'RESULT',
      cell: ({ result }) => printable(result),
      paint: (text, { result }) => (result === 'ok' ? text : paint('red', text)),
    },
    { title: 'DETAIL', cell: ({ detail = '' }) => printable(detail), least: 8 },
  ];
  return tableLines(columns, events, most);
}
