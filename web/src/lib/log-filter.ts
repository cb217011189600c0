import { reachesLevel, type LogLevel } from '@bkg/sdk/protocol';
import type { LogRow } from './log-line.ts';

export interface LogFilter {
  /** The lowest level shown; undefined shows all. */
  level?: LogLevel;
  /** Shown are lines that hold this, in any case, and those of the instance whose id begins so. */
  text: string;
}

/** A shorter text would be found in an instance id by chance. */
const idPartLeast = 8;

/** Gaps always stay: a filter must not hide that something is missing. */
export function filterRows(rows: readonly LogRow[], { level, text }: LogFilter): readonly LogRow[] {
  const needle = text.trim().toLowerCase();
  if (!needle && !level) return rows;
  return rows.filter((row) => {
    if (row.kind === 'gap') return true;
    if (level && !reachesLevel(row.level, level)) return false;
    return !needle || row.haystack.includes(needle) || isOfInstance(row.record.instance, needle);
  });
}

function isOfInstance(instance: string, needle: string): boolean {
  return needle.length >= idPartLeast && instance.toLowerCase().startsWith(needle);
}

/** The filter as the query of an address, so that a filtered log can be sent to somebody. */
export function filterSearch({ level, text }: LogFilter): string {
  return new URLSearchParams({ ...(level && { level }), ...(text && { q: text }) }).toString();
}
