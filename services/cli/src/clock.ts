import { printable } from './terminal.ts';

/** Times in the zone of the reader. What is no time is shown as it is. */

/** `08:09:10.011`, with its date when that is not today's. */
export function clock(time: string, now: Date): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return printable(String(time));
  const hours = `${hoursOf(at)}.${digits(at.getMilliseconds(), 3)}`;
  return dateOf(at) === dateOf(now) ? hours : `${dateOf(at)} ${hours}`;
}

/** `2026-11-24 08:09:10` */
export function dateAndTime(time: string): string {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? printable(time) : `${dateOf(at)} ${hoursOf(at)}`;
}

function dateOf(at: Date): string {
  return `${at.getFullYear()}-${digits(at.getMonth() + 1)}-${digits(at.getDate())}`;
}

function hoursOf(at: Date): string {
  return `${digits(at.getHours())}:${digits(at.getMinutes())}:${digits(at.getSeconds())}`;
}

function digits(n: number, width = 2): string {
  return String(n).padStart(width, '0');
}
