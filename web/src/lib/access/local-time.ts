import { formatClock, formatDate } from '../format.ts';

/** What a field for date and time takes, in the reader's zone and to the minute; "" for no time. */
export function localOfIso(iso: string): string {
  const date = new Date(iso);
  if (iso === '' || Number.isNaN(date.getTime())) return '';
  return `${formatDate(date)}T${formatClock(iso).slice(0, 5)}`;
}

/** "" for what is no time, such as a field that was emptied. */
export function isoOfLocal(local: string): string {
  const date = new Date(local);
  return local === '' || Number.isNaN(date.getTime()) ? '' : date.toISOString();
}
