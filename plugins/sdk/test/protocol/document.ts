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

export interface Members {
  /** All names; those that may be absent with `?`, as the tables write them. */
  names: string[];
  /** Of those that always have the same text. */
  values: Record<string, string>;
}

/** The objects in a text that are written as `{"a", "b"?, "c": "value"}`; `…Name` in one is a whole type. */
export function notations(text: string): (Members & { whole: string[] })[] {
  return [...text.matchAll(/\{(?=["…])[^{}]*\}/g)].map(([object]) => {
    const members = [...object.matchAll(/"([\w.]+)"(\?)?(?:: (?:"(\w+)"|[^,}]+))?(?=[,}])/g)];
    return {
      names: members.map(([, name, mark = '']) => `${name}${mark}`),
      values: Object.fromEntries(members.flatMap(([, name, , value]) => (value ? [[name, value]] : []))),
      whole: [...object.matchAll(/…(\w+)/g)].map(([, name]) => name!),
    };
  });
}

/** The members of a schema of an object in the same writing; `deep`: those of an object in it with a dot between. */
export function membersOf(schema: object, deep = false, before = ''): Members {
  const { properties = {}, required = [] } = schema as { properties?: object; required?: string[] };
  const parts = Object.entries(properties).map(
    ([name, one]: [string, { const?: unknown; properties?: object }]) => {
      const isOptional = !required.includes(name);
      if (one.properties && deep) return membersOf(one, deep, `${before}${name}.`);
      const value = typeof one.const === 'string' ? { [name]: one.const } : {};
      return { names: [`${before}${name}${isOptional ? '?' : ''}`], values: value };
    },
  );
  return {
    names: parts.flatMap(({ names }) => names),
    values: Object.assign({}, ...parts.map(({ values }) => values)) as Record<string, string>,
  };
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
