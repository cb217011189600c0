/** PROTOCOL.md as data: its sections, tables and code spans. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

export type Row = Record<string, string>;

export const document = readFileSync(path.resolve(import.meta.dirname, '../../PROTOCOL.md'), 'utf8');

/** The text below a heading up to the next one of any level. @throws Error when there is no such heading */
export function section(heading: string): string {
  const lines = document.split('\n');
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading);
  if (start < 0) throw new Error(`PROTOCOL.md has no heading "${heading}"`);
  const length = lines.slice(start + 1).findIndex((line) => /^#+ /.test(line));
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join('\n');
}

/** The rows of the table below a heading whose first column has this title. @throws Error when there is none */
export function table(heading: string, firstColumn: string): Row[] {
  const lines = section(heading).split('\n');
  const start = lines.findIndex((line) => line.startsWith('|') && cellsOf(line)[0] === firstColumn);
  if (start < 0) throw new Error(`"${heading}" has no table that begins with "${firstColumn}"`);
  const titles = cellsOf(lines[start]!);
  const length = lines.slice(start).findIndex((line) => !line.startsWith('|'));
  return lines
    .slice(start + 2, length < 0 ? undefined : start + length)
    .map((line) => Object.fromEntries(cellsOf(line).map((cell, i) => [titles[i] ?? '', cell])));
}

/** The code spans of a column, in order. */
export function codesIn(rows: Row[], column: string): string[] {
  return rows.flatMap((row) => codeSpans(row[column] ?? ''));
}

export function codeSpans(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
}

/** The fenced blocks of one language. */
export function fences(language: string): string[] {
  return [...document.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, given]) => given === language)
    .map(([, , text]) => text!);
}

/** Everything that is not in a fenced block. */
export const prose = document.replace(/^```.*?^```$/gms, '');

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}
